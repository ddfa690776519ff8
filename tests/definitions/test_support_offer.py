"""Offering support (stöderbjudande): what must never happen, to the exposed, to a child and around them."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor, Run
from stegvis.routines.library import shipped
from stegvis.routines.model import Routine
from stegvis.routines.rules import Rules

from ..often import often
from .test_report import local, shown

OURS = "socialtjanst"
POWERS = {"support_measure", "child_support", "contact_decision", "assign"}
ROUTINES = ("support_offer", "support_around", "safety_question", "threat_notice")


def officer(name: str, *roles: str, unit: str = "stod") -> Actor:
    return Actor(name, roles=set(roles), unit=unit, organisation=OURS, delegations=POWERS, qualified=True)


WORKER = officer("s-worker", "social_worker")
LEADER = officer("s-leader", "team_leader")
MANAGER = officer("s-manager", "unit_manager")
HIS = officer("s-his", "social_worker", unit="vuxen")
HIS_LEADER = officer("s-his-leader", "team_leader", unit="vuxen")
OTHER_LEADER = officer("s-other-leader", "team_leader", unit="barn-och-unga")
NIGHT = officer("s-night", "out_of_hours", unit="jour")
MOTHER = "p-mother"

START: Mapping[str, object] = {"urgency": "soon", "known_from": "own_request", "protected_identity": "no"}
CHANNEL: Mapping[str, object] = {"way": "own_phone", "written": True, "shut": True, "interpreter": "outside_network"}
TOLD: Mapping[str, object] = {
    "alone": True,
    "told": ["may_say_no", "may_apply", "what_is_written"],
    "offered": ["acute", "short"],
}
PLAN: Mapping[str, object] = {
    "phase": "short",
    "content": ["talks"],
    "together": "alone",
    "risk_assessed": True,
    "safety_plan": True,
}
CHILD_PLAN: Mapping[str, object] = {
    "basis": "tested",
    "suitable": True,
    "suitable_why": "Hon är mogen",
    "content": ["talks", "programme"],
    "together": "alone",
    "understood": True,
    "child_best": "Att få stöd",
    "weighing": "decisive",
    "decision_text": "Stöd beviljas.",
}
REACHED: Mapping[str, object] = {"channel": "phone", "interpreter": "none_needed"}


class Office:
    """One engine, one clock, and the case at hand."""

    def __init__(self, at: str = "2026-03-09 10:00") -> None:
        self.now = local(at)
        self.engine = Engine(shipped(), MemoryStore(), clock=lambda: self.now)
        self.keys = (f"k-{number}" for number in count())
        self.case = ""

    def at(self, text: str) -> None:
        self.now = local(text)

    def later(self, **time: int) -> None:
        self.now += timedelta(**time)

    def open(self, routine: str, actor: Actor = WORKER, /, **answers: object) -> Receipt:
        receipt = self.engine.open(routine, actor=actor, form=answers, person="p-1", key=next(self.keys))
        self.case = receipt.id
        return receipt

    def do(self, step: str, actor: Actor = WORKER, /, **answers: object) -> str:
        return self.engine.take(self.case, step, actor=actor, form=answers, key=next(self.keys)).state

    def refusal(self, step: str, actor: Actor = WORKER, /, **answers: object) -> set[str]:
        """What refuses the step: the ids of guards, the codes of the rest."""
        with pytest.raises(Refused) as no:
            self.do(step, actor, **answers)
        return {one.about if one.code in {"guard", "not_known"} and one.about else one.code for one in no.value.reasons}

    def allowed(self, step: str, actor: Actor = WORKER, /, **answers: object) -> bool:
        return self.engine.explain(self.case, step, actor=actor, form=answers).allowed

    def run(self) -> Run:
        return next(iter(self.engine.case(self.case, actor=NIGHT).runs.values()))

    def due(self) -> dict[str, str]:
        return {name: shown(due.shown) for name, due in self.run().due.items()}

    # ---- the ways that many tests take

    def adult(self, wants: str = "accepts") -> "Office":
        self.open("support_offer", **START, whom="adult")
        self.do("set_channel", **CHANNEL)
        self.do("ask_children", told=True, children="none")
        self.do("inform", **TOLD)
        later = {} if wants == "accepts" else {"next_at": self.now + timedelta(days=7)}
        self.do("answer", alone=True, wants=wants, **later)
        return self

    def supported(self) -> "Office":
        self.adult()
        assert self.do("plan", **PLAN) == "delivering"
        return self

    def child(self, born: date, child: str = "consents", guardian: str = "not_asked") -> "Office":
        """As far as the decision, with these answers about consent."""
        self.open("support_offer", **START, whom="child")
        self.do("hear_child", how="in_investigation", said="x", told="x", interpreter="none_needed")
        self.do("note_birth", born=born.isoformat())
        if guardian != "not_asked":
            rows = [{"person": MOTHER, "decision": "open", "place": "Här", "may_say": "Att stöd finns"}]
            self.do("decide_contact", protected_first=True, persons=rows, reasons="x")
            self.do("ask_guardian", guardian=MOTHER, channel="in_person", interpreter="none_needed", answered="x")
        self.do("take_consent", child_alone=True, child=child, guardian=guardian)
        return self

    def apart(self) -> "Office":
        """The case of whoever uses violence, as far as the first question of safety."""
        self.open("support_around", HIS, whom="perpetrator", close="yes", protected_identity="no")
        chosen = {"worker": HIS.id, "own_case": True, "has_other_party": False, "conflict": "none"}
        assert self.do("assign", HIS_LEADER, **chosen) == "asking"
        self.ask("ask_safety")
        return self

    def ask(self, step: str = "ask_safety_again", plan: str = "first_contact") -> str:
        """Ask, and hand the question to the other caseworker; the question's case."""
        case = self.case
        self.do(step, HIS, at=self.now, number="Dnr 1", plan=plan)
        question = next(iter(self.arrived()))
        self.case = question
        self.do("hand_out", OTHER_LEADER, worker=WORKER.id, asked_it=False)
        self.case = case
        return question

    def arrived(self) -> set[str]:
        before = {one.case for one in self.engine.due(actor=OTHER_LEADER)}
        self.engine.deliver(OURS)
        return {one.case for one in self.engine.due(actor=OTHER_LEADER)} - before

    def reply(self, question: str, go: str, step: str = "answer") -> None:
        case, self.case = self.case, question
        again = {"ask_again": self.now + timedelta(days=3)} if go == "wait" else {}
        ready = {"risk_assessed": True, "exposed_ready": "told", "reasons": "Hon flyttar till en annan stad"}
        self.do(step, WORKER, at=self.now, go=go, **again, **ready)
        self.engine.deliver(OURS)
        self.case = case


def routines() -> Iterator[tuple[str, Rules]]:
    for name in ROUTINES:
        yield name, shipped().versions[name][0]


def routine(name: str) -> Routine:
    return shipped().versions[name][0].routine


# ---- in every state -------------------------------------------------------------------------------------------------


def test_every_state_says_what_must_not_be_done() -> None:
    assert [
        (name, state) for name, rules in routines() for state, one in rules.routine.states.items() if not one.never
    ] == []


def test_danger_to_life_can_be_raised_from_every_state_that_is_not_an_end() -> None:
    for name, rules in routines():
        for spot in rules.spots.values():
            assert spot.ends or "acute" in rules.moves[spot.name], (name, spot.name)


def test_nobody_has_decided_on_these_routines_yet() -> None:
    assert [name for name, rules in routines() if rules.routine.adopted is not None] == []


@pytest.mark.parametrize("name", ["support_offer", "support_around"])
def test_where_support_is_given_mediation_is_named_as_what_must_not_be_done(name: str) -> None:
    states = {"offering", "informed", "planning", "delivering", "evaluated", "child_deciding", "reaching", "motivating"}
    for state, one in routine(name).states.items():
        assert state not in states or any(never.law == "no_joint_work" for never in one.never), (name, state)


@pytest.mark.parametrize("name", ["support_offer", "support_around"])
def test_every_question_of_interpreter_refuses_the_family_and_the_unchecked(name: str) -> None:
    rules = shipped().versions[name][0]
    asked = {form for form, one in rules.routine.forms.items() if "interpreter" in one.fields}
    steps = {move.base: move for there in rules.moves.values() for move in there.values() if move.form in asked}
    assert steps
    for step, move in steps.items():
        guard = next(one for one in move.guards if one.guard.id == "interpreter")
        fact = f"{move.form}.interpreter"
        assert [guard.condition.evaluate({fact: said}) for said in ("family", "unchecked")] == [False, False], step
        assert guard.condition.evaluate({fact: "outside_network"}), step


@pytest.mark.parametrize("name", ["support_offer", "support_around"])
def test_nothing_is_ever_planned_together_with_somebody_else(name: str) -> None:
    rules = shipped().versions[name][0]
    asked = {form: one.fields["together"] for form, one in rules.routine.forms.items() if "together" in one.fields}
    steps = {move.base: move for there in rules.moves.values() for move in there.values() if move.form in asked}
    assert len(steps) >= (3 if name == "support_offer" else 1)
    for step, move in steps.items():
        assert move.form is not None
        guard = next(one for one in move.guards if one.guard.id == "apart")
        said = {one: guard.condition.evaluate({f"{move.form}.together": one}) for one in asked[move.form].of or {}}
        assert [one for one, may in said.items() if may] == ["alone"], step


# ---- an adult -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["letter", "through_family"])
def test_nobody_is_reached_by_letter_or_through_the_family(way: str) -> None:
    office = Office()
    office.open("support_offer", **START, whom="adult")
    assert office.refusal("set_channel", **{**CHANNEL, "way": way}) == {"own_way"}
    office.do("set_channel", **CHANNEL)
    assert office.refusal("change_channel", **{**CHANNEL, "way": way, "shut": False}) == {"own_way", "shut"}


def test_acute_support_waits_for_neither_plan_nor_decision() -> None:
    office = Office("2026-03-09 22:30")
    office.open("support_offer", NIGHT, **{**START, "urgency": "acute"}, whom="adult")
    assert office.due()["acute_support"] == "2026-03-10 23:59"
    assert office.do("give_acute", NIGHT, wants=True, what=["night"]) == "preparing"
    assert "acute_support" not in office.due()


def test_what_an_adult_wants_is_asked_only_after_children_and_in_private() -> None:
    office = Office()
    office.open("support_offer", **START, whom="adult")
    office.do("set_channel", **CHANNEL)
    assert office.refusal("inform", **{**TOLD, "alone": False}) == {"children_first", "alone"}
    assert office.refusal("answer", alone=True, wants="accepts") == {"not_here"}


@pytest.mark.parametrize("children", ["some", "unclear"])
def test_a_no_is_not_closed_while_children_are_unreported(children: str) -> None:
    office = Office().adult("declines")
    again = {"next_at": office.now + timedelta(days=7)}
    office.do("ask_again", safe=True, wants="declines", **again)
    office.do("ask_children", told=True, children=children)
    closing = {"why": "x", "risk_assessed": True, "knows_ways": True}
    assert office.refusal("close_declined", **closing) == {"children_safe"}
    report = {"account": "x", "whereabouts": "x", "child_identity": "x", "about": "child", "protected_identity": "no"}
    office.do("report_child", **report, every_child=False)
    assert office.refusal("close_declined", **closing) == {"children_safe"}
    office.do("report_child", **report, every_child=True)
    assert office.allowed("close_declined", **closing) is (children == "some")


def test_a_first_no_is_not_the_end_and_nobody_closes_alone() -> None:
    office = Office().adult("declines")
    closing = {"why": "Hon vill inte", "risk_assessed": True, "knows_ways": True}
    assert office.refusal("close_declined", **closing) == {"asked_again"}
    office.do("ask_again", safe=True, wants="declines", next_at=office.now + timedelta(days=7))
    assert office.do("close_declined", **closing) == "declined.close_declined"
    assert not office.allowed("close_declined.approve", WORKER)
    assert office.do("close_declined.approve", LEADER) == "declined_for_now"


def test_somebody_who_declined_is_due_to_be_asked_on_the_day_that_was_set_and_no_later_than_the_house_says() -> None:
    soon, far = Office(), Office()
    soon.adult("declines")
    assert soon.due()["ask_again"] == "2026-03-16 10:00"
    far.adult("undecided")
    far.do("ask_again", safe=True, wants="undecided", next_at=far.now + timedelta(days=200))
    assert far.due()["ask_once_more"] == "2026-03-23 23:59"


def test_support_ends_only_after_aftercare_in_which_the_person_was_heard_free_from_pressure() -> None:
    office = Office().supported()
    office.do("evaluate", asked="person", freer="yes")
    closing = {"why": "x", "risk_assessed": True, "knows_ways": True}
    assert office.refusal("end_support", **closing) == {"not_here"}
    office.do("start_aftercare", days="Onsdag")
    assert "seen_lately" in office.refusal("end_support", **closing)
    office.do("check_in", pressure="unknown", contact_family="none")
    assert office.refusal("end_support", **closing) == {"seen_lately"}
    office.do("check_in", pressure="none", contact_family="none")
    assert office.do("end_support", **closing) == "finished"


def test_an_unanswered_pressure_holds_back_every_ending_and_every_return() -> None:
    office = Office().supported()
    office.do("evaluate", asked="person", freer="yes")
    office.do("start_aftercare", days="Onsdag")
    office.do("check_in", pressure="none", contact_family="none")
    office.later(hours=1)
    office.do("note_pressure", noticed_at=office.now, what="De ringer")
    back = {"whose": "own", "risk_assessed": True, "safety_plan": True, "at": office.now + timedelta(days=2)}
    assert office.refusal("plan_return", **back) == {"pressure_answered"}
    assert "pressure_answered" in office.refusal("end_support", why="x", risk_assessed=True, knows_ways=True)
    office.later(hours=1)
    assert office.refusal(
        "answer_pressure", answered_at=office.now, risk_assessed=False, safety_plan=False, done="x"
    ) == {
        "risk_anew",
        "plan_revised",
    }
    office.do("answer_pressure", answered_at=office.now, risk_assessed=True, safety_plan=True, done="x")
    assert office.do("plan_return", **back) == "returning"
    office.do("note_pressure", noticed_at=office.now + timedelta(0), what="De hotar")
    office.later(days=3)
    assert office.do("returned", heard_alone=True, how="calm") == "aftercare"


@pytest.mark.parametrize("whose", ["family", "unclear"])
def test_nobody_is_helped_home_on_the_wish_of_the_family(whose: str) -> None:
    office = Office().supported()
    office.do("evaluate", asked="person", freer="yes")
    office.do("start_aftercare", days="Onsdag")
    back = {"risk_assessed": True, "safety_plan": True, "at": office.now + timedelta(days=2)}
    assert office.refusal("plan_return", whose=whose, **back) == {"own_will"}


def test_whoever_breaks_off_comes_back_without_a_question() -> None:
    office = Office().supported()
    office.do("break_off", how="silent")
    assert routine("support_offer").states["paused"].transitions["come_back"].form is None
    assert office.do("come_back", officer("s-intake", "intake_worker")) == "planning"


def test_a_broken_contact_is_not_closed_until_somebody_knows_that_the_person_is_free() -> None:
    office = Office().supported()
    office.do("break_off", how="others")
    assert office.refusal("close_paused", free="unknown", reported=False, why="x") == {"tried", "not_taken"}
    office.do("try_contact", safe=True, result="stranger")
    assert office.refusal("close_paused", free="unknown", reported=False, why="x") == {"not_taken"}
    office.do("close_paused", free="police_told", reported=False, why="x")
    assert office.do("close_paused.approve", LEADER) == "broken_off"


def test_a_caseworker_of_the_other_party_never_gets_the_case() -> None:
    office = Office()
    office.open("support_offer", **START, whom="adult")
    assert office.refusal("assign", LEADER, worker="s-9", conflict="unchecked", has_other_party=True) == {
        "no_conflict",
        "other_worker",
    }


# ---- a child --------------------------------------------------------------------------------------------------------


def six_cells(age: int, basis: str, child: str, guardian: str, *, suitable: bool) -> bool:
    """SoL 21:1 (needs-tested) and 21:2 (not), written out once more by hand."""
    guardians, own = guardian in {"all", "placed_alone"}, child in {"asks", "consents"} and suitable
    if age < 12:
        return guardians
    if age < 15:
        return guardians or (own and basis == "tested")
    return own


@often(150)
@given(
    age=st.integers(8, 17),
    basis=st.sampled_from(["tested", "untested"]),
    child=st.sampled_from(["asks", "consents", "declines", "too_young"]),
    guardian=st.sampled_from(["all", "placed_alone", "some", "declines", "not_asked"]),
    suitable=st.booleans(),
)
def test_a_child_gets_support_exactly_where_the_six_cells_allow_it(
    age: int, basis: str, child: str, guardian: str, suitable: bool
) -> None:
    office = Office("2026-03-09 10:00").child(date(2026 - age, 2, 1), child, guardian)
    plan = {**CHILD_PLAN, "basis": basis, "suitable": suitable}
    expected = six_cells(age, basis, child, guardian, suitable=suitable)
    assert office.allowed("decide_child_support", **plan) is expected
    if expected:
        office.do("decide_child_support", **plan)
        assert office.allowed("deliver", kind="given", alone=True)
        assert office.allowed("start_programme", safety="protected", seen_by_risk=True)


@pytest.mark.parametrize("guardian", ["all", "not_asked"])
def test_no_support_goes_to_a_child_whose_age_nobody_knows(guardian: str) -> None:
    office = Office()
    office.open("support_offer", **START, whom="unsure")
    office.do("hear_child", how="mature", said="x", told="x", interpreter="none_needed")
    if guardian == "not_asked":
        office.do("take_consent", child_alone=True, child="asks", guardian=guardian)
    assert "born_known" in office.refusal("decide_child_support", **CHILD_PLAN)


@often(40)
@given(years=st.integers(9, 17), days=st.integers(0, 4000), own=st.booleans())
def test_age_is_judged_at_each_step_and_not_when_consent_was_given(years: int, days: int, own: bool) -> None:
    """A guardian's yes carries to 15, a child's own from 12, and nothing of a child's past 18."""
    born = date(2026 - years, 3, 9)
    child, guardian = ("consents", "not_asked") if own else ("declines", "all")
    office = Office("2026-03-09 10:00").child(born, child, guardian)
    if not six_cells(years, "tested", child, guardian, suitable=True):
        assert not office.allowed("decide_child_support", **CHILD_PLAN)
        return
    office.do("decide_child_support", **CHILD_PLAN)
    office.later(days=days)
    on = office.now.date()
    age = on.year - born.year - ((on.month, on.day) < (born.month, born.day))
    expected = age < 18 and six_cells(age, "tested", child, guardian, suitable=True)
    assert office.allowed("deliver", kind="given", alone=True) is expected


@pytest.mark.parametrize(
    ("born", "deadline", "birthday", "warned"),
    [
        (date(2014, 6, 1), "turns_12", "2026-06-01 00:00", "2026-05-01 00:01"),
        (date(2011, 6, 1), "turns_15", "2026-06-01 00:00", "2026-05-01 00:01"),
        (date(2008, 9, 20), "turns_18", "2026-09-20 00:00", "2026-03-20 00:01"),
    ],
)
def test_each_birthday_is_warned_of_before_it_comes(born: date, deadline: str, birthday: str, warned: str) -> None:
    office = Office("2026-03-09 10:00").child(born)
    assert office.due()[deadline] == birthday
    assert office.run().due[deadline].reminded == 0
    office.at(warned)
    office.engine.tick(OURS)
    assert (office.run().due[deadline].reminded, office.run().due[deadline].passed) == (1, False)


def test_at_eighteen_the_young_person_is_asked_before_anything_goes_on() -> None:
    office = Office("2026-03-09 10:00").child(date(2008, 3, 20), "asks")
    office.do("decide_child_support", **CHILD_PLAN)
    assert office.refusal("turned_18_with_support") == {"of_age"}
    office.at("2026-03-20 08:00")
    assert office.refusal("deliver", kind="given", alone=True) == {"consent_holds"}
    assert office.do("turned_18_with_support") == "informed"
    office.do("ask_children", told=True, children="none")
    office.do("answer", alone=True, wants="accepts")
    office.do("plan", **PLAN)
    assert office.allowed("deliver", kind="given", alone=True)


@often(40)
@given(
    safety=st.sampled_from(["ceased", "protected", "ongoing", "unknown"]),
    seen=st.booleans(),
    decided=st.booleans(),
)
def test_a_childs_programme_begins_only_in_safety_and_after_a_decision(safety: str, seen: bool, decided: bool) -> None:
    office = Office().child(date(2010, 1, 1))
    content = ["talks", "programme"] if decided else ["talks"]
    office.do("decide_child_support", **{**CHILD_PLAN, "content": content})
    may = office.allowed("start_programme", safety=safety, seen_by_risk=seen)
    assert may is (safety in {"ceased", "protected"} and seen and decided)


def test_a_guardian_is_asked_only_where_contact_is_open_for_that_very_person() -> None:
    office = Office().child(date(2016, 1, 1))
    talk = {"channel": "in_person", "interpreter": "none_needed", "answered": "x"}
    assert office.refusal("ask_guardian", guardian=MOTHER, **talk) == {"contact_open"}
    rows = [
        {"person": MOTHER, "decision": "open", "place": "Här", "may_say": "x"},
        {"person": MOTHER, "decision": "closed"},
    ]
    office.do("decide_contact", protected_first=True, persons=rows, reasons="x")
    assert office.refusal("ask_guardian", guardian=MOTHER, **talk) == {"contact_open"}
    office.do("decide_contact", protected_first=True, persons=rows[:1], reasons="x")
    assert office.refusal("ask_guardian", guardian="p-father", **talk) == {"contact_open"}
    assert office.do("ask_guardian", guardian=MOTHER, **talk) == "child_deciding"


def test_only_the_guardian_step_contacts_the_family_of_the_exposed() -> None:
    steps = {
        move.base
        for there in shipped().versions["support_offer"][0].moves.values()
        for move in there.values()
        if move.step.contacts_family
    }
    assert steps == {"ask_guardian"}


def test_a_guardians_no_does_not_close_a_childs_support() -> None:
    office = Office().child(date(2016, 1, 1), "asks", "declines")
    assert office.do("no_consent") == "child_other_ways"
    closing = {"why": "Mamman säger nej", "protection": "safe"}
    assert office.refusal("close_without_support", **closing) == {"every_way"}
    office.do("consider_ways", tried=["elsewhere", "investigation"], found="x", next="wait")
    assert office.refusal("close_without_support", **closing) == {"every_way"}
    every = ["tested_decision", "investigation", "care", "follow_up"]
    office.do("consider_ways", tried=every, found="x", next="wait")
    assert office.do("close_without_support", **closing) == "child_other_ways.close_without_support"
    assert not office.allowed("close_without_support.approve", WORKER)
    assert office.do("close_without_support.approve", LEADER) == "child_no_support"


def test_an_adult_who_turns_out_to_be_a_child_is_heard_as_one() -> None:
    office = Office().supported()
    assert office.refusal("is_child") == {"under_18"}
    office.do("note_birth", born="2010-01-01")
    assert office.do("is_child") == "child_listening"


# ---- around them ----------------------------------------------------------------------------------------------------


def test_nobody_who_uses_violence_is_contacted_before_the_other_caseworker_says_so() -> None:
    office = Office()
    office.open("support_around", HIS, whom="perpetrator", close="yes", protected_identity="no")
    other = {"worker": WORKER.id, "own_case": True, "has_other_party": True, "conflict": "none"}
    assert office.refusal("assign", HIS_LEADER, **other) == {"other_worker"}
    mixed = {"worker": HIS.id, "own_case": False, "has_other_party": False, "conflict": "none"}
    assert office.refusal("assign", HIS_LEADER, **mixed) == {"own_case"}
    office.do("assign", HIS_LEADER, **{**mixed, "own_case": True})
    assert office.refusal("reach_out", HIS, **REACHED) == {"not_here"}
    question = office.ask("ask_safety")
    assert office.refusal("cleared", HIS) == {"safe_now"}
    office.reply(question, "wait")
    assert office.refusal("cleared", HIS) == {"safe_now"}
    office.reply(question, "go", "change_answer")
    assert office.do("cleared", HIS) == "reaching"
    assert office.do("reach_out", HIS, **REACHED) == "offered"


def test_whoever_is_exposed_and_whoever_uses_violence_never_share_a_case_whichever_came_first() -> None:
    office = Office().adult()
    begin = {"whom": "perpetrator", "close": "yes", "protected_identity": "no"}
    with pytest.raises(Refused, match="own_case"):
        office.engine.open("support_around", actor=WORKER, form=begin, person="p-1", key="a", case=office.case)
    other = office.engine.open("support_around", actor=WORKER, form=begin, person="p-1", key="b").id
    with pytest.raises(Refused, match="own_case"):
        office.engine.open("support_offer", actor=WORKER, form={**START, "whom": "adult"}, key="c", case=other)
    assert set(routine("support_around").apart) >= {"support_offer", "report", "safety_question", "threat_notice"}


@often(40)
@given(st.lists(st.sampled_from(["go", "wait", "ask", "threat"]), max_size=6))
def test_contact_is_open_only_while_the_latest_answer_is_a_yes_newer_than_question_and_threat(said: list[str]) -> None:
    office = Office().apart()
    question = next(one.case for one in office.engine.due(actor=WORKER))
    office.reply(question, "go")
    office.do("cleared", HIS)
    clear = True
    for one in said:
        office.later(minutes=7)
        if one == "ask":
            office.ask()
            clear = False
        elif one == "threat":
            told = {"noticed_at": office.now, "account": "x", "whom": "x", "protected_identity": "unknown"}
            office.do("warn", HIS, **told)
            assert len(office.arrived()) == 1
            clear = False
        else:
            office.reply(question, one, "change_answer")
            clear = one == "go"
        assert office.allowed("reach_out", HIS, **REACHED) is clear


def test_the_question_of_safety_and_its_answer_reveal_nothing() -> None:
    office = Office().apart()
    question = next(one.case for one in office.engine.due(actor=WORKER))
    for actor in (HIS, HIS_LEADER):
        with pytest.raises(Refused):
            office.engine.guide(question, actor=actor)
    office.reply(question, "wait")
    guide = office.engine.guide(office.case, actor=HIS)
    assert "flyttar" not in guide.text("sv") + repr(guide.json())
    facts = {
        name for name in office.engine.case(office.case, actor=HIS).runs[office.run().id].facts if "handed" in name
    }
    assert facts == {"handed.go", "handed.at", "handed.ask_again"}
    with pytest.raises(Refused):
        office.engine.guide(office.case, actor=WORKER)


@pytest.mark.parametrize("name", ["safety_question", "threat_notice"])
def test_nothing_but_yes_or_wait_ever_goes_back(name: str) -> None:
    replies = [
        move.step.reply
        for there in shipped().versions[name][0].moves.values()
        for move in there.values()
        if move.step.reply is not None
    ]
    carried = {fact for reply in replies for fact in reply.carries.values()}
    assert carried == ({"answer.go", "answer.at", "answer.ask_again"} if name == "safety_question" else set())


def test_a_warning_reaches_the_other_side_and_closes_contact_here() -> None:
    office = Office().apart()
    question = next(one.case for one in office.engine.due(actor=WORKER))
    office.reply(question, "go")
    office.do("cleared", HIS)
    office.later(hours=1)
    told = {
        "noticed_at": office.now,
        "account": "Han vet var hon är",
        "whom": "Sin syster",
        "protected_identity": "unknown",
    }
    office.do("warn", HIS, **told)
    (notice,) = office.arrived()
    with pytest.raises(Refused):
        office.engine.guide(notice, actor=HIS)
    assert office.refusal("reach_out", HIS, **REACHED) == {"safe_now"}
    assert office.due()["safety_after_threat"] == "2026-03-10 23:59"
    case, office.case = office.case, notice
    assert office.refusal("act", OTHER_LEADER, told="not_reached", risk_assessed=True, done="x") == {"told"}
    assert office.do("act", OTHER_LEADER, told="told", risk_assessed=True, done="x") == "acted"
    office.case = case
    assert "handed.received" not in office.run().facts


def test_no_ending_surprises_the_other_side() -> None:
    office = Office().apart()
    question = next(one.case for one in office.engine.due(actor=WORKER))
    office.reply(question, "go")
    office.do("cleared", HIS)
    office.do("reach_out", HIS, **REACHED)
    office.do("answer", HIS, wants="declines", next_at=office.now + timedelta(days=9))
    closing = {"why": "Han vill inte", "knows_ways": True}
    assert office.refusal("close_declined", HIS, **closing) == {"ending_known"}
    office.later(minutes=5)
    office.ask(plan="ending")
    office.do("close_declined", HIS, **closing)
    assert not office.allowed("close_declined.approve", HIS)
    assert office.do("close_declined.approve", HIS_LEADER) == "declined_for_now"


def test_a_yes_takes_a_risk_assessment_and_an_exposed_person_who_knows() -> None:
    office = Office().apart()
    office.case = next(one.case for one in office.engine.due(actor=WORKER))
    answer = {"at": office.now, "go": "go", "risk_assessed": False, "exposed_ready": "no", "reasons": "x"}
    assert office.refusal("answer", WORKER, **answer) == {"risk_first", "person_ready"}
    assert office.allowed("answer", WORKER, **{**answer, "go": "wait", "ask_again": office.now})


def test_limits_of_support_are_the_houses_own_or_stand_in_law() -> None:
    law, day = shipped().law, date(2026, 3, 9)
    for name, rules in routines():
        for deadline in rules.routine.deadlines.values():
            version = law.at(deadline.law, day)
            assert version.limit is not None or version.internal is not None, (name, deadline.law)
            assert version.section is not None or version.confidence == "L", (name, deadline.law)
