"""Saying a routine's conditions in words, with the titles of its forms."""

from collections.abc import Mapping

from .condition import Condition
from .form import Field
from .library import Library
from .rules import Rules
from .text import Lang, Text


def say_condition(library: Library, rules: Rules, condition: Condition) -> Text:
    """A condition in plain words, with the titles of the routine's forms."""

    def one(lang: Lang) -> str:
        titles, options = _names(rules, lang)
        words = {
            name.partition(".")[2]: text(lang) for name, text in library.words.items() if name.startswith("conditions.")
        }
        return condition.text(words=words, titles=titles, options=options)

    return Text.model_construct(sv=one("sv"), en=one("en"))


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
