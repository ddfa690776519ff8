"""What the checks know about good wording (klarspråk): the words that a heading may begin with, and those that ask who.

A municipality lays its own definitions/wording.yaml over the shipped one when its routines use other words.
"""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from .text import Format, Lang, Model

Word = Annotated[str, StringConstraints(pattern=r"^[a-zåäöé]+( [a-zåäöé]+)?$", max_length=40)]


class Wording(Model):
    """Word lists by language."""

    format: Format
    verbs: Mapping[Lang, Annotated[tuple[Word, ...], Field(min_length=1)]]
    """With which of them what there is to do begins: ``ring``, ``call``."""
    naming: Mapping[Lang, Annotated[tuple[Word, ...], Field(min_length=1)]]
    """A question in free text with one of them asks who somebody is."""
