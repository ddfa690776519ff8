"""Letting people into a case and keeping them out: who may, and what comes of it.

Each change has a half that decides it and a half that folds it; ``casewide.py`` puts them together.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from stegvis.routines.errors import BadInput
from stegvis.routines.form import is_reference
from stegvis.routines.limits import due
from stegvis.routines.orders import HOLDER, Access

from .asking import Ask
from .instants import local_day, text_of
from .judge import LONGEST_REASON
from .reasons import reason, roles_text
from .values import Case, CaseSet, Denied, Head, Opening, Reason

_NOTHING: Mapping[str, object] = {}
Body = Mapping[str, object]


class Change(NamedTuple):
    """What a change of the whole case comes to: the role it was made in, what stands open, what is sealed.

    ``rests``: what else the record's head says it rested on: law, delegation.
    """

    role: str
    set: CaseSet
    body: Body = _NOTHING
    rests: Mapping[str, Any] = _NOTHING


# ---- what is asked ------------------------------------------------------------------------------------------------


def reasoned(ask: Ask) -> Body:
    """The reason, to be sealed."""
    return {"reason": ask.command.reason}


def has_reason(text: str | None) -> bool:
    """Whether somebody has written why, and not at too great a length."""
    return text is not None and bool(text.strip()) and len(text) <= LONGEST_REASON


def _whom(ask: Ask) -> str:
    who = ask.command.form.get("who")
    if not isinstance(who, str) or not is_reference(who):
        raise BadInput("not_a_reference", field="who")
    return who


def _day(ask: Ask, name: str) -> str:
    try:
        return date.fromisoformat(str(ask.command.form.get(name))).isoformat()
    except ValueError:
        raise BadInput("not_date", field=name) from None


def in_role(ask: Ask, case: Case, roles: Sequence[str]) -> str | Reason:
    """The role in which the actor may make a change, or why not."""
    mine = ask.actor.roles & set(roles)
    if mine:
        return min(mine)
    if HOLDER in roles and ask.actor.roles and any(run.holder == ask.actor.id for run in case.runs.values()):
        return min(ask.actor.roles)
    return reason(ask.library, "role", "not_you", None, roles=roles_text(ask.library, roles))


def _order(ask: Ask, case: Case) -> Access | None:
    return ask.library.access(case.organisation)


def may(ask: Ask, case: Case, roles: Sequence[str] | None) -> str | Denied:
    """The role in which the actor may; a refusal where they may not, or where nobody has to be let in."""
    if roles is None:
        return Denied((reason(ask.library, "open_to_all", "forbidden"),))
    role = in_role(ask, case, roles)
    return Denied((role,)) if isinstance(role, Reason) else role


def _who(head: Head) -> str:
    return head.get("set", {}).get("who", "")


# ---- by name ------------------------------------------------------------------------------------------------------


def name(ask: Ask, case: Case) -> Change | Denied:
    """Let somebody into the case by name (namngiven)."""
    order, who = _order(ask, case), _whom(ask)
    role = may(ask, case, order.may.name if order is not None else None)
    return role if isinstance(role, Denied) else Change(role, {"who": who})


def named(case: Case, head: Head, body: Body) -> Case:
    """The case with one more in it by name."""
    del body
    return case._replace(access=case.access._replace(named={**case.access.named, _who(head): head["at"]}))


def unname(ask: Ask, case: Case) -> Change | Denied:
    """Take back that somebody was let in by name."""
    change = name(ask, case)
    gone = isinstance(change, Change) and change.set.get("who") not in case.access.named
    return Denied((reason(ask.library, "not_let_in", "not_yet"),)) if gone else change


def unnamed(case: Case, head: Head, body: Body) -> Case:
    """The case with one less in it by name."""
    del body
    left = {who: since for who, since in case.access.named.items() if who != _who(head)}
    return case._replace(access=case.access._replace(named=left))


# ---- in place of the holder ---------------------------------------------------------------------------------------


def stand_in(ask: Ask, case: Case) -> Change | Denied:
    """Let somebody act for whoever has the case, from one day to another (ersättare)."""
    order, who, first, last = _order(ask, case), _whom(ask), _day(ask, "first"), _day(ask, "last")
    role = may(ask, case, order.may.stand_in if order is not None else None)
    if isinstance(role, Denied):
        return role
    if last < max(first, ask.today):
        return Denied((reason(ask.library, "days_passed", "invalid"),))
    return Change(role, {"who": who, "first": first, "last": last})


def stood_in(case: Case, head: Head, body: Body) -> Case:
    """The case with somebody in place of its holder."""
    del body
    said = head.get("set", {})
    days = (said.get("first", ""), said.get("last", ""))
    return case._replace(access=case.access._replace(stand_ins={**case.access.stand_ins, _who(head): days}))


def end_stand_in(ask: Ask, case: Case) -> Change | Denied:
    """Take back that somebody stands in, whatever the days were."""
    order, who = _order(ask, case), _whom(ask)
    role = may(ask, case, order.may.stand_in if order is not None else None)
    if isinstance(role, Denied):
        return role
    if who not in case.access.stand_ins:
        return Denied((reason(ask.library, "not_let_in", "not_yet"),))
    return Change(role, {"who": who})


def stand_in_ended(case: Case, head: Head, body: Body) -> Case:
    """The case without that stand-in."""
    del body
    left = {who: days for who, days in case.access.stand_ins.items() if who != _who(head)}
    return case._replace(access=case.access._replace(stand_ins=left))


# ---- bias ---------------------------------------------------------------------------------------------------------


def bias(ask: Ask, case: Case) -> Change | Denied:
    """Say whether somebody is biased in the case (jäv, FL 16-18 §§): oneself, or another by who may bar people.

    A conflict takes a reason, which is sealed. Nobody takes back their own; who may bar people can.
    """
    order, out = _order(ask, case), ask.command.form.get("out")
    mine = ask.command.form.get("who") in {None, "", ask.actor.id}
    if not isinstance(out, str) or out not in {"clear", "conflict"}:
        raise BadInput("not_a_choice", field="out")
    who = ask.actor.id if mine else _whom(ask)
    everyone = tuple(sorted(ask.actor.roles))
    roles = (everyone if mine else order.may.bar) if order is not None else None
    role = may(ask, case, roles)
    if isinstance(role, Denied):
        return role
    if not has_reason(ask.command.reason) and (out == "conflict" or not mine):
        return Denied((reason(ask.library, "change_reason", "missing"),))
    return Change(role, {"who": who, "out": out}, reasoned(ask) if ask.command.reason is not None else _NOTHING)


def bias_said(case: Case, head: Head, body: Body) -> Case:
    """The case with what was said of somebody's bias, and by whom."""
    del body
    said = (head.get("set", {}).get("out", ""), head["actor"])
    return case._replace(access=case.access._replace(bias={**case.access.bias, _who(head): said}))


# ---- breaking the glass -------------------------------------------------------------------------------------------


def break_glass(ask: Ask, case: Case) -> Change | Denied:
    """Go into a case in an emergency, with a reason (nödöppning). It stands on the manager's list until it is seen."""
    order = _order(ask, case)
    glass = order.break_glass if order is not None else None
    role = may(ask, case, glass.by if glass is not None else None)
    if isinstance(role, Denied) or glass is None:
        return role if isinstance(role, Denied) else _may_not(ask)
    if not has_reason(ask.command.reason):
        return Denied((reason(ask.library, "change_reason", "missing"),))

    def until(law: str) -> str:
        return text_of(due(ask.library.law.at(law, local_day(ask.now)), ask.now).internal)

    return Change(role, {"who": ask.actor.id, "until": until(glass.lasts), "due": until(glass.seen)}, reasoned(ask))


def _may_not(ask: Ask) -> Denied:
    return Denied((reason(ask.library, "role", "not_you", None, roles=roles_text(ask.library, ())),))


def glass_broken(case: Case, head: Head, body: Body) -> Case:
    """The case with one more opening to be seen."""
    del body
    said = head.get("set", {})
    one = Opening(head["actor"], head["unit"], head["at"], said.get("until", ""), said.get("due", ""))
    openings = {**case.access.openings, str(case.version + 1): one}
    return case._replace(access=case.access._replace(openings=openings))


def see_opening(ask: Ask, case: Case) -> Change | Denied:
    """Say that one has looked at an opening (kvittera): somebody on whose list it stands, never who broke the glass."""
    order, of = _order(ask, case), str(ask.command.form.get("of", ""))
    glass = order.break_glass if order is not None else None
    role = may(ask, case, glass.announce if glass is not None else None)
    if isinstance(role, Denied):
        return role
    opening = case.access.openings.get(of)
    if opening is None or opening.seen is not None:
        return Denied((reason(ask.library, "no_opening", "unknown"),))
    if opening.actor == ask.actor.id:
        return Denied((reason(ask.library, "not_yourself", "not_you"),))
    return Change(role, {"of": of}, reasoned(ask) if ask.command.reason is not None else _NOTHING)


def opening_seen(case: Case, head: Head, body: Body) -> Case:
    """The case with that opening seen."""
    del body
    of = head.get("set", {}).get("of", "")
    openings = dict(case.access.openings)
    if of in openings:
        openings[of] = openings[of]._replace(seen=head["actor"])
    return case._replace(access=case.access._replace(openings=openings))
