"""Protected identity (skyddade personuppgifter): what is known of it in a person's file, and what is hidden for it.

One fact of the person, whatever routine is running. A check of the register (folkbokföringen) outlives older answers in
forms; a later answer can tell of protection, never take it away. Where nothing is known, the person is protected.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, cast

from stegvis.routines.form import Field, Value, locates
from stegvis.routines.library import Library
from stegvis.routines.persons import Level
from stegvis.routines.rules import Rules
from stegvis.routines.text import Text, fill, plain

from .judge import may_see
from .persons import UNKNOWN, Identity, IdentityView
from .reasons import reason, roles_text
from .values import Actor, Case, Facts, Reason, Run

HANDED: Final = "identity.handed"
"""The fact that another organisation has said, in a reply, that the identity is protected."""


def identity_of(library: Library, case: Case) -> Identity:
    """What the whole file knows.

    Args:
        library: with the rules of the case's runs; an answer under rules that are not there counts as not known.
        case: the person's file.
    """
    noted = case.identity
    since = noted.version if noted is not None else 0
    said = [(version, level) for version, level in _said(library, case) if version > since]
    levels = {level for _, level in said}
    if "stated" in levels and (noted is None or noted.level in {"none", "unknown"}):
        return Identity("stated", version=max(said)[0])
    if noted is not None:
        return noted
    if not said:
        return UNKNOWN
    return Identity("unknown" if "unknown" in levels else "none", version=max(said)[0])


def _said(library: Library, case: Case) -> Iterator[tuple[int, Level]]:
    """Every answer on it that now holds in a run, with the version at which it was given."""
    for run in case.runs.values():
        for fact in tells(library, run):
            if fact in run.facts:
                yield run.said.get(fact, case.version), level_of(run.facts[fact])


def tells(library: Library, run: Run) -> tuple[str, ...]:
    """The facts of a run that say something of it."""
    rules = library.pinned(run.rules)
    asked = rules.routine.protected_identity if rules is not None else None
    return (asked, HANDED) if asked is not None else (HANDED,)


def level_of(answer: Value) -> Level:
    """What an answer in a form comes to."""
    if answer == "yes" or answer is True:
        return "stated"
    return "none" if answer == "no" or answer is False else "unknown"


def say_identity(library: Library, identity: Identity) -> Text:
    """The word that stands first in every view."""
    words = library.words
    says = words[f"identity.level.{identity.level}"]
    if identity.checked is None or identity.source is None:
        how = words["identity.unchecked"] if identity.version else None
    else:
        how = fill(words["identity.checked"], {"on": identity.checked, "source": _source(library, identity.source)})
    if how is None:
        return says
    return Text.model_construct(sv=f"{says('sv')} {how('sv')}", en=f"{says('en')} {how('en')}")


def _source(library: Library, source: str) -> Text:
    """What a source is called now; one that the order no longer knows by its id."""
    noting = library.persons.identity
    known = noting.form.fields["source"].of if noting is not None else None
    return (known or {}).get(source) or plain(source)


def identity_view(library: Library, identity: Identity) -> IdentityView:
    """What is known of a protected identity, as it is shown."""
    return IdentityView(
        level=identity.level,
        protected=identity.protected,
        says=say_identity(library, identity),
        checked=identity.checked,
        source=identity.source,
    )


# ---- what is hidden ------------------------------------------------------------------------------------------------


class Sight(NamedTuple):
    """What one look at a file hides: of a protected person, every answer that could lead there, but those asked for."""

    hides: bool
    asked: Collection[str] = ()
    """Facts that were asked for by name, and whose being shown has been noted."""


def sight(identity: Identity, asked: Collection[str] = ()) -> Sight:
    """What a look hides, given what is known of the person's identity."""
    return Sight(identity.protected, asked)


def field_of(rules: Rules, fact: str) -> Field | None:
    """The question that a fact answers; None for one that no form of the routine asks."""
    form, _, name = fact.partition(".")
    asked = rules.routine.forms.get(form)
    fields = rules.routine.handed if form == "handed" else asked.fields if asked is not None else {}
    return fields.get(name)


_OURS = frozenset({"status", "identity"})
"""Forms of facts that the engine itself writes: words of its own, never somebody's."""


def hidden(rules: Rules, fact: str, look: Sight) -> bool:
    """Whether a look hides the answer whole. What no form of the routine asks may hold anything, and is hidden too."""
    if not look.hides or fact in look.asked:
        return False
    field = field_of(rules, fact)
    return locates(field) if field is not None else fact.partition(".")[0] not in _OURS


def partly_hidden(rules: Rules, fact: str, look: Sight) -> bool:
    """Whether a look hides the answer, or a column of it."""
    field = field_of(rules, fact)
    rows = field.rows if field is not None and field.rows is not None and look.hides and fact not in look.asked else {}
    return hidden(rules, fact, look) or any(locates(column) for column in rows.values())


def may_reveal(library: Library, rules: Sequence[Rules], asked: Collection[str], actor: Actor) -> tuple[Reason, ...]:
    """Why an actor may not be shown those facts of a protected person; nothing when they may.

    A fact that no run has, and one that the actor may not read at all, are refused alike.
    """
    no: list[Reason] = []
    if not actor.roles & set(library.persons.reveal):
        titles = roles_text(library, library.persons.reveal)
        no.append(reason(library, "no_reveal", "not_you", None, roles=titles))
    for fact in sorted(asked):
        able = (one for one in rules if field_of(one, fact) is not None and may_see(one, frozenset({fact}), actor))
        if next(able, None) is None:
            no.append(reason(library, "no_such_answer", "not_you"))
    return tuple(no)


def shown_to(rules: Rules, run: Run, actor: Actor, look: Sight) -> Run:
    """The run without the answers that the actor may not read, or that are hidden, also those that await approval."""

    def seen(facts: Facts) -> Facts:
        return {
            name: _row_by_row(rules, name, value, look)
            for name, value in facts.items()
            if may_see(rules, frozenset({name}), actor) and not hidden(rules, name, look)
        }

    pending = run.pending._replace(form=seen(run.pending.form)) if run.pending is not None else None
    return run._replace(facts=seen(run.facts), pending=pending)


def _row_by_row(rules: Rules, fact: str, value: Value, look: Sight) -> Value:
    """A list without the columns that could lead to the person."""
    field = field_of(rules, fact)
    if field is None or field.rows is None or not look.hides or fact in look.asked:
        return value
    kept = {name for name, column in field.rows.items() if not locates(column)}
    rows = cast("list[Mapping[str, Value]]", value)
    return [{name: one for name, one in row.items() if name in kept} for row in rows]
