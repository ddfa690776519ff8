"""Why not, in words: every reason has a stable code, a sentence and a remedy, in definitions/texts/reasons.yaml."""

from collections.abc import Iterable
from typing import Literal

from stegvis.routines.library import Library
from stegvis.routines.orders import HOLDER
from stegvis.routines.rules import CompiledGuard, Move, Rules
from stegvis.routines.text import Lang, Text, fill, plain

from .values import Reason

Kind = Literal["not_yet", "not_you", "missing", "invalid", "forbidden", "stale", "unknown"]


def reason(library: Library, code: str, kind: Kind, about: str | None = None, /, **places: Text | str | int) -> Reason:
    """The reason with that code, its places filled in."""
    words = library.words
    return Reason(
        code,
        fill(words[f"reasons.{code}.says"], places),
        fill(words[f"reasons.{code}.do"], places),
        kind,
        about,
    )


def roles_text(library: Library, roles: Iterable[str]) -> Text:
    """The titles of some roles, as a list inside a sentence."""
    named = sorted(roles)
    titles = [library.roles.roles[role].title for role in named if role in library.roles.roles]
    titles += [library.words["reasons.holder"]] if HOLDER in named else []
    if not titles:
        return library.words["reasons.nobody"]

    def one(lang: Lang) -> str:
        said = [title(lang)[:1].lower() + title(lang)[1:] for title in titles]
        last = f" {library.words['reasons.or'](lang)} ".join([", ".join(said[:-1]), said[-1]])
        return last if len(said) > 1 else said[0]

    return Text.model_construct(sv=one("sv"), en=one("en"))


def field_title(rules: Rules, fact: str) -> Text:
    """What a fact is called in its form."""
    form, _, name = fact.partition(".")
    routine = rules.routine
    if not name:
        return routine.derived[form].title if form in routine.derived else plain(form)
    if form == "handed":
        return routine.handed[name].title
    if form in routine.forms and name in routine.forms[form].fields:
        return routine.forms[form].fields[name].title
    return plain(name)


def step_title(library: Library, move: Move) -> Text:
    """What a step is called, also one that four-eyes or a late form made."""
    made = library.builtin.titles.get(move.kind)
    return fill(made, {"step": move.step.title}) if made is not None else move.step.title


def fact_titles(rules: Rules, facts: Iterable[str]) -> Text:
    """What some facts are called, as a list in words."""
    titles = list({title.sv: title for title in (field_title(rules, fact) for fact in sorted(facts))}.values())
    return Text.model_construct(sv=", ".join(t("sv") for t in titles), en=", ".join(t("en") for t in titles))


def guard_reason(
    library: Library, rules: Rules, guard: CompiledGuard, *, unknown: frozenset[str], hidden: bool
) -> Reason:
    """Why a guard closes a step: its own sentence, what is not known yet, or neutrally where the actor may not know."""
    if hidden:
        return reason(library, "not_available", "not_you")
    one = guard.guard
    if unknown:
        said = fill(library.words["reasons.not_known.says"], {"facts": fact_titles(rules, unknown), "rule": one.says})
        return Reason("not_known", said, one.do, "not_yet", one.id)
    return Reason("guard", one.says, one.do, "not_yet", one.id)
