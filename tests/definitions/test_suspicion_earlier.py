"""Suspicion as it was shipped before: runs that were opened under it go on under it, and count as they did."""

from dataclasses import replace
from pathlib import Path

import pytest

from stegvis.engine.answers import Refused
from stegvis.engine.engine import Engine
from stegvis.routines.library import Library, shipped
from stegvis.routines.reader import read_file
from stegvis.routines.rules import compile_routine

from .test_suspicion import (
    AUDITOR,
    COUNSELLOR,
    NO_CONCERN,
    NURSE,
    REPORT,
    SCHOOL,
    SEEN,
    TALK,
    TEACHER,
    TONIGHT,
    Story,
)

FROZEN = Path(__file__).parent / "earlier" / "suspicion-2026.1.yaml"
DIGEST = "3d175b690cf28c56f9bdce68e8f4ce971f174587232409269fcc2aa95a2e4827"
"""What the logs of that time name; were the frozen file to change, they would name something else."""


@pytest.fixture(scope="module")
def before() -> Library:
    """The shipped library of the day before suspicion 2026.2."""
    whole = shipped()
    old = compile_routine(read_file(FROZEN, FROZEN.name).data, whole.builtin)  # type: ignore[arg-type]
    newer = whole.versions["suspicion"][0].digest
    kept = {digest: rules for digest, rules in whole.by_digest.items() if digest != newer}
    return replace(whole, versions={**whole.versions, "suspicion": (old,)}, by_digest={**kept, old.digest: old})


@pytest.fixture
def story(before: Library) -> Story:
    told = Story()
    told.engine = Engine(replace(before, orders=told.engine.library.orders), told.engine.store, clock=lambda: told.now)
    return told


def upgraded(story: Story) -> Story:
    """The same store under the library that ships now."""
    library = replace(shipped(), orders=story.engine.library.orders)
    story.engine = Engine(library, story.engine.store, clock=lambda: story.now)
    return story


def test_what_is_frozen_is_what_the_logs_name_and_not_what_is_shipped(before: Library) -> None:
    old, new = before.versions["suspicion"][0], shipped().versions["suspicion"][0]
    assert (old.digest, old.routine.label) == (DIGEST, "2026.1")
    assert new.digest != old.digest
    assert new.routine.label != old.routine.label


def test_a_run_in_the_middle_goes_on_under_its_own_rules_to_the_end(story: Story) -> None:
    story.opens()
    first = upgraded(story).run().rules
    assert first == DIGEST
    assert story.take(COUNSELLOR, "talk", TALK) == "judging"
    assert story.take(COUNSELLOR, "report", REPORT) == "reported"
    assert story.take(COUNSELLOR, "tonight", TONIGHT) == "following"
    story.later(days=1)
    story.take(COUNSELLOR, "confirm_receipt", {"how": "phone"})
    story.take(COUNSELLOR, "follow_up", {"how": "met", "worse": False})
    assert story.take(COUNSELLOR, "close", {"why": "Över", "adult_at_school": True}) == "handed_over"
    assert story.run().rules == first
    replay = story.engine.replay(story.id, actor=AUDITOR)
    assert replay.sound
    assert {step.verdict for step in replay.steps} == {"reproduced"}
    assert story.engine.verify(SCHOOL) == []


def test_what_is_asked_anew_is_not_asked_of_an_old_run(story: Story) -> None:
    story.opens()
    upgraded(story)
    with pytest.raises(Refused, match="nothing_to_correct"):
        story.engine.correct(story.id, {"now.arose": "seen"}, actor=TEACHER, key="k-x", reason="Glömde")
    story.opens(TEACHER, **SEEN, arose="after_lesson")
    assert story.run().state == "disclosed"
    assert story.run().rules == shipped().versions["suspicion"][0].digest


def test_a_proposal_that_waited_is_approved_under_the_rules_it_was_made_under(story: Story) -> None:
    story.opens()
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    story.take(TEACHER, "no_concern", NO_CONCERN)
    assert upgraded(story).take(NURSE, "no_concern.approve") == "no_concern"


def test_notes_from_before_count_in_runs_from_after(story: Story) -> None:
    for _ in range(2):
        story.opens()
        story.take(TEACHER, "no_talk", {"reason": "absent"})
        story.take(TEACHER, "no_concern", NO_CONCERN)
        story.take(COUNSELLOR, "no_concern.approve")
        story.later(days=30)
    upgraded(story).opens()
    story.take(TEACHER, "no_talk", {"reason": "absent"})
    assert story.no(TEACHER, "no_concern", NO_CONCERN) == {"third_note"}
