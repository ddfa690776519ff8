"""What a host vouches for stands open in every record: keys and known words only. What does not exist is told."""

from datetime import timedelta

import pytest

from stegvis.engine.decide import decide
from stegvis.engine.values import Actor, Command
from stegvis.routines.errors import BadInput, NotFound

from .toys import FIRST, KURATOR, SCHOOL, START, World


@pytest.mark.parametrize(
    ("actor", "code"),
    [
        (
            Actor("Anna Andersson", roles={"head_teacher"}, unit="ledning", organisation=SCHOOL),
            "not_a_reference",
        ),
        (Actor("u-1", roles={"school_counsellor"}, unit="Elevhälsan", organisation=SCHOOL), "not_a_reference"),
        (Actor("u-1", roles={"Anna Andersson"}, unit="elevhalsa", organisation=SCHOOL), "unknown_role"),
        (
            Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL, delegations={"allt"}),
            "unknown_delegation",
        ),
        (Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="okand"), "unknown_organisation"),
    ],
)
def test_what_could_name_somebody_enters_no_record(actor: Actor, code: str) -> None:
    world = World()
    case = world.lantern()
    rows = list(world.store.log(SCHOOL))
    for ask in (
        lambda: world.open("lantern", actor, FIRST),
        lambda: world.take(case, "note", actor, form={"line": "x"}),
        lambda: world.engine.guide(case, actor=actor),
    ):
        with pytest.raises((BadInput, NotFound), match=code) as caught:
            ask()
        assert "Andersson" not in str(caught.value)
    assert list(world.store.log(SCHOOL)) == rows


def test_a_clock_that_is_behind_a_case_leaves_it_for_the_next_tick() -> None:
    world = World()
    case = world.lantern()
    world.clock.now += timedelta(days=3)
    world.take(case, "note", KURATOR, form={"line": "Senare."})
    before = world.case(case, KURATOR)
    assert world.engine.tick(SCHOOL, START + timedelta(days=2)) == 0
    assert world.case(case, KURATOR) == before
    assert world.engine.tick(SCHOOL, world.clock.now) == 1


def test_the_core_says_what_is_not_there() -> None:
    world = World()
    case = world.case(world.lantern(), KURATOR)
    command = Command(kind="take", run="0" * 32, trigger="note")
    with pytest.raises(NotFound, match="unknown_case"):
        decide(world.library, None, command, KURATOR, world.clock())
    with pytest.raises(NotFound, match="unknown_run"):
        decide(world.library, case, command, KURATOR, world.clock())
    (run,) = case.runs.values()
    gone = case._replace(runs={run.id: run._replace(rules="0" * 64)})
    with pytest.raises(NotFound, match="rules_missing"):
        decide(world.library, gone, command._replace(run=run.id), KURATOR, world.clock())
