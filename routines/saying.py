"""Saying a routine's conditions in words, with the titles of its forms."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from .condition import Condition
from .form import Field
from .library import Library
from .rules import Rules
from .text import Lang, Text, Words


def say_condition(library: Library, rules: Rules, condition: Condition) -> Text:
    """A condition in plain words, with the titles of the routine's forms."""

    def one(lang: Lang) -> str:
        titles, options = _names(rules, lang)
        return condition.text(words=_Phrases(library.words, lang), titles=titles, options=options)

    return Text.model_construct(sv=one("sv"), en=one("en"))


class _Phrases(Mapping[str, str]):
    """The phrases of definitions/texts/conditions.yaml in one language."""

    def __init__(self, words: Words, lang: Lang) -> None:
        self._words: Words = words
        self._lang: Lang = lang

    def __getitem__(self, phrase: str) -> str:
        return self._words[f"conditions.{phrase}"](self._lang)

    def __iter__(self) -> Iterator[str]:
        return (name.partition(".")[2] for name in self._words if name.startswith("conditions."))

    def __len__(self) -> int:
        return sum(1 for _ in self)


@lru_cache(maxsize=64)
def _names(rules: Rules, lang: Lang) -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    titles: dict[str, str] = {}
    options: dict[tuple[str, str], str] = {}

    def add(fields: Mapping[str, Field], prefix: str) -> None:
        for name, field in fields.items():
            titles[prefix + name] = field.title(lang)
            for option, text in (field.of or {}).items():
                options[prefix + name, option] = text(lang)
            if field.rows:
                add(field.rows, f"{prefix}{name}.")

    for form, asked in rules.routine.forms.items():
        add(asked.fields, f"{form}.")
    add(rules.routine.handed, "handed.")
    titles.update({name: one.title(lang) for name, one in rules.routine.derived.items()})
    return titles, options
