"""What a party may read of its own file (partsinsyn), and what may be left out: as data, by kind of organisation."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from .form import Part
from .registers import Secrecy
from .text import Format, Model, Name


class Insight(Model):
    """How one kind of organisation lets a party read its file.

    ``decision``: the kind of decision, in the delegation order, that each omission is. ``withhold`` and ``disclose``:
    the laws that such a decision may rest on. ``open``: parts that are always open to the party, but for facts of the
    classes ``places``. ``closed``: parts of which nothing goes out before it has been decided. ``others``: classes of
    fact of which nothing goes out undecided to a party whom the run is not about.
    """

    decision: Name
    withhold: Annotated[tuple[Name, ...], Field(min_length=1)]
    disclose: Annotated[tuple[Name, ...], Field(min_length=1)]
    open: tuple[Part, ...] = ()
    closed: tuple[Part, ...] = ()
    places: tuple[Secrecy, ...] = ()
    others: tuple[Secrecy, ...] = ()


class PartyOrder(Model):
    """What parties may read, by kind of organisation. A kind that is left out makes no extracts."""

    format: Format
    kinds: Mapping[Name, Insight] = {}
