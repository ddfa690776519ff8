"""The command that an event answers, put together again from what was logged, and decided once more."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, TypeAlias, cast

from stegvis.routines.library import Library
from stegvis.routines.rules import Move, Rules

from .decide import decide, rules_of
from .handoffs import protected_fact
from .identity import HANDED
from .instants import day_at, moment_of
from .messages import opening_form
from .values import Actor, Case, Command, Decision, Event, Facts, HandOffHead, Head, Message

LibraryThen: TypeAlias = Callable[[Head], Library]
"""Answers the library, with the rules and the law that a record names."""


def decided(library: LibraryThen, case: Case | None, event: Event, sent: Message | None = None) -> Decision:
    """The command that an event answers, decided once more on the case as it stood before.

    Raises:
        StegvisError: the command cannot have been put.
    """
    then = library(event.head)
    _cited(then, event.head)
    command, actor = command_of(then, case, event, sent)
    return decide(then, case, command, actor, moment_of(event.head["at"]))


def came(head: Head) -> HandOffHead | None:
    """The hand-off that a record says came from another organisation, if one did."""
    hof = head.get("hof")
    return hof if hof is not None and hof["dir"] != "sent" else None


def _cited(library: Library, head: Head) -> None:
    """Look at whether the law that a record names had those bases on that day.

    Raises:
        NoLaw: ``law_unknown``, ``law_not_in_force``.
    """
    if came(head) is not None:
        return  # what another organisation rested on is for its own log to prove
    for basis in head.get("basis", ()):
        library.law.at(basis, date.fromisoformat(day_at(head["at"])))


def actor_of(head: Head) -> Actor:
    """The actor as far as the step needed them, as the host vouched for them then."""
    powers = {head["dlg"]} if "dlg" in head else set[str]()
    entered = head.get("acc")
    oversaw = {entered["role"]} if entered is not None and "role" in entered else set[str]()
    stepped = {guard["by"] for guard in head.get("guards", ()) if "by" in guard}
    return Actor(
        head["actor"],
        roles={head["role"], *stepped, *oversaw},
        unit=head["unit"],
        organisation=head["org"],
        delegations=powers,
        qualified=head.get("qual", False) or (entered is not None and entered.get("qual", False)),
    )


def command_of(library: Library, case: Case | None, event: Event, sent: Message | None = None) -> tuple[Command, Actor]:
    """The command that an event answers, put together again from what was logged; or from what is known to be sent."""
    head, body = event.head, event.body or {}
    facts = cast("Facts", body.get("facts", {}))
    actor = actor_of(head)
    common: dict[str, Any] = {
        "run": head["run"],
        "happened": head["hap"],
        "overrides": body.get("overrides", {}),
        "outside": body.get("outside", {}),
        "fresh": head["hof"]["id"] if "hof" in head else None,
        "case": head.get("case", ""),
    }
    match head["type"]:
        case "case.open" | "run.open":
            received = head.get("hof")
            message, form = None, form_of(facts)
            if received is not None and received["dir"] == "received":
                message = _message(head, received, facts)
                if sent is not None:
                    message, form = sent, _opened_by(library.by_digest[head["def"]], sent, head, facts)
            kind: Any = "receive" if message is not None else "open"
            return Command(
                kind=kind,
                trigger=head["rtn"],
                form=form,
                person=head.get("person"),
                message=message,
                begun=head.get("begun"),
                **common,
            ), actor
        case "correction":
            return Command(
                kind="correct",
                trigger="correct",
                form=facts,
                reason=cast("str", body.get("reason")),
                corrects=dict.fromkeys(facts, head.get("corr", "")),
                **common,
            ), actor
        case "handoff.answered":
            hof = head.get("hof")
            message = sent or (_message(head, hof, facts) if hof is not None else None)
            flagged = HANDED in facts or protected_fact(library.by_digest[head["def"]]) in facts
            if sent is None and message is not None and flagged:
                message = message._replace(protected_identity="yes")
            return Command(kind="answered", trigger="answered", message=message, **common), actor
        case "case.change":
            said = {**facts, **cast("Mapping[str, object]", head.get("set", {}))}
            reason = cast("str | None", body.get("reason"))
            return Command(kind="case", trigger=head.get("trg", ""), form=said, reason=reason, **common), actor
        case "deadline":
            return Command(kind="tick", trigger="tick", **common), actor
        case _:
            move = _move(library, case, head)
            form = {} if move is None or move.kind == "approve" else form_of(facts)
            return Command(kind="take", trigger=head.get("trg", ""), form=form, **common), actor


def _opened_by(rules: Rules, sent: Message, head: Head, facts: Facts) -> Mapping[str, object]:
    """The form with which a hand-off opened its run. When it arrived was noted before the step, by the receiver."""
    arrived = rules.routine.receives.arrived if rules.routine.receives is not None else None
    noted = facts.get(f"{rules.opening.form}.{arrived}")
    return opening_form(rules, sent, noted if isinstance(noted, str) else head["at"])


def _move(library: Library, case: Case | None, head: Head) -> Move | None:
    run = case.runs.get(head["run"]) if case is not None else None
    return rules_of(library, run).move(run.state, head.get("trg", "")) if run is not None else None


def form_of(facts: Facts) -> dict[str, object]:
    """A form as it was filled in, by the names of its questions."""
    return {
        name.partition(".")[2]: value for name, value in facts.items() if not name.startswith(("handed.", "status."))
    }


def _message(head: Head, hof: HandOffHead, facts: Facts) -> Message:
    return Message(
        id=hof["id"],
        kind=cast("Any", hof["kind"]),
        sender=hof["org"],
        receiver=head["org"],
        basis=head.get("basis", ["none"])[0],
        at=hof.get("at", head["at"]),
        protected_identity="unknown",
        routine=head["rtn"],
        about=hof.get("about"),
        status=hof.get("status"),
        facts=facts,
    )
