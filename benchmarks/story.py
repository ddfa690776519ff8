"""The work that everything here is measured on: one way through each of two shipped routines, with real forms.

A pupil's case at a school and a child's case at social services, each opened and taken nine steps further. Everybody in
it is invented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from stegvis.engine.engine import Engine
from stegvis.engine.instants import text_of
from stegvis.engine.values import Actor

SCHOOL, SOCIAL_SERVICES = "skola", "socialtjanst"

_COUNSELLOR = Actor("u-17", roles={"school_counsellor"}, unit="elevhalsa", organisation=SCHOOL)
_INTAKE = Actor(
    "s-4",
    roles={"intake_worker"},
    unit="mottagning",
    organisation=SOCIAL_SERVICES,
    delegations={"assess_protection"},
)
_WORKER = Actor(
    "s-6",
    roles={"social_worker"},
    unit="barn-och-unga",
    organisation=SOCIAL_SERVICES,
    delegations={
        "assess_protection",
        "contact_decision",
        "police_report",
        "open_investigation",
        "defer_notice",
        "talk_with_child",
    },
    qualified=True,
)
_LEADER = Actor(
    "s-2",
    roles={"team_leader"},
    unit="barn-och-unga",
    organisation=SOCIAL_SERVICES,
    delegations={"assign"},
    qualified=True,
)


@dataclass(frozen=True)
class Step:
    trigger: str
    actor: Actor
    form: Mapping[str, object]


@dataclass(frozen=True)
class Story:
    """A routine's opening and the steps taken after it. ``named``: who it is about is known when it opens."""

    routine: str
    opening: Step
    steps: tuple[Step, ...]
    named: bool

    @property
    def organisation(self) -> str:
        return self.opening.actor.organisation


@lru_cache(maxsize=1)
def stories() -> tuple[Story, Story]:
    """The two stories, told around the present instant."""
    now = datetime.now(UTC)
    return _suspicion(now), _report(now)


def _suspicion(now: datetime) -> Story:
    def step(trigger: str, **form: object) -> Step:
        return Step(trigger, _COUNSELLOR, form)

    return Story(
        "suspicion",
        step(
            "open",
            danger=False,
            place="I klassrummet hos mig",
            changes_at=text_of(now + timedelta(hours=5)),
            changes_how="fetched",
            seen="Hon säger att hon inte vill åka hem och att brodern läser hennes mobil",
        ),
        (
            step(
                "talk",
                danger=False,
                alone=True,
                told=True,
                interpreter="none",
                words="Pappa slår mig när brodern har skvallrat, och i sommar ska jag gifta mig",
                signs=["controlled", "marriage"],
                wants="Att någon stoppar resan utan att pappa får veta vem som berättat",
            ),
            step(
                "report",
                account="Eleven berättar att pappa slår och att hon ska giftas bort i sommar",
                consider_before_contact="Brodern läser hennes mobil",
                guardians_know="no",
                child_knows="yes",
                honour=True,
                travel=True,
                travel_at=text_of(now + timedelta(days=60)),
                siblings="En syster i sexan",
                about="child",
                child_identity="Elev i 9 B",
                protected_identity="no",
                duty="duty_19_1",
                reporter="Kuratorn, säkrast på tjänstemobilen",
                reporter_role="Kurator",
            ),
            step(
                "stop_messages",
                checked=["absence", "platform", "letters"],
                until=(now + timedelta(days=7)).date().isoformat(),
            ),
            step(
                "tonight",
                fetches="Eleven stannar hos mig tills socialtjänsten har svarat",
                sleeps="Det avgör socialtjänsten före klockan 15",
                channel="Skolans telefon, kodordet är biblioteket",
                knows_112=True,
                next_contact=text_of(now + timedelta(days=1)),
            ),
            step("ask_contact", what="Brodern har ringt och undrar varför hon inte svarar"),
            step("answer_by_phone", contact="closed", may_say="Inget", answered_by="Socialsekreteraren i mottagningen"),
            step("confirm_receipt", how="phone", who="Mottagningen"),
            step("follow_up", how="met", worse=False, words="Jag sov hela natten"),
            step("close", why="Socialtjänsten har ärendet och eleven är skyddad", adult_at_school=True),
        ),
        named=True,
    )


def _report(now: datetime) -> Story:
    at = text_of(now)
    assessed: Mapping[str, object] = {
        "need": "watch",
        "violence": "suspected",
        "tonight": "Eleven sover hos moster som socialtjänsten har prövat, systern hämtas samtidigt",
        "reasons": "Eleven har berättat om slag och en planerad giftermålsresa",
        "at": at,
    }
    return Story(
        "report",
        Step(
            "open",
            _INTAKE,
            {
                "whereabouts": "I skolan hos kuratorn",
                "whereabouts_change": text_of(now + timedelta(hours=5)),
                "account": "Eleven berättar att pappa slår och att hon ska giftas bort i sommar",
                "child_identity": "Elev i 9 B",
                "about": "child",
                "honour": True,
                "duty": "duty_19_1",
                "reporter_known": "yes",
                "reporter": "Kuratorn, säkrast på tjänstemobilen",
                "reporter_danger": "no",
                "protected_identity": "no",
                "channel": "phone",
                "received_at": at,
            },
        ),
        (
            Step(
                "register",
                _INTAKE,
                {
                    "child": "p-7",
                    "number": "Dnr 26-417",
                    "earlier": "none",
                    "children": [{"child": "p-11", "action": "own_report"}],
                },
            ),
            Step("assess_protection", _WORKER, assessed),
            Step(
                "decide_contact",
                _WORKER,
                {
                    "persons": [
                        {
                            "person": person,
                            "role": role,
                            "decision": "closed",
                            "by_whom": "nobody",
                            "after": "not_open",
                        }
                        for person, role in (("p-8", "guardian"), ("p-9", "guardian"), ("p-10", "relative"))
                    ],
                    "sender": "closed",
                    "may_say": "Säg att hon är upptagen med skolarbete",
                    "by_whom": "Bara socialtjänsten",
                    "reasons": "Flera i familjen kan hota, och ingen är prövad",
                },
            ),
            Step(
                "decide_police",
                _WORKER,
                {
                    "decision": "consulting",
                    "reasons": "Polisen tillfrågas innan någon i familjen får veta",
                    "agreed": "Ingen hörs i dag",
                },
            ),
            Step(
                "open_investigation",
                _WORKER,
                {
                    "ground": "violence",
                    "decision_text": "Utredning inleds om barnets behov av skydd och stöd",
                    "assessment": "Uppgifterna om våld och planerat äktenskap kan leda till åtgärd",
                    "child_said": "Hon vill att resan stoppas",
                    "child_told": "Vad som händer i dag och vilka som får veta",
                    "child_best": "Att sova tryggt i natt går före allt annat",
                    "weighing": "only",
                },
            ),
            Step("assign", _LEADER, {"investigator": "s-6", "conflict": "none"}),
            Step(
                "defer_notice",
                _WORKER,
                {
                    "persons": [{"person": "p-8", "reason": "safety"}, {"person": "p-9", "reason": "safety"}],
                    "at": at,
                    "assessment": "Den som får veta kan flytta resan till i natt",
                },
            ),
            Step(
                "talk_in_investigation",
                _WORKER,
                {
                    "mature": True,
                    "maturity": "Hon förstår vad samtalet gäller",
                    "no_guardian_because": "De kan hota henne",
                    "interpreter": "none_needed",
                    "said": "Jag vill inte hem",
                    "told": "Vad som händer nu",
                },
            ),
            Step("assess_again", _WORKER, assessed),
        ),
        named=False,
    )


def begin(engine: Engine, story: Story, number: int) -> str:
    """Open one case of a story, where it can be about a person of its own; the case's id."""
    actor, form, key = story.opening.actor, story.opening.form, f"{story.routine}-{number}"
    return engine.open(story.routine, actor=actor, form=form, key=key, person=f"p-{number}" if story.named else None).id


def further(engine: Engine, story: Story, case: str) -> str:
    """Take all the steps after the opening; the state it ends in."""
    state = ""
    for number, step in enumerate(story.steps):
        key = f"{case[:8]}-{number}"
        state = engine.take(case, step.trigger, actor=step.actor, form=step.form, key=key).state
    return state
