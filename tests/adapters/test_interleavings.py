"""Interleavings: whatever the order in which people's commands meet, it is as if they had come one after the other."""

import os

import pytest
from hypothesis import HealthCheck, given, settings

from stegvis.adapters.memory import MemoryStore
from stegvis.adapters.testing.clock import START, SeededEntropy
from stegvis.engine.engine import Engine

from .interleavings import SCHOOL, SOCIAL, Judge, Plan, opened_case, plans, play
from .test_routine_machine import toy

SCALE = float(os.environ.get("STEGVIS_SCALE", "1"))


def tried(plan: Plan) -> None:
    """Play a plan in memory, and judge what came of it."""
    store = MemoryStore()
    case = opened_case(Engine(toy(), store, clock=lambda: START, entropy=SeededEntropy()))
    before = {name: len(list(store.log(name))) for name in (SCHOOL, SOCIAL)}
    story = play(toy(), plan, lambda _: store, case)
    Judge(toy(), store, story, plan).judge(before)


def hold(examples: int, *, chance: bool = False) -> None:
    """Try so many plans, and fail with the shortest in which something should not be so."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=not chance,
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(plans())
    def holds(plan: Plan) -> None:
        tried(plan)

    holds()


def test_whatever_the_order_it_is_as_if_one_command_came_after_the_other() -> None:
    hold(150)


@pytest.mark.deep
def test_ten_thousand_interleavings() -> None:
    hold(int(10_000 * SCALE), chance=True)
