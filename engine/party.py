"""A party and its file (partsinsyn): which answers it may read, which wait for a decision, and those decisions.

A party has the right to all of its case (FL 10 §) but for what it is of utmost importance to keep from it (OSL 10:3);
the decision itself is always open. Each omission is a decision of its own about one answer, on the record, by somebody
who may take it. What nobody has decided about is not proposed as open: it does not go out.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from stegvis.routines.errors import BadInput, NotFound
from stegvis.routines.form import Field, Value, is_reference
from stegvis.routines.library import Library
from stegvis.routines.party import Insight, PartyOrder
from stegvis.routines.rules import Rules
from stegvis.routines.text import Text, plain

from .asking import Ask
from .granting import Change
from .identity import Sight, field_of, identity_of, partly_hidden, sight
from .judge import LONGEST_REASON, may_see
from .powers import decider
from .reasons import reason
from .values import Actor, Case, CaseSet, Denied, Head, Reason, Run

Outcome: TypeAlias = Literal["withheld", "withheld_silently", "disclosed"]
"""Left out, and the party may be told that something is; left out, and it may not; let out."""
Why: TypeAlias = Literal["closed_part", "place", "about_another", "names_another", "names_staff", "leads_there"]
"""Why an answer waits for a decision; the last: the identity is, or may be, protected, and it could lead there."""

OUTCOMES: Final = frozenset({"withheld", "withheld_silently", "disclosed"})
OMIT: Final = "omit"
"""The change of the case that decides about one answer."""


class Omission(NamedTuple):
    """What was decided about one answer, for one party."""

    version: int
    at: str
    actor: str
    run: str
    fact: str
    out: Outcome
    law: str


class Answered(NamedTuple):
    """One answer of the file as a party meets it."""

    run: Run
    rules: Rules
    fact: str
    field: Field
    value: Value
    why: Why | None
    """Why it does not go out undecided; None for one that does."""
    open: bool
    """Whether it can never be withheld: it is the decision itself."""


def insight(library: Library, organisation: str) -> Insight | None:
    """How that organisation lets a party read its file; None where it makes no extracts."""
    found = library.organisations.organisations.get(organisation)
    order = cast("PartyOrder", library.orders["party"].says)
    return order.kinds.get(found.kind) if found is not None else None


def is_party(library: Library, case: Case, who: str) -> bool:
    """Whether the case names that person: as the one it is about, or in an answer that is a reference of a person."""
    if any(run.person == who for run in case.runs.values()):
        return True
    return any(
        who in people
        for run in case.runs.values()
        for fact, value in run.facts.items()
        if (field := field_of(_rules(library, run), fact)) is not None
        for people in (set(_named(field, value, "person")),)
    )


def _rules(library: Library, run: Run) -> Rules:
    rules = library.pinned(run.rules)
    if rules is None:
        raise NotFound("rules_missing", digest=run.rules)
    return rules


def _named(field: Field, value: Value, kind: Literal["person", "actor"]) -> Iterator[str]:
    """The persons, or members of staff, that an answer names by their keys."""
    if field.type == kind and isinstance(value, str):
        yield value
    if field.rows and isinstance(value, list | tuple):
        for row in cast("Iterable[Mapping[str, Value]]", value):
            for name, inner in field.rows.items():
                yield from _named(inner, row.get(name), kind)


def answered(library: Library, says: Insight, case: Case, party: str) -> Iterator[Answered]:
    """Every answer of the case, in the order of its runs and forms. What awaits a second person is no part of it."""
    look = sight(identity_of(library, case))
    for run in case.runs.values():
        rules = _rules(library, run)
        for fact in rules.scope:
            field, value = field_of(rules, fact), run.facts.get(fact)
            if field is not None and value is not None:
                why = _why(says, run, field, value, party)
                if why is None and field.part not in says.open:
                    why = _leads(rules, run, fact, look, party)
                yield Answered(run, rules, fact, field, value, why, field.part in says.open and why is None)


def _why(says: Insight, run: Run, field: Field, value: Value, party: str) -> Why | None:
    classes = {field.secrecy, *(inner.secrecy for inner in (field.rows or {}).values())}
    if not classes.isdisjoint(says.places):
        return "place"
    if field.part in says.open:
        return None
    if field.part in says.closed or any(inner.part in says.closed for inner in (field.rows or {}).values()):
        return "closed_part"
    if run.person != party and not classes.isdisjoint(says.others):
        return "about_another"
    if set(_named(field, value, "person")) - {party}:
        return "names_another"
    return "names_staff" if set(_named(field, value, "actor")) else None


def _leads(rules: Rules, run: Run, fact: str, look: Sight, party: str) -> Why | None:
    """Whether somebody else than the person it is about could find the person by it."""
    return "leads_there" if run.person != party and partly_hidden(rules, fact, look) else None


# ---- deciding about one answer --------------------------------------------------------------------------------------


def omit(ask: Ask, case: Case) -> Change | Denied:
    """Decide about one answer for one party: keep it from them, or let it out."""
    library, said = ask.library, ask.command.form
    says = insight(library, case.organisation)
    if says is None:
        return Denied((reason(library, "no_extracts", "forbidden"),))
    who, fact, run, out, law = (_said(said, name) for name in ("who", "fact", "run", "out", "law"))
    if not is_reference(who):
        raise BadInput("not_a_reference", field="who")
    if out not in OUTCOMES:
        raise BadInput("unknown_outcome")
    found = next((one for one in answered(library, says, case, who) if (one.run.id, one.fact) == (run, fact)), None)
    roles = _reading(found, ask.actor) if found is not None else frozenset[str]()
    reasons = list(_objections(ask, case, who, found if roles else None))
    grounds = says.disclose if out == "disclosed" else says.withhold
    if law not in grounds:
        cited = (library.law.law(one).title for one in grounds)
        reasons.append(reason(library, "not_a_ground", "invalid", "law", grounds=_listed(cited)))
    power = decider(library, says.decision, ask.actor, roles)
    if isinstance(power, list):
        reasons.extend(power)
    if reasons:
        return Denied(tuple(reasons))
    rests: dict[str, Any] = {"basis": [law], "dlg": says.decision}
    role = min(roles)
    if isinstance(power, tuple):
        role, rests["ord"] = power
    changed: CaseSet = {"who": who, "fact": fact, "run": run, "out": out, "law": law}
    return Change(role, changed, {"reason": ask.command.reason}, rests)


def _reading(one: Answered, actor: Actor) -> frozenset[str]:
    """Those of the actor's roles in which the answer may be read: who decides about it has read it."""
    fact = frozenset({one.fact})
    alone = {role: Actor("?", roles={role}, unit="?", organisation=actor.organisation) for role in actor.roles}
    return frozenset(role for role, actor in alone.items() if may_see(one.rules, fact, actor))


def _said(form: Mapping[str, object], name: str) -> str:
    value = form.get(name)
    if not isinstance(value, str):
        raise BadInput("bad_omission", field=name)
    return value


def _objections(ask: Ask, case: Case, who: str, found: Answered | None) -> Iterator[Reason]:
    """What stands in the way; an answer that is not there and one that the actor may not read are the same."""
    library, why = ask.library, ask.command.reason
    if not is_party(library, case, who):
        yield reason(library, "not_in_case", "unknown", "who")
    if why is None or not why.strip() or len(why) > LONGEST_REASON:
        yield reason(library, "omission_reason", "missing", "reason")
    if found is None:
        yield reason(library, "nothing_to_omit", "unknown", "fact")
    elif found.open and ask.command.form.get("out") != "disclosed":
        yield reason(library, "decision_is_open", "forbidden", "fact")


def _listed(texts: Iterable[Text]) -> Text:
    whole = list(texts)
    if not whole:
        return plain("-")
    return Text.model_construct(sv="; ".join(one("sv") for one in whole), en="; ".join(one("en") for one in whole))


def omitted(case: Case, head: Head, body: Mapping[str, object]) -> Case:
    """The case after such a decision: it changes nothing but what goes out, and that is read from the log."""
    del head, body
    return case


def omissions(heads: Iterable[Head], party: str) -> dict[tuple[str, str], Omission]:
    """What holds for a party now, by run and fact: the latest decision about each answer."""
    found: dict[tuple[str, str], Omission] = {}
    for version, head in enumerate(heads, 1):
        said = head.get("set", {})
        if head["type"] == "case.change" and head.get("trg") == OMIT and said.get("who") == party:
            run, fact, out = said.get("run", ""), said.get("fact", ""), cast("Outcome", said.get("out"))
            found[run, fact] = Omission(version, head["at"], head["actor"], run, fact, out, said.get("law", ""))
    return found
