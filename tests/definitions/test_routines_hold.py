"""The routines that come with stegvis, under everything that can be done to them: alone, and handing over."""

import os

import pytest

from stegvis.adapters.testing.routine_machine import hold, routine_machine
from stegvis.routines.library import shipped

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))

TOGETHER = {
    "suspicion": ("suspicion", "acute"),
    "leisure": ("suspicion_leisure", "acute_brief"),
    "desk": ("suspicion_citizen", "acute_brief"),
    "staff": ("suspicion_hr", "acute_brief"),
    "care": ("suspicion_health", "acute"),
    "acute": ("acute",),
    "investigation": ("investigation", "acute"),
    "report": ("report", "threat_assessment", "investigation", "acute"),
    "threat_assessment": ("threat_assessment", "acute"),
    "plan": ("coordinated_plan", "acute"),
    "support_offer": ("support_offer", "report", "threat_assessment", "investigation", "acute"),
    "support_around": (
        "support_around",
        "safety_question",
        "threat_notice",
        "report",
        "threat_assessment",
        "investigation",
        "acute",
    ),
    "crossing": ("suspicion", "report", "threat_assessment", "investigation", "acute", "consultation"),
}
"""Which routines are tried together; the first is the one that staff open, and the others follow from it."""

VARIED = {"leisure", "desk", "staff", "care"}
"""What is the school's routine but for something; tried less each time, and as much as the others for long."""


@pytest.mark.parametrize("name", TOGETHER)
def test_the_routine_holds(name: str) -> None:
    routines = TOGETHER[name]
    hold(routine_machine(shipped(), *routines, opens=routines[:1]), examples=2 if name in VARIED else 5, steps=12)


@pytest.mark.deep
@pytest.mark.parametrize("name", TOGETHER)
def test_the_routine_holds_for_long(name: str) -> None:
    routines = TOGETHER[name]
    machine = routine_machine(shipped(), *routines, opens=routines[:1])
    hold(machine, examples=max(5, int(200 * SCALE)), steps=40, chance=SCALE >= 1)
