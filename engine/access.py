"""Whether this actor may see or act on a case at all, and on what ground (behörighet, inre sekretess).

Pure, and asked in one place for doing, asking and lists. Whoever may not is answered as if there were no such case,
unless the case is known to them already: then the reason is told, neutrally.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias, cast

from stegvis.routines.library import Library
from stegvis.routines.model import EVERYONE
from stegvis.routines.orders import Access as AccessRules
from stegvis.routines.orders import Entered

from .instants import day_at
from .reasons import Kind, reason
from .values import Access, AccessHead, Actor, Case, Command, Opening, Reason, Run

Purpose: TypeAlias = Literal["work", "prove", "acute", "declare", "break_glass"]
"""What access is asked for: to work with the case, to read its log, to raise an alarm about danger to life, to say
whether one is biased, to break the glass."""

Kept: TypeAlias = Literal["unknown_case", "barred", "bias_first", "qualified"]
"""Why not, as the code of a reason."""

HANDED_OVER = "clock"
"""The unit of a run that a hand-off opened, until somebody has assigned it."""


class Ground(NamedTuple):
    """On what an actor's access rests; ``role`` where it took one."""

    on: Entered | Literal["everybody", "auditor", "acute"]
    role: str | None = None
    qualified: bool = False


EVERYBODY = Ground("everybody")


ENTERING = frozenset({"open", "take", "correct", "case"})
"""The commands with which somebody goes into a case; the others come from the clock and from other organisations."""


def purpose_of(command: Command, actor: Actor) -> Purpose | None:
    """What access a command asks for; None where nobody goes in."""
    if command.kind not in ENTERING:
        return None
    if command.kind == "take" and command.trigger == "acute":
        return "acute"
    if command.kind == "case" and command.trigger == "bias" and command.form.get("who") in {None, "", actor.id}:
        return "declare"
    return "break_glass" if command.kind == "case" and command.trigger == "break_glass" else "work"


def enter(library: Library, case: Case, actor: Actor, at: str, purpose: Purpose = "work") -> Ground | Kept:
    """The ground on which an actor may enter a case, or why not.

    Args:
        library: with the organisation's access order and the rules of the case's runs.
        case, actor: which case, and who asks, as the host vouches for them.
        at: the present instant, as text.
        purpose: what for.
    """
    rules = library.access(case.organisation)
    if actor.organisation != case.organisation:
        return "unknown_case"
    if rules is None:
        return EVERYBODY
    says, by = case.access.bias.get(actor.id, ("", ""))
    if purpose == "acute" and (rules.alarm == "organisation" or _near(rules, case, actor)):
        # Danger to life waits for nobody, not even for who is biased (FL 17 §).
        return next((one for one in _grounds(library, rules, case, actor, at)), Ground("acute"))
    if says == "conflict":
        return "barred" if by == actor.id else "unknown_case"
    if purpose == "break_glass":
        other = _otherwise(rules, actor, purpose)
        if other is not None:
            return other
    missed: Kept = "unknown_case"
    for ground in _grounds(library, rules, case, actor, at):
        lacks = _lacks(rules, ground, actor, says) if purpose in {"work", "prove"} else None
        if lacks is None:
            return ground._replace(qualified=True) if ground.on in rules.demands.qualified else ground
        missed = lacks if missed == "unknown_case" else missed
    return _otherwise(rules, actor, purpose) or missed


def _lacks(rules: AccessRules, ground: Ground, actor: Actor, says: str) -> Kept | None:
    """What must hold of the person first, beside the ground itself."""
    if ground.on in rules.demands.qualified and not actor.qualified:
        return "qualified"
    return "bias_first" if ground.on in rules.demands.bias and says != "clear" else None


def _otherwise(rules: AccessRules, actor: Actor, purpose: Purpose) -> Ground | None:
    """Who reads only the log, and who may break the glass."""
    glass = rules.break_glass
    if purpose == "prove" and actor.roles & set(rules.audits):
        return Ground("auditor", min(actor.roles & set(rules.audits)))
    if purpose == "break_glass" and glass is not None and actor.roles & set(glass.by):
        return Ground("break_glass", min(actor.roles & set(glass.by)))
    return None


def _grounds(library: Library, rules: AccessRules, case: Case, actor: Actor, at: str) -> Iterator[Ground]:
    given, runs = case.access, case.runs.values()
    if actor.id in [run.holder for run in runs]:
        yield Ground("holder")
    if stands_in(case, actor, at):
        yield Ground("stand_in")
    if actor.id in given.named:
        yield Ground("named")
    for run in [run for run in runs if run.ended is None or run.owed] or runs:
        unheld = _unheld(library, rules, run, actor) if run.holder is None else None
        if unheld is not None:
            yield unheld
    everywhere, here = (actor.roles & set(some) for some in (rules.oversees.organisation, rules.oversees.unit))
    if everywhere:
        yield Ground("overseer", min(everywhere))
    if here and _near(rules, case, actor):
        yield Ground("overseer", min(here))
    if any(one.actor == actor.id and at <= one.until for one in given.openings.values()):
        yield Ground("break_glass")


def _unheld(library: Library, rules: AccessRules, run: Run, actor: Actor) -> Ground | None:
    """On what an actor works with a run that nobody has been given yet, if they do."""
    if rules.unheld == "opener" and run.unit != HANDED_OVER:
        return Ground("opener") if run.opener == actor.id else None
    compiled = library.pinned(run.rules)
    roles = compiled.roles if compiled is not None else frozenset[str]()
    part = actor.roles if EVERYONE in roles else actor.roles & roles
    return Ground("unit", min(part)) if part and _within(rules, run, actor) else None


def _within(rules: AccessRules, run: Run, actor: Actor) -> bool:
    """Whether the run belongs to the actor's unit. What has come in is shared, until somebody has been given it."""
    if run.holder is None and (run.unit == HANDED_OVER or run.unit in rules.receives):
        return not rules.receives or actor.unit in rules.receives
    return actor.unit == run.unit


def _near(rules: AccessRules, case: Case, actor: Actor) -> bool:
    """Whether any of the case belongs to the actor's unit."""
    return any(_within(rules, run, actor) for run in case.runs.values())


def biased(case: Case, who: str) -> bool:
    """Whether somebody has a conflict of interest in the case (jäv, FL 16-18 §§), whoever said so."""
    return case.access.bias.get(who, ("", ""))[0] == "conflict"


def stands_in(case: Case, actor: Actor, at: str) -> bool:
    """Whether the actor stands in for the holder that day (ersättare)."""
    days = case.access.stand_ins.get(actor.id)
    return days is not None and days[0] <= day_at(at) <= days[1]


def kept_out(library: Library, kept: Kept) -> Reason:
    """Why somebody does not get in, in words."""
    kind: Kind = "unknown" if kept == "unknown_case" else "missing" if kept == "bias_first" else "not_you"
    return reason(library, kept, kind)


def access_head(library: Library, ground: Ground | None) -> AccessHead | None:
    """The ground as a record names it; nothing where cases are open to all of the organisation."""
    if ground is None or ground.on == "everybody":
        return None
    head: AccessHead = {"on": ground.on, "def": library.orders["access"].digest}
    if ground.role is not None:
        head["role"] = ground.role
    if ground.qualified:
        head["qual"] = True
    return head


# ---- as it is kept ------------------------------------------------------------------------------------------------


def access_json(access: Access) -> dict[str, object]:
    """What a case's cell holds of it; empty parts are left out."""
    openings = {version: [*one] for version, one in access.openings.items()}
    whole = {
        "named": access.named,
        "stand_ins": access.stand_ins,
        "bias": access.bias,
        "openings": openings,
        "links": access.links,
    }
    return {name: part for name, part in whole.items() if part}


def access_of(said: Mapping[str, object]) -> Access:
    """What ``access_json`` wrote."""

    def pairs(name: str) -> dict[str, tuple[str, str]]:
        found = cast("Mapping[str, list[str]]", said.get(name, {}))
        return {actor: (one[0], one[1]) for actor, one in found.items()}

    openings = cast("Mapping[str, list[str]]", said.get("openings", {}))
    return Access(
        named=cast("Mapping[str, str]", said.get("named", {})),
        stand_ins=pairs("stand_ins"),
        bias=pairs("bias"),
        openings={version: Opening(*one) for version, one in openings.items()},
        links=cast("Mapping[str, str]", said.get("links", {})),
    )
