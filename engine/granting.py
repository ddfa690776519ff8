"""Letting people into a case and keeping them out: who may, and what comes of it."""

from collections.abc import Mapping
from typing import NamedTuple

from stegvis.routines.errors import BadInput
from stegvis.routines.form import is_reference
from stegvis.routines.orders import HOLDER

from .asking import Ask
from .reasons import reason, roles_text
from .values import Case, CaseSet, Denied, Head, Reason

_NOTHING: Mapping[str, object] = {}


class Change(NamedTuple):
    """What a change of the whole case comes to: the role it was made in, what stands open, what is sealed."""

    role: str
    set: CaseSet
    body: Mapping[str, object] = _NOTHING


def _whom(ask: Ask) -> str:
    who = ask.command.form.get("who")
    if not isinstance(who, str) or not is_reference(who):
        raise BadInput("not_a_reference", field="who")
    return who


def _in_role(ask: Ask, case: Case, roles: tuple[str, ...]) -> str | Reason:
    """The role in which the actor may, or why not."""
    mine = ask.actor.roles & set(roles)
    if mine:
        return min(mine)
    if HOLDER in roles and ask.actor.roles and any(run.holder == ask.actor.id for run in case.runs.values()):
        return min(ask.actor.roles)
    return reason(ask.library, "role", "not_you", None, roles=roles_text(ask.library, roles))


def name(ask: Ask, case: Case) -> Change | Denied:
    """Let somebody into the case by name (namngiven)."""
    who, rules = _whom(ask), ask.library.access(case.organisation)
    if rules is None:
        return Denied((reason(ask.library, "open_to_all", "forbidden"),))
    role = _in_role(ask, case, rules.may.name)
    return Denied((role,)) if isinstance(role, Reason) else Change(role, {"who": who})


def named(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case with one more in it by name."""
    del body
    access = case.access
    return case._replace(access=access._replace(named={**access.named, _who(head): head["at"]}))


def unname(ask: Ask, case: Case) -> Change | Denied:
    """Take back that somebody was let in by name."""
    change = name(ask, case)
    if isinstance(change, Change) and change.set.get("who") not in case.access.named:
        return Denied((reason(ask.library, "not_let_in", "not_yet"),))
    return change


def unnamed(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case with one less in it by name."""
    del body
    left = {who: since for who, since in case.access.named.items() if who != _who(head)}
    return case._replace(access=case.access._replace(named=left))


def _who(head: Head) -> str:
    return head.get("set", {}).get("who", "")
