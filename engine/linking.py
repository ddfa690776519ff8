"""Tying a case to another of the same family, behind a barrier (koppling): what it says, and what comes of it.

An exposed person and a perpetrator never share a case; a link says that two cases belong together. It stands in both,
sealed: whoever reads one of them, its log or an extract of it, does not learn of the other. Who does: ``links.py``.
"""

from collections.abc import Mapping
from typing import cast

from stegvis.routines.errors import BadInput

from .asking import Ask
from .granting import Change, may
from .values import Case, Denied, Head

_HEX = frozenset("0123456789abcdef")


def apart(ask: Ask, case: Case) -> Change | Denied:
    """Keep a link to another case apart, or take it back. The record says neither which nor which of the two."""
    order = ask.library.access(case.organisation)
    role = may(ask, case, order.may.link if order is not None else None)
    if isinstance(role, Denied):
        return role
    form = ask.command.form
    (way,) = form.keys() if len(form) == 1 else ("",)
    other = form.get(way)
    if way not in {"link", "unlink"} or not isinstance(other, str) or not is_id(other) or other == case.id:
        raise BadInput("not_a_reference", field="link")
    return Change(role, {}, {"facts": {way: other}})


def is_id(case: str) -> bool:
    """Whether it can be the id of a case."""
    return len(case) == 32 and _HEX.issuperset(case)  # noqa: PLR2004 - 128 bits in hex


def kept_apart(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case with that link, or without it; sealed, it stays unknown."""
    said = cast("Mapping[str, str]", body.get("facts", {}))
    left = {other: since for other, since in case.access.links.items() if other != said.get("unlink")}
    if "link" in said:
        left[said["link"]] = head["at"]
    return case._replace(access=case.access._replace(links=left))
