"""How texts are worded: a heading that says what to do, short sentences, a deadline to work by, no names asked for.

All of it is told with a warning. Somebody may have a reason, and a routine is not to stand still over a comma.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import pairwise

from ..law import LawBook, Prompt
from ..model import OPEN
from ..text import Lang
from ..wording import Wording
from .page import Page, Path
from .places import Subject

LONGEST = 25
"""Words in a sentence."""

_END = re.compile(r"(?<=[.!?:;])\s+")
_WORD = re.compile(r"[^\W\d_]+")
_WITHOUT = frozenset({"utan", "without"})
_LANGS: tuple[Lang, ...] = ("sv", "en")


def sentences(page: Page) -> None:
    """Sentences longer than anybody reads while somebody is in danger, in any text of a file."""
    for path, text in _texts(page.document.data):
        longest = max(len(sentence.split()) for sentence in _END.split(text))
        if longest > LONGEST:
            page.warn("sentence-long", path, words=longest, most=LONGEST)


def wording(about: Subject, words: Wording | None) -> None:
    """What a routine's texts must say, beside what its model demands."""
    routine, page = about.routine, about.page
    if words is not None:
        for name, state in routine.states.items():
            for lang in _LANGS:
                if (said := getattr(state.now, lang)) is not None and not _begins(said, words.verbs.get(lang)):
                    page.warn("heading-no-verb", ("states", name, "now", lang), name=name)
        _asks_names(about, words)
    for name, state in routine.states.items():
        if state.end is None and not _timed(about, name):
            page.warn("state-no-deadline", ("states", name), name=name)
    _kept(about, about.world.law)


def _texts(value: object, path: Path = ()) -> Iterator[tuple[Path, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType] - any YAML
            here = (*path, str(key))  # pyright: ignore[reportUnknownArgumentType]
            if key in _LANGS and isinstance(inner, str):
                yield here, inner
            else:
                yield from _texts(inner, here)  # pyright: ignore[reportUnknownArgumentType]
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(value):  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
            yield from _texts(inner, (*path, place))  # pyright: ignore[reportUnknownArgumentType]


def _begins(said: str, verbs: tuple[str, ...] | None) -> bool:
    first = _WORD.search(said)
    return verbs is None or (first is not None and first[0].lower() in verbs)


def _asks_names(about: Subject, words: Wording) -> None:
    for asked in about.fields:
        if asked.field.type != "text":
            continue
        for lang, naming in words.naming.items():
            said = getattr(asked.field.title, lang)
            if said is not None and _names(said.lower(), frozenset(naming)):
                about.page.warn("name-asked", (*asked.path, "title", lang), name=asked.name)


def _names(said: str, naming: frozenset[str]) -> bool:
    """Whether a title asks for a name; what is asked *without* names does not."""
    words = _WORD.findall(said)
    return any(word in naming and before not in _WITHOUT for before, word in pairwise(["", *words]))


def _timed(about: Subject, state: str) -> bool:
    """Whether something that can be done there meets a deadline."""
    here = {step.name for step in about.steps if state in step.states and step.name != OPEN}
    return any({name.partition(".")[0] for name in one.met_by} & here for one in about.routine.deadlines.values())


def _kept(about: Subject, law: LawBook) -> None:
    """Free text must not lie for ever: the rule by which the run is kept says how long."""
    found = law.laws.get(about.routine.retention.rule)
    limit = found.versions[-1].limit if found is not None else None
    if found is None or not (limit is None or isinstance(limit, Prompt)):
        return
    if any(asked.field.type == "text" for asked in about.fields):
        about.page.warn("text-kept-for-ever", ("retention", "rule"), name=about.routine.retention.rule)
