"""What crosses the border between organisations: received there, on a basis, and no more than may be carried."""

from collections.abc import Iterator, Sequence

from ..facttypes import FactType, Scope
from ..model import HandOff, Routine
from ..rules import Rules, steps_of
from .flow import done, judged
from .names import fact
from .page import Path
from .places import Asked, Step, Subject

_IDENTIFYING = frozenset({"identity", "account", "whereabouts", "health", "protected"})


def handoffs(about: Subject) -> None:
    """Every hand-off, reply and revocation of a routine."""
    for step in about.steps:
        if step.step.handoff is not None:
            _handoff(about, step, step.step.handoff)
        if step.step.reply is not None:
            _reply(about, step)
        if step.step.revokes is not None:
            _revokes(about, step, step.step.revokes)


def sent(about: Subject, rules: Rules) -> None:
    """What is asked about or revoked has been sent, on every way to the step."""
    for step in about.steps:
        one = step.step
        earlier = {"revokes": one.revokes, "handoff": one.handoff.about if one.handoff is not None else None}
        for key, name in earlier.items():
            if name is None:
                continue
            flow, wanted = judged(rules, without=name), done(rules, step.name)
            early = [move for move in flow.taken.values() if move.trigger == wanted and _in(rules, move.source, step)]
            if early:
                path = (*step.path, key, "about") if key == "handoff" else (*step.path, key)
                about.page.value("handoff-not-sent", path, name=name, way=flow.way(early[0]))


def _in(rules: Rules, state: str, step: Step) -> bool:
    return rules.spots[state].origin in step.states if state else step.path == ("open",)


def _handoff(about: Subject, step: Step, hand: HandOff) -> None:
    page, world, path = about.page, about.world, (*step.path, "handoff")
    if hand.to not in world.organisations.kinds:
        page.value("organisation-unknown", (*path, "to"), name=hand.to)
    elif not any(one.kind == hand.to for one in world.organisations.organisations.values()):
        page.value("handoff-nobody", (*path, "to"), name=hand.to)
    if hand.kind != "consultation" and hand.protected_identity is None:
        page.key("handoff-no-protected-identity", path, name=step.name)
    if hand.protected_identity is not None:
        fact(about, (*path, "protected_identity"), hand.protected_identity, ("choice", "boolean"))
    receivers = _receivers(about, path, step, hand)
    for target, source in hand.carries.items():
        place = (*path, "carries", target)
        if fact(about, place, source):
            _carried(about, place, target, about.scope[source], [_taken(about, one, hand) for one in receivers])
        if hand.kind == "consultation":
            _identifying(about, place, source)


def _receivers(about: Subject, path: Path, step: Step, hand: HandOff) -> Sequence[Routine]:
    page, world = about.page, about.world
    if hand.about is not None:
        earlier = [one.step.handoff for one in about.steps if one.name == hand.about and one.step.handoff is not None]
        if not earlier:
            page.value("step-unknown", (*path, "about"), name=hand.about)
        return [version for one in earlier for version in world.routines.get(one.routine or "", ())]
    if hand.routine is None:
        page.key("handoff-no-routine", path, name=step.name)
        return ()
    found = world.routines.get(hand.routine)
    if found is None:
        page.value("routine-unknown", (*path, "routine"), name=hand.routine)
        return ()
    for one in found:
        there = hand.to in one.organisation or hand.to not in world.organisations.kinds
        if not there or one.receives is None or one.receives.kind != hand.kind:
            said = {"name": hand.routine, "kind": hand.kind, "organisation": hand.to}
            page.value("handoff-not-received", (*path, "routine"), said)
            return ()
    return found


def _taken(about: Subject, receiver: Routine, hand: HandOff) -> dict[str, FactType]:
    """What the receiving routine takes in: answers of its opening form, or later what is handed to it."""
    prefix = "handed." if hand.about is not None else f"{receiver.opens.form}."
    return {name: kind for name, kind in about.world.scope(receiver).items() if name.startswith(prefix)}


def _carried(about: Subject, place: Path, target: str, kind: FactType, taken: Sequence[Scope]) -> None:
    """Every receiver that there is takes the fact, and as what it is."""
    for scope in taken:
        there = scope.get(target)
        if there is None:
            about.page.key("carry-unknown", place, name=target)
            return
        lost = [option for option in kind.options if option not in there.options]
        if kind.kind == there.kind == "choice" and lost:
            about.page.key("carry-options", place, name=target, options=", ".join(lost))
            return
        if not _fits(kind, there):
            about.page.key("carry-type", place, name=target, kind=kind.kind, expected=there.kind)
            return


def _fits(kind: FactType, there: FactType) -> bool:
    same = kind.kind == there.kind and kind.multiple is there.multiple and set(kind.options) <= set(there.options)
    return same and all(name in there.rows and _fits(row, there.rows[name]) for name, row in kind.rows.items())


def _identifying(about: Subject, place: Path, source: str) -> None:
    for asked in _within(about, source):
        if asked.field.part == "protected" or asked.field.secrecy in _IDENTIFYING:
            about.page.value("consultation-identifies", place, name=source)
            return


def _within(about: Subject, fact_: str) -> Iterator[Asked]:
    """The field of a fact, and the fields in its rows."""
    form, _, name = fact_.partition(".")
    top: Path = ("handed", name) if form == "handed" else ("forms", form, "fields", name)
    return (asked for asked in about.fields if asked.path[: len(top)] == top)


def _reply(about: Subject, step: Step) -> None:
    routine, reply, path = about.routine, step.step.reply, (*step.path, "reply")
    assert reply is not None  # noqa: S101 - asked by the caller
    if routine.receives is None and not reply.about:
        about.page.key("reply-nowhere", path, name=step.name)
    elif (
        routine.receives is not None and routine.receives.kind == "report" and reply.status in {"accepted", "rejected"}
    ):
        about.page.value("report-answered", (*path, "status"), name=step.name)
    others = [one for versions in about.world.routines.values() for one in versions if _sends(one, routine.routine)]
    for number, name in enumerate(reply.about):
        sent = [one.step.handoff for one in about.steps if one.name == name and one.step.handoff is not None]
        if not sent:
            about.page.value("step-unknown", (*path, "about", number), name=name)
        others.extend(one for hand in sent for one in about.world.routines.get(hand.routine or "", ()))
    for target, source in reply.carries.items():
        place = (*path, "carries", target)
        if fact(about, place, source) and others:
            # The other end need not want every answer, but somebody must, and then as what it is.
            scopes = [scope for one in others if f"handed.{target}" in (scope := about.world.scope(one))]
            if scopes:
                _carried(about, place, f"handed.{target}", about.scope[source], scopes)
            else:
                about.page.key("carry-unknown", place, name=f"handed.{target}")


def _sends(routine: Routine, to: str) -> bool:
    return any(step.handoff is not None and step.handoff.routine == to for _, step in steps_of(routine))


def _revokes(about: Subject, step: Step, name: str) -> None:
    earlier = [one.step.handoff for one in about.steps if one.name == name and one.step.handoff is not None]
    if not earlier:
        about.page.value("step-unknown", (*step.path, "revokes"), name=name)
    elif any(hand.kind == "report" for hand in earlier):
        about.page.value("report-revoked", (*step.path, "revokes"), name=name)
