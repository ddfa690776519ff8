"""A routine written as what differs from another: the shape of such a file (variant).

``variants.py`` makes an ordinary routine of it, with an id of its own, before anything is compiled.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import Field as Limits
from pydantic import StringConstraints

from .model import Adopted, Validity
from .text import FactName, Format, Lang, Model, Name, Text

Words: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=80)]
Way: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$")]
"""A part of the routine by the names that lead there: ``states.noticed.never.no_promise``."""
_Parts: TypeAlias = dict[str, Any]


class Variant(Model):
    """A routine of its own that is another routine but for what stands here.

    ``roles`` and ``instead`` hold for what is inherited: who takes part, and words that are said otherwise.
    ``without`` is what does not exist here. The rest is laid over: mappings by key, lists of things with ``id`` by id,
    anything else in place of what was there. What the organisation's secrecy profile does not allow is not inherited.
    """

    format: Format
    routine: Name
    extends: Name
    label: Annotated[str, StringConstraints(pattern=r"^\d{4}\.\d+$")]
    title: Text
    why: Text
    adopted: Adopted | None
    valid: Validity
    organisation: Annotated[tuple[Name, ...], Limits(min_length=1)]
    roles: dict[Name, tuple[Name, ...]] = {}
    instead: dict[Lang, Annotated[dict[Words, Words], Limits(min_length=1)]] = {}
    without: tuple[Way, ...] = ()
    subject: Literal["child", "adult", "person"] | None = None
    protected_identity: FactName | None = None
    receives: _Parts = {}
    apart: tuple[Name, ...] = ()
    opens: Annotated[_Parts, Limits(alias="open")] = {}
    states: _Parts = {}
    shared: _Parts = {}
    forms: _Parts = {}
    handed: _Parts = {}
    derived: _Parts = {}
    deadlines: _Parts = {}
    acute: _Parts = {}
    contacts: _Parts = {}
    correct: _Parts = {}
    retention: _Parts = {}
    properties: tuple[_Parts, ...] = ()


OWN = frozenset({"format", "routine", "label", "title", "why", "adopted", "valid", "organisation"})
"""What each variant says for itself and never inherits: its name, its words, who has adopted it."""
HOW = frozenset({"extends", "roles", "instead", "without"})
"""What says how to inherit, and is no part of the routine."""
