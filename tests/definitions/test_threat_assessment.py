"""Assessing threat and risk (hot- och riskbedömning), played through the engine: above all what must never happen."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.memory import MemoryStore
from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.engine import Engine
from stegvis.engine.guide import Guide
from stegvis.engine.instants import moment_of
from stegvis.engine.values import Actor, Run
from stegvis.routines.condition import parse
from stegvis.routines.library import shipped
from stegvis.routines.model import Start
from stegvis.routines.rules import steps_of

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OURS = "socialtjanst"
NAME = "threat_assessment"
RULES = shipped().versions[NAME][0]
ROUTINE = RULES.routine


def officer(name: str, *roles: str, powers: tuple[str, ...] = (), qualified: bool = True) -> Actor:
    return Actor(
        name, roles=set(roles), unit="barn-och-unga", organisation=OURS, delegations=set(powers), qualified=qualified
    )


INTAKE = officer("s-intake", "intake_worker", qualified=False)
SOCIAL = officer(
    "s-social", "social_worker", powers=("assess_protection", "open_investigation", "not_open", "police_report")
)
OTHER = officer("s-other", "social_worker")
LEADER = officer("s-leader", "team_leader", powers=("assign",))
MANAGER = officer("s-manager", "unit_manager")
NIGHT = officer("s-night", "out_of_hours")
HER, FATHER, BROTHER, LITTLE = "p-her", "p-father", "p-brother", "p-little"

SAFE: Mapping[str, object] = {"safe_now": "yes", "tonight": "Hos oss", "how": ["stays"], "told": "Inget än"}
ASKED: Mapping[str, object] = {
    "asked": "yes",
    "alone": True,
    "interpreter": "none_needed",
    "lines": ["children", "honour", "partner"],
    "instrument": "own_questions",
    "outcome": "disclosed",
}
METHOD: Mapping[str, object] = {
    "context": "honour",
    "instruments": [{"name": "patriark", "kind": "risk"}],
    "training": "trained",
}
NO_METHOD: Mapping[str, object] = {
    "context": "honour",
    "instruments": [{"name": "unstructured", "kind": "other"}],
    "training": "untrained",
}
SOURCES: Mapping[str, object] = {
    "used": [{"source": "exposed", "basis": "own"}],
    "missing": [{"source": "police", "why": "waiting"}],
}
PLAN: Mapping[str, object] = {
    "with_person": "together",
    "staying": "Grannen ringer",
    "leaving": "Taxi till jouren",
    "going_back": "Vi bedömer först",
    "children": "Förskolan vet",
    "ready": ["papers", "code_word"],
    "kept": "with_us",
}
EVENT: Mapping[str, object] = {
    "what": "marriage",
    "to_whom": HER,
    "by_whom": "several",
    "severity": "serious",
    "soon": "weeks",
    "likely": "high",
}
LEVELS = ("low", "medium", "high", "insufficient")
LACKING: Mapping[str, object] = {
    "to_get": [{"what": "police", "who": "officer", "by": "2026-03-12"}],
    "meanwhile": "Hon bor hos oss",
}


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM)


def shown(instant: str | None) -> str:
    assert instant is not None
    return f"{moment_of(instant).astimezone(STOCKHOLM):%Y-%m-%d %H:%M}"


class Desk:
    """One engine, one clock, one case, and the assessment in it."""

    def __init__(self, at: str = "2026-03-10 10:00") -> None:
        self.now = local(at)
        self.engine = Engine(shipped(), MemoryStore(), clock=lambda: self.now)
        self.keys = (f"k-{number}" for number in count())
        self.case = ""
        self.number = 0

    def later(self, **time: int) -> "Desk":
        self.now += timedelta(**time)
        return self

    def begin(self, actor: Actor = SOCIAL, /, **answers: object) -> Receipt:
        receipt = self.engine.open(NAME, actor=actor, form=answers, key=next(self.keys))
        self.case = receipt.id
        return receipt

    def do(self, step: str, actor: Actor = SOCIAL, /, **answers: object) -> str:
        return self.engine.take(self.case, step, actor=actor, form=answers, key=next(self.keys)).state

    def refusal(self, step: str, actor: Actor = SOCIAL, /, **answers: object) -> set[str]:
        """What refuses the step: the ids of guards, the codes of the rest; asking says the same as doing."""
        answer = self.engine.explain(self.case, step, actor=actor, form=answers)
        with pytest.raises(Refused) as no:
            self.do(step, actor, **answers)
        assert [one.code for one in no.value.reasons] == [one.code for one in answer.reasons]
        assert all(one.text("sv") and one.remedy("sv") for one in no.value.reasons)
        return {one.about if one.code in {"guard", "not_known"} and one.about else one.code for one in no.value.reasons}

    def run(self, routine: str = NAME) -> Run:
        runs = self.engine.case(self.case, actor=NIGHT).runs.values()
        return next(one for one in runs if one.routine == routine)

    def written(self, fact: str) -> str:
        """Whether a word stands in the guide once it is asked for by name."""
        return self.engine.guide(self.case, actor=NIGHT, run=self.run().id, reveal=[fact]).text("sv")

    def due(self) -> dict[str, str]:
        return {name: shown(due.shown) for name, due in self.run().due.items()}

    def guide(self, actor: Actor = SOCIAL) -> Guide:
        return self.engine.guide(self.case, actor=actor, run=self.run().id)

    # ---- the way ------------------------------------------------------------------------------------------------

    def screened(self, about: str = "child") -> "Desk":
        self.begin(about=about, where_now="På skolan", because="told", honour="yes", protected_identity="unknown")
        assert self.do("secure", **SAFE) == "screening"
        assert self.do("screen", **ASKED) == "assessing"
        return self

    def material(self, *, method: Mapping[str, object] = METHOD, own: str = "some", children: bool = False) -> "Desk":
        """Everything that a judgement needs."""
        others = [{"person": FATHER, "role": "parent", "part": "threatens", "near": True}]
        self.do("note_persons", exposed=HER, others=others, more="unknown")
        row = {"child": LITTLE, "safe_now": "yes", "heard": "not_yet", "own_case": "not_yet"}
        self.do("note_children", **({"any": "some", "named": [row]} if children else {"any": "none"}))
        self.do("note_sources", **SOURCES)
        self.do("hear_own_view", asked="asked", alone=True, level=own)
        self.do("outline_scenarios", events=[EVENT])
        self.do("choose_method", **method)
        return self

    def judgement(self, level: str = "medium", **answers: object) -> dict[str, object]:
        form: dict[str, object] = {"level": level, "soon": "weeks", "reasons": "Vägt", "at": self.now}
        form |= {"number": self.number + 1} | ({"supersedes": self.number} if self.number else {})
        form |= {**LACKING, "get_by": self.now + timedelta(days=2)} if level == "insufficient" else {}
        return {name: value for name, value in {**form, **answers}.items() if value is not None}

    def judge(self, level: str = "medium", actor: Actor = SOCIAL, /, **answers: object) -> str:
        return self.do("judge", actor, **self.judgement(level, **answers))

    def plan(self, **answers: object) -> str:
        return self.do("make_plan", **{**PLAN, "at": self.now, **answers})

    def force(self, level: str = "medium", **answers: object) -> dict[str, object]:
        return {
            "number": self.number + 1,
            "level": level,
            "review": self.now + timedelta(days=14),
            "measures": ["support"],
            "told": "alone",
            **answers,
        }

    def put_in_force(self, level: str = "medium") -> str:
        state = self.do("put_in_force", **self.force(level))
        self.number += 1
        return state

    def standing(self, level: str = "medium", about: str = "child") -> "Desk":
        """As far as an assessment in force."""
        self.screened(about).material()
        assert self.judge(level) == "planning"
        self.plan()
        assert self.put_in_force(level) == ("holding" if level == "insufficient" else "in_force")
        return self

    def happens(self, **answers: object) -> str:
        form = {"what": ["new_incident"], "safe_now": "yes", "account": "Han ringde", "noticed_at": self.now, **answers}
        return self.do("something_happened", **form)

    def lowered(self, level: str = "low") -> "Desk":
        """As far as an assessment that would lower the level."""
        self.standing("high").later(days=7)
        self.do("begin_review", why="planned", at=self.now)
        self.material()
        assert self.judge(level) == "lowering"
        self.plan()
        return self


# ---- safety first, and nobody waits ---------------------------------------------------------------------------------


def test_it_opens_with_nothing_answered_and_asks_for_safety_first() -> None:
    desk = Desk()
    assert desk.begin(INTAKE).state == "safety"
    assert set(desk.run().owed) == {"open.complete"}
    assert desk.due()["made_safe"] == "2026-03-10 12:00"
    assert desk.due()["screened"] == "2026-03-10 23:59"
    assert desk.refusal("judge", **desk.judgement()) == {"not_here"}


def test_a_critical_time_comes_before_the_house_limit_for_safety() -> None:
    desk = Desk()
    desk.begin(changes_at=local("2026-03-10 10:40"))
    assert (desk.due()["made_safe"], desk.due()["judged"]) == ("2026-03-10 10:40", "2026-03-13 23:59")


def test_the_assessment_goes_nowhere_before_somebody_has_said_that_the_person_is_safe() -> None:
    desk = Desk()
    desk.begin()
    assert desk.refusal("secure", tonight="Hos oss") == {"nowhere", "only_adults_decline"}
    for answer in ("no", "unknown"):
        assert desk.do("secure", **{**SAFE, "safe_now": answer}) == "safety"
    assert "made_safe_again" in desk.due()
    assert desk.do("secure", INTAKE, safe_now="yes") == "screening"
    assert {"secure.complete", "secure.review"} <= set(desk.run().owed)


def test_protection_is_looked_at_afterwards_by_somebody_else() -> None:
    desk = Desk()
    desk.begin()
    desk.do("secure", LEADER, **SAFE)
    assert desk.refusal("secure.review", LEADER, agrees=True, note="Bra") == {"same_person"}
    desk.do("secure.review", MANAGER, agrees=True, note="Bra")
    assert "safety_review" not in desk.due()


@pytest.mark.parametrize("about", ["child", "unsure", None])
def test_a_child_never_declines_protection(about: str | None) -> None:
    desk = Desk()
    desk.begin(**({"about": about} if about else {}))
    assert desk.refusal("secure", **{**SAFE, "safe_now": "declines"}) >= {"only_adults_decline"}
    adult = Desk()
    adult.begin(about="adult")
    assert adult.do("secure", **{**SAFE, "safe_now": "declines"}) == "screening"


def test_somebody_untrained_assesses_the_same_day_and_a_trained_colleague_sees_it_within_a_week() -> None:
    desk = Desk().screened()
    desk.material(method=NO_METHOD)
    assert desk.judge("high", NIGHT) == "planning"
    assert desk.due()["trained"] == "2026-03-17 23:59"
    assert desk.refusal("join_assessment", training="untrained", agrees=True, note="x") == {"colleague_trained"}
    assert desk.do("join_assessment", training="trained", agrees=True, note="x") == "planning.join_assessment"
    assert desk.refusal("join_assessment.approve", SOCIAL) == {"same_person"}
    assert desk.do("join_assessment.approve", OTHER) == "planning"
    assert "trained" not in desk.due()


def test_where_nobody_could_ask_the_assessment_goes_on_and_the_question_is_asked_again() -> None:
    desk = Desk()
    desk.begin()
    desk.do("secure", **SAFE)
    assert desk.do("screen", asked="unsafe") == "assessing"
    assert desk.due()["ask_again"] == "2026-03-17 23:59"
    assert desk.do("ask_again", **ASKED) == "assessing"
    assert "ask_again" not in desk.due()


# ---- the questions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "guard"),
    [
        ({"alone": False}, "asked_alone"),
        ({"lines": ["partner"]}, "honour_asked"),
        ({"lines": []}, "honour_asked"),
        ({"interpreter": "family"}, "safe_interpreter"),
    ],
)
def test_a_screening_is_alone_without_relatives_interpreting_and_always_about_honour_too(
    wrong: Mapping[str, object], guard: str
) -> None:
    desk = Desk()
    desk.begin()
    desk.do("secure", **SAFE)
    assert desk.refusal("screen", **{**ASKED, **wrong}) == {guard}
    desk.do("screen", asked="not_reached")
    assert desk.refusal("ask_again", **{**ASKED, **wrong}) == {guard}


# ---- what a level rests on ------------------------------------------------------------------------------------------


def test_a_level_without_sources_persons_children_own_view_events_or_method_is_refused_with_all_of_it() -> None:
    desk = Desk().screened()
    assert desk.refusal("judge", **desk.judgement("low")) == {
        "persons_named", "children_asked", "sources_named", "own_view_asked", "scenario_named", "method_chosen"
    }  # fmt: skip
    assert desk.refusal("note_sources", used=[], missing=[]) == {"some_source"}
    assert desk.refusal("note_sources", used=[{"source": "school", "basis": "none"}], missing=[]) == {"lawful"}
    assert desk.refusal("outline_scenarios", events=[]) == {"some_event"}
    assert desk.refusal("hear_own_view", asked="asked", alone=False, level="some") == {"heard_alone"}
    desk.material()
    assert desk.judge("low") == "planning"


@settings(deadline=None, max_examples=25)
@given(
    level=st.sampled_from(LEVELS),
    own=st.sampled_from(["none", "some", "great", "life", "unsure"]),
    ratings=st.lists(st.sampled_from(["present", "partial", "absent", "unknown"]), max_size=4),
    score=st.integers(0, 999),
    likely=st.sampled_from(["low", "medium", "high", "unknown"]),
)
def test_no_rating_point_or_event_decides_the_level(
    level: str, own: str, ratings: list[str], score: int, likely: str
) -> None:
    desk = Desk().screened()
    desk.material(own=own, method={**METHOD, "instruments": [{"name": "patriark", "kind": "risk", "score": score}]})
    desk.do("rate_factors", rated=[{"code": "A1", "group": "violence", "before": one, "now": one} for one in ratings])
    desk.do("outline_scenarios", events=[{**EVENT, "likely": likely}])
    lower = {"differs": "Hon är trygg nu"} if own in {"great", "life"} and level in {"low", "medium"} else {}
    assert desk.judge(level, **lower) == "planning"
    assert desk.run().facts["judgement.level"] == level


def test_no_condition_reads_points_or_ratings() -> None:
    conditions = [guard.when for _, step in steps_of(ROUTINE) for guard in step.require]
    conditions += [
        one.when for _, step in steps_of(ROUTINE) if not isinstance(step.to, str) for one in step.to if one.when
    ]
    conditions += [one.holds for one in ROUTINE.derived.values() if one.holds is not None]
    conditions += [one.when for due in ROUTINE.deadlines.values() for one in due.starts if isinstance(one, Start)]
    conditions += [field.when for form in ROUTINE.forms.values() for field in form.fields.values() if field.when]
    assert len(conditions) > 50
    for condition in conditions:
        assert not any(name.startswith("factors.") for name in parse(condition, RULES.scope).names)
        assert "score" not in str(condition)


def test_judging_lower_than_the_person_takes_a_reason() -> None:
    desk = Desk().screened().material(own="life")
    assert desk.refusal("judge", **desk.judgement("low")) == {"missing"}
    assert desk.refusal("judge", **desk.judgement("high", differs="x")) == {"not_asked"}
    assert desk.judge("low", differs="Bron är bruten och han sitter häktad") == "planning"


@pytest.mark.parametrize(
    ("method", "guards"),
    [
        ({"instruments": [{"name": "freda", "kind": "risk"}]}, {"method_fits"}),
        ({"instruments": [{"name": "sara", "kind": "risk"}], "context": "partner_in_honour"}, {"method_fits"}),
        ({"instruments": [{"name": "patriark", "kind": "screening"}]}, {"method_named"}),
        ({"instruments": []}, {"method_named", "method_fits"}),
        ({"training": "untrained"}, {"trained_in_method"}),
    ],
)
def test_the_method_fits_the_threat_and_the_assessor(method: Mapping[str, object], guards: set[str]) -> None:
    desk = Desk().screened()
    assert desk.refusal("choose_method", **{**METHOD, **method}) == guards
    both = [{"name": "sara", "kind": "risk"}, {"name": "patriark", "kind": "risk"}]
    assert desk.do("choose_method", **{**METHOD, "context": "partner_in_honour", "instruments": both}) == "assessing"


def test_insufficient_information_is_a_full_answer_with_what_is_to_be_got_and_by_when() -> None:
    desk = Desk().screened().material()
    assert desk.refusal("judge", **desk.judgement("insufficient", to_get=None, get_by=None, meanwhile=None)) >= {
        "missing"
    }
    nothing = [{"what": "nothing", "who": "officer", "by": "2026-03-12"}]
    assert desk.refusal("judge", **desk.judgement("insufficient", to_get=nothing)) == {"missing_named"}
    assert desk.judge("insufficient") == "planning"
    assert desk.due()["missing"] == "2026-03-12 10:00"
    desk.plan()
    assert desk.put_in_force("insufficient") == "holding"
    desk.later(days=1)
    assert desk.judge("high") == "planning"
    assert "missing" not in desk.due()


# ---- the plan, and what is in force ---------------------------------------------------------------------------------


def test_nothing_is_in_force_before_a_plan_that_is_as_new_as_the_assessment() -> None:
    desk = Desk()
    desk.begin()
    desk.plan()
    desk.do("secure", **SAFE)
    desk.do("screen", **ASKED)
    desk.later(hours=1)
    desk.material()
    desk.judge("high")
    assert desk.refusal("put_in_force", **desk.force("high")) == {"plan_current"}
    assert desk.refusal("make_plan", **{**PLAN, "kept": "at_home", "at": desk.now}) == {"kept_safe"}
    desk.plan()
    wrong = desk.force("low", number=4, review=desk.now - timedelta(hours=1), told="with_family")
    assert desk.refusal("put_in_force", **wrong) == {
        "level_read_back", "number_read_back", "review_ahead", "told_alone"
    }  # fmt: skip
    assert desk.put_in_force("high") == "in_force"


def test_a_child_in_the_house_has_a_case_of_its_own_before_anything_is_in_force() -> None:
    desk = Desk().screened("adult").material(children=True)
    assert desk.due()["children"] == "2026-03-10 23:59"
    desk.judge("high")
    desk.plan()
    assert desk.refusal("put_in_force", **desk.force("high")) == {"children_covered"}
    row = {"child": LITTLE, "safe_now": "yes", "heard": "yes", "own_case": "not_yet"}
    assert desk.refusal("children_have_cases", any="some", named=[row]) == {"children_covered"}
    assert desk.refusal("children_have_cases", any="unknown") == {"children_covered"}
    desk.do("children_have_cases", any="some", named=[{**row, "own_case": "opened"}])
    assert "children" not in desk.due()
    assert desk.put_in_force("high") == "in_force"


def test_a_plan_can_be_made_and_revised_from_the_first_minute() -> None:
    desk = Desk()
    desk.begin()
    assert desk.plan() == "safety"
    desk.do("secure", **SAFE)
    assert desk.plan(leaving="Med polis") == "screening"
    assert "Med polis" in desk.written("plan.leaving")


@pytest.mark.parametrize("level", ["low", "medium"])
def test_lowering_takes_two_and_an_event_meanwhile_stops_it(level: str) -> None:
    desk = Desk().lowered(level)
    assert desk.refusal("put_in_force", **desk.force(level)) == {"not_here"}
    assert desk.do("put_in_force_lower", LEADER, **desk.force(level)) == "lowering.put_in_force_lower"
    assert desk.refusal("put_in_force_lower.approve", LEADER) == {"same_person"}
    assert desk.happens() == "reopened"
    assert desk.refusal("put_in_force_lower.approve", MANAGER) == {"not_here"}
    assert desk.judge(level) == "lowering"
    desk.plan()
    desk.do("put_in_force_lower", **desk.force(level))
    assert desk.do("put_in_force_lower.approve", MANAGER) == "in_force"


@settings(deadline=None, max_examples=16)
@given(before=st.sampled_from(LEVELS), after=st.sampled_from(LEVELS))
def test_only_a_lower_level_waits_for_a_second_person(before: str, after: str) -> None:
    desk = Desk().standing(before).later(hours=1)
    desk.do("begin_review", why="planned", at=desk.now)
    rank = {"low": 0, "medium": 1, "high": 2, "insufficient": 2}
    assert (desk.judge(after) == "lowering") is (rank[after] < rank[before])


# ---- what opens it again, and what is replaced ----------------------------------------------------------------------


def test_an_event_takes_the_assessment_out_of_use_and_never_the_protection() -> None:
    desk = Desk().standing("high").later(days=1)
    use = {"number": 1, "receiver": "police", "basis": "crime", "flag_told": True, "what_for": "Larm"}
    assert desk.do("use_assessment", **use) == "in_force"
    assert desk.happens(what=["family_knows"]) == "reopened"
    assert desk.refusal("use_assessment", **use) == {"not_here"}
    assert desk.due()["judged_again"] == "2026-03-12 23:59"
    assert str(PLAN["leaving"]) in desk.written("plan.leaving")
    assert desk.happens(safe_now="unknown") == "safety"
    assert desk.due()["made_safe"] == "2026-03-11 12:00"
    assert desk.do("secure", **SAFE) == "reopened"


@pytest.mark.parametrize("state", ["screening", "assessing", "planning", "in_force", "reopened"])
def test_danger_leads_back_to_safety_from_every_state(state: str) -> None:
    desk = Desk()
    if state == "screening":
        desk.begin()
        desk.do("secure", **SAFE)
    elif state in {"assessing", "planning"}:
        desk.screened().material()
        if state == "planning":
            desk.judge()
    else:
        desk.standing()
        if state == "reopened":
            desk.happens()
    assert desk.run().state == state
    assert desk.happens(safe_now="no") == "safety"


def test_a_new_assessment_points_to_the_one_it_replaces_and_the_old_one_is_never_used() -> None:
    desk = Desk().standing("medium").later(days=1)
    desk.happens()
    assert desk.refusal("judge", **desk.judgement("high", supersedes=7)) == {"points_back"}
    assert desk.refusal("judge", **desk.judgement("high", number=1)) == {"new_number"}
    assert desk.refusal("judge", **desk.judgement("high", supersedes=None)) >= {"points_back"}
    desk.judge("high")
    desk.plan()
    desk.put_in_force("high")
    assert desk.run().facts["judgement.supersedes"] == 1
    old = {"number": 1, "receiver": "shelter", "basis": "consent", "flag_told": True, "what_for": "Plats"}
    assert desk.refusal("use_assessment", **old) == {"current"}
    assert desk.do("use_assessment", **{**old, "number": 2}) == "in_force"


@pytest.mark.parametrize("receiver", ["family", "perpetrator_worker"])
def test_whoever_threatens_is_never_told(receiver: str) -> None:
    desk = Desk().standing()
    use = {"number": 1, "receiver": receiver, "basis": "consent", "flag_told": True, "what_for": "Samtal"}
    assert desk.refusal("use_assessment", LEADER, **use) == {"perpetrator_not_told"}
    assert desk.refusal("use_assessment", **{**use, "receiver": "police", "basis": "none", "flag_told": False}) == {
        "on_a_ground", "flag_told"
    }  # fmt: skip


def test_no_step_contacts_the_family_and_every_state_before_the_end_says_so() -> None:
    assert not any(step.contacts_family for _, step in steps_of(ROUTINE))
    for name, state in ROUTINE.states.items():
        assert state.never, name
        about = " ".join(one.text.sv.lower() for one in state.never)
        assert state.end is not None or "hotar" in about or "familj" in about, name


def test_the_officer_has_no_bond_to_whoever_threatens() -> None:
    desk = Desk().screened()
    biased = {"officer": OTHER.id, "conflict": "unchecked", "works_with_perpetrator": True}
    assert desk.refusal("assign_assessment", LEADER, **biased) == {"no_conflict", "not_of_perpetrator"}
    desk.do("assign_assessment", LEADER, officer=OTHER.id, conflict="none", works_with_perpetrator=False)
    assert desk.run().holder == OTHER.id


def test_a_review_that_is_missed_is_told_late_and_moves_nothing_by_itself() -> None:
    desk = Desk().standing("high").later(days=15)
    assert desk.engine.tick(OURS) == 1
    assert desk.run().due["review"].passed
    assert desk.run().state == "in_force"
    desk.do("begin_review", why="planned", at=desk.now)
    desk.judge("high")
    assert "review" not in desk.due()


# ---- the end --------------------------------------------------------------------------------------------------------

ENDING: Mapping[str, object] = {"reason": "ceased", "way_back": "Ring Sara", "reasons": "Lugnt i ett år"}


def test_nobody_ends_it_alone_or_on_an_old_assessment_or_while_there_is_danger() -> None:
    desk = Desk().standing("high").later(days=30)
    assert desk.refusal("end_assessment", **ENDING) == {"assessed_for_closing", "not_in_danger"}
    desk.do("begin_review", why="before_closing", at=desk.now)
    desk.material()
    desk.judge("low")
    desk.plan()
    desk.do("put_in_force_lower", **desk.force("low"))
    desk.do("put_in_force_lower.approve", MANAGER)
    desk.number += 1
    assert desk.do("end_assessment", LEADER, **ENDING) == "in_force.end_assessment"
    assert desk.refusal("end_assessment.approve", LEADER) == {"same_person"}
    assert desk.do("end_assessment.approve", MANAGER) == "closed"


def test_an_event_after_the_review_before_ending_stops_the_ending() -> None:
    desk = Desk().standing("low").later(days=1)
    desk.do("begin_review", why="before_closing", at=desk.now)
    desk.judge("low")
    desk.plan()
    desk.put_in_force("low")
    desk.later(hours=1).happens()
    desk.judge("low")
    desk.plan()
    desk.put_in_force("low")
    assert desk.refusal("end_assessment", **ENDING) == {"assessed_for_closing"}


@pytest.mark.parametrize("about", ["child", "adult"])
def test_only_an_adult_who_has_been_asked_again_ends_it_by_declining(about: str) -> None:
    desk = Desk().standing("high", about).later(days=1)
    desk.do("begin_review", why="before_closing", at=desk.now)
    desk.judge("high")
    desk.plan()
    desk.put_in_force("high")
    declines = {**ENDING, "reason": "declines", "asked_again": False}
    grown = about == "adult"
    assert desk.refusal("end_assessment", **declines) == {"asked_again"} | (set() if grown else {"only_adults_decline"})
    if grown:
        assert desk.do("end_assessment", **{**declines, "asked_again": True}) == "in_force.end_assessment"


def test_it_goes_to_another_municipality_only_when_they_have_it_and_know_what_protects_tonight() -> None:
    desk = Desk().standing()
    form = {"to": "other_municipality", "receipt": False, "flag_told": False, "plan_passed": False}
    assert desk.refusal("pass_on_assessment", **form) == {"receipt_given", "flag_told", "plan_passed"}
    whole = {**form, "receipt": True, "flag_told": True, "plan_passed": True}
    assert desk.do("pass_on_assessment", **whole) == "taken_over"


# ---- who sees what --------------------------------------------------------------------------------------------------


def test_who_approves_a_lower_level_sees_the_reasons_and_not_where_she_is() -> None:
    desk = Desk().lowered()
    seen = {view.fact for view in desk.guide(MANAGER).facts}
    assert {"judgement.reasons", "judgement.level"} <= seen
    assert not seen & {"plan.leaving", "plan.staying", "safety.tonight", "start.where_now", "own.words"}


# ---- from the report ------------------------------------------------------------------------------------------------

CALL: Mapping[str, object] = {
    "whereabouts": "På skolan",
    "account": "Brodern slår",
    "about": "child",
    "duty": "duty_19_1",
    "reporter_danger": "no",
    "reporter_known": "yes",
    "protected_identity": "unknown",
    "channel": "phone",
}


def reported(violence: str = "suspected") -> Desk:
    desk = Desk()
    receipt = desk.engine.open(
        "report", actor=SOCIAL, form={**CALL, "received_at": desk.now}, person=HER, key=next(desk.keys)
    )
    desk.case = receipt.id
    form = {"need": "watch", "violence": violence, "tonight": "Mormor", "reasons": "Samtal", "at": desk.now}
    desk.do("assess_protection", **form)
    return desk


def test_a_report_of_violence_begins_the_assessment_in_the_same_case_about_the_same_person() -> None:
    desk = reported()
    assert shown(desk.run("report").due["risk_begun"].shown) == "2026-03-10 23:59"
    receipt = desk.engine.take(
        desk.case, "start_risk_assessment", actor=INTAKE, form={"because": "violence"}, key=next(desk.keys)
    )
    assert (receipt.run, receipt.state) == (desk.run("report").id, "open_now")
    assert (desk.run().state, desk.run().person, set(desk.run().owed)) == ("safety", HER, {"open.complete"})
    assert "risk_begun" not in desk.run("report").due
    assert desk.refusal("start_risk_assessment", because="violence") == {"already_begun"}
    assert desk.engine.verify(OURS) == []
    auditor = Actor("s-audit", roles={"auditor"}, unit="granskning", organisation=OURS)
    assert desk.engine.replay(desk.case, actor=auditor).sound


def test_a_report_of_violence_is_not_laid_aside_before_the_assessment_has_begun() -> None:
    desk = Desk()
    receipt = desk.engine.open(
        "report", actor=SOCIAL, form={**CALL, "about": "young", "received_at": desk.now}, key=next(desk.keys)
    )
    desk.case = receipt.id
    form = {"need": "none", "violence": "suspected", "tonight": "Hemma", "reasons": "Samtal", "at": desk.now}
    desk.do("assess_protection", **form)
    desk.do("register", child=HER, number="2026-1", earlier="none", children=[], born="2007-02-01")
    desk.do("decide_police", decision="no_crime", reasons="x")
    closing = {
        "decision_text": "Inleds inte", "reason": "not_action", "assessment": "x", "child_said": "x",
        "child_told": "x", "child_best": "x", "weighing": "only",
    }  # fmt: skip
    assert desk.refusal("not_open", **closing) == {"risk_begun"}
    desk.do("start_risk_assessment", because="violence")
    assert desk.do("not_open", **closing) == "not_opened"


def test_the_assessment_goes_with_the_report_to_the_investigator_and_leaves_the_unit() -> None:
    desk = reported()
    desk.do("start_risk_assessment", INTAKE, because="violence")
    desk.do("register", child=HER, number="2026-1", earlier="none", children=[], born="2011-02-01")
    desk.do("open_investigation", ground="violence")
    assert desk.engine.case(desk.case, actor=INTAKE).runs
    desk.do("assign", LEADER, investigator=SOCIAL.id, conflict="none")
    assert (desk.run("report").holder, desk.run().holder) == (SOCIAL.id, SOCIAL.id)
    with pytest.raises(Refused, match="unknown_case"):
        desk.engine.case(desk.case, actor=INTAKE)
    desk.do("assign_assessment", LEADER, officer=OTHER.id, conflict="none", works_with_perpetrator=False)
    form = {"investigator": INTAKE.id, "conflict": "none"}
    desk.engine.take(desk.case, "reassign", actor=LEADER, form=form, run=desk.run("report").id, key="again")
    assert (desk.run("report").holder, desk.run().holder) == (INTAKE.id, OTHER.id)


def test_an_assessment_begun_by_the_investigator_is_the_investigators_from_the_first_moment() -> None:
    desk = reported()
    desk.do("register", child=HER, number="2026-1", earlier="none", children=[], born="2011-02-01")
    desk.do("open_investigation", ground="violence")
    desk.do("assign", LEADER, investigator=SOCIAL.id, conflict="none")
    desk.do("start_risk_assessment", because="violence")
    assert desk.run().holder == SOCIAL.id
    assert desk.engine.verify(OURS) == []
