"""The past on two clocks, held to what it was at the time."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.engine.evolve import fold
from stegvis.engine.instants import text_of
from stegvis.engine.past import Clocks, as_of, belonging, deadlines, recorded, unseen, within
from stegvis.engine.values import Case, Event

from .plays import Player
from .toys import FIRST, HEAD, KURATOR, SCHOOL, World

LOOK = {"flame": "high", "wind": 3}
seeds = st.integers(0, 2**32)


def chain(player: Player, organisation: str, case: str) -> list[Event]:
    files = player.world.engine.files
    return [files.event(row, organisation, case) for row in player.world.store.case_records(organisation, case)]


class Watched(Player):
    """Plays, and keeps how every case stood after each thing that was done, with the instant."""

    def play(self, steps: int) -> "Watched":
        self.stood: list[tuple[str, str, str, Case]] = []
        for _ in range(steps):
            super().play(1)
            now = text_of(self.world.clock.now)
            for organisation, case in self.cases():
                self.stood.append((organisation, case, now, self.whole(organisation, case)))
        return self


@settings(deadline=None, max_examples=25)
@given(seed=seeds)
def test_what_was_known_at_an_instant_is_what_stood_there_then(seed: int) -> None:
    player = Watched(seed).play(25)
    chains = {(one, case): chain(player, one, case) for one, case in player.cases()}
    for organisation, case, now, stood in player.stood:
        events = chains[organisation, case]
        assert as_of(events, Clocks(known=now)) == stood
        assert fold(events[: stood.version]) == stood


@settings(deadline=None, max_examples=25)
@given(seed=seeds, data=st.data())
def test_the_two_clocks_agree_at_the_present_and_leave_out_only_what_belongs_later(
    seed: int, data: st.DataObject
) -> None:
    player = Player(seed).play(30)
    if not player.cases():
        return
    organisation, case = data.draw(st.sampled_from(player.cases()))
    events = chain(player, organisation, case)
    end = text_of(player.world.clock.now)
    assert as_of(events, Clocks(happened=end, known=end)) == as_of(events, Clocks()) == player.whole(organisation, case)
    at = data.draw(st.sampled_from([event.head[clock] for event in events for clock in ("hap", "at")]))
    known, happened = (set(within(events, one)) for one in (Clocks(known=at), Clocks(happened=at)))
    # What had happened is told with later entries and corrections in their place; nothing of it lies ahead.
    assert all(events[place].head["hap"] <= at for place in happened if events[place].head["type"] != "correction")
    assert known == {place for place, event in enumerate(events) if recorded(event.head) <= at}
    late = {place for place in happened - known if events[place].head["type"] != "correction"}
    assert late <= set(unseen(events, at))
    both = set(within(events, Clocks(happened=at, known=at)))
    assert both <= known
    if all(event.head["hap"] == event.head["at"] and event.head["type"] != "correction" for event in events):
        assert known == happened == both
    places = belonging(events)
    opened = [place for place, event in enumerate(events) if event.head["type"] in {"case.open", "run.open"}]
    for place in opened:
        mine = [there for there, event in enumerate(events) if event.head["run"] == events[place].head["run"]]
        assert places[place] == min(places[there] for there in mine)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_deadlines_that_run_in_the_fold_are_those_told_as_running(seed: int) -> None:
    player = Player(seed).play(30)
    for organisation, case in player.cases():
        events = chain(player, organisation, case)
        end = text_of(player.world.clock.now)
        for version in range(1, len(events) + 1):
            folded = fold(events[:version])
            assert folded is not None
            told = deadlines(events, range(version), end)
            running = {(one.run, one.id): one.due for one in told if one.closed is None}
            assert running == {(run.id, name): due for run in folded.runs.values() for name, due in run.due.items()}
            assert all((one.outcome in {"open", "overdue"}) == (one.closed is None) for one in told)


# ---- one story ------------------------------------------------------------------------------------------------------


def test_a_late_entry_and_a_correction_belong_where_they_happened_and_were_not_known_then() -> None:
    world = World()
    case = world.open("lantern", KURATOR, {**FIRST, "born": "2010-01-01"}, person="p-1").id
    first = world.clock.now
    world.clock.turn(days=3)
    late = first + timedelta(days=1)
    world.take(case, "look", KURATOR, form=LOOK, happened=late)
    world.clock.turn(days=2)
    world.engine.correct(case, {"first.born": "2012-01-01"}, reason="fel", actor=KURATOR, key="c-1")
    files = world.engine.files
    events = [files.event(row, SCHOOL, case) for row in world.store.case_records(SCHOOL, case)]
    at = text_of(first + timedelta(days=2))

    def stood(clocks: Clocks) -> tuple[str, object]:
        found = as_of(events, clocks)
        assert found is not None
        (run,) = found.runs.values()
        return run.state, run.facts["first.born"]

    assert stood(Clocks(known=at)) == ("lit", "2010-01-01")
    assert stood(Clocks(happened=at)) == ("burning", "2012-01-01")
    assert stood(Clocks(happened=at, known=text_of(first + timedelta(days=4)))) == ("burning", "2010-01-01")
    assert stood(Clocks(happened=text_of(first))) == ("lit", "2012-01-01")
    assert unseen(events, at) == [1]
    assert as_of(events, Clocks(happened=text_of(first - timedelta(days=1)))) is None
    assert world.state(case, HEAD) == "burning"
