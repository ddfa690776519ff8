"""Cases in and out of the store: opened with the keys, sealed again, committed whole.

The shell's own half of the work. It holds a bounded number of opened cases, each under the leaf hash of its latest
record, so that a case that nobody else has moved need not be opened again.
"""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import orjson

from stegvis.routines.errors import Broken, NotFound, Stale, StegvisError
from stegvis.routines.law import LawBook, load_law
from stegvis.routines.library import Library, restored
from stegvis.routines.ondemand import laid_over
from stegvis.routines.orders import Order, no_order, restored_order
from stegvis.routines.rules import Rules

from .decide import rules_of
from .evolve import fold
from .messages import bound_message, message_bytes, message_of
from .ports import (
    AnswerRow,
    CaseRow,
    Clock,
    Commit,
    DeadlineRow,
    Entropy,
    Loaded,
    OutboxRow,
    RecordRow,
    Sealer,
    Store,
)
from .powers import ORDER as DELEGATION
from .sealing import ChainHead, bound, opened, seal, seal_access, unseal
from .snapshot import case_deadlines, case_of, case_row, deadline_rows, opening_rows, run_row, same_shared
from .values import Accepted, Actor, Case, Event, Head, Message

HELD = 256
"""How many opened cases are kept at hand."""

TRIES = 30
"""How often something is done anew when somebody else was faster."""


class Held(NamedTuple):
    """A case at hand, and its row as it stands in the store."""

    case: Case
    row: CaseRow


class Files:
    """The store, the keys and the definitions, as the engine works with them."""

    def __init__(self, library: Library, store: Store, keys: Sealer, clock: Clock, entropy: Entropy) -> None:
        self.library = library
        self.store = store
        self.keys = keys
        self.clock = clock
        self.entropy = entropy
        self._held: OrderedDict[tuple[str, str], Held] = OrderedDict()
        self._holding = threading.Lock()
        known = library.organisations.organisations
        self._origins = {name: one.origin for name, one in known.items() if not one.elsewhere}
        self._published: set[str] = set()
        self._restored: dict[str, Rules] = {}
        self._laws: dict[str, LawBook] = {}

    def origin(self, organisation: str) -> str:
        """The name of an organisation's log.

        Raises:
            NotFound: ``unknown_organisation``, or ``organisation_elsewhere``: its log is kept in another store.
        """
        found = self._origins.get(organisation)
        if found is None and self.is_elsewhere(organisation):
            raise NotFound("organisation_elsewhere", organisation=organisation)
        if found is None:
            raise NotFound("unknown_organisation")
        return found

    def is_elsewhere(self, organisation: str) -> bool:
        """Whether the organisation's log is known to be kept in another store."""
        found = self.library.organisations.organisations.get(organisation)
        return found is not None and found.elsewhere

    # ---- in -------------------------------------------------------------------------------------------------------

    def case(self, organisation: str, case: str) -> Held | None:
        """The case as it stands, opened; None when the organisation has no such case."""
        row = self.store.head(organisation, case)
        held = self._held.get((organisation, case))
        if row is not None and held is not None and held.row.head == row.head:
            return held
        # Also for a case that is not there: whoever may not know must not learn it from what the store was asked.
        loaded = self.store.load(organisation, case)
        if loaded is None:
            return None
        held = self._opened(organisation, loaded)
        self._hold(organisation, held)
        return held

    def at_hand(self, organisation: str, case: str) -> Held | None:
        """The case as it was last opened or stored here."""
        return self._held.get((organisation, case))

    def _opened(self, organisation: str, loaded: Loaded) -> Held:
        row, log = loaded.case, self.origin(organisation)
        case = case_of(loaded, self.keys, log, organisation)
        if case is not None:
            return Held(case, row)
        records = islice(self.store.case_records(organisation, row.case), row.version)
        folded = fold([opened(one, self.keys, log, row.case) for one in records])
        if folded is None or folded.version != row.version:
            raise Broken
        # Sealed anew, so that the next step stores what the runs share in the shape of today.
        return Held(folded, case_row(folded, row.head, self.keys, log))

    def _hold(self, organisation: str, held: Held) -> None:
        key = (organisation, held.case.id)
        with self._holding:
            self._held[key] = held
            self._held.move_to_end(key)
            if len(self._held) > HELD:
                self._held.popitem(last=False)

    def reindex(self, organisation: str, case: str, *, tries: int = TRIES) -> int:
        """Make the case's part of the deadline index what the case says; how many rows it has.

        Raises:
            Stale: somebody moved the case each time.
        """
        held = self.case(organisation, case)
        rows = case_deadlines(self.library_for(held.case), held.case) if held is not None else []
        if set(rows) != set(self.store.deadlines(organisation, case=case)):
            try:
                self.store.replace_deadlines(organisation, case, rows, expected=held.row.version if held else 0)
            except Stale:
                if not tries:
                    raise
                return self.reindex(organisation, case, tries=tries - 1)
        return len(rows)

    def library_for(self, case: Case | None) -> Library:
        """The library, with the rules that the case's runs are pinned to, if need be from the store."""
        if case is None:
            return self.library
        return self.with_rules(run.rules for run in case.runs.values())

    def with_rules(self, digests: Iterable[str]) -> Library:
        """The library, with the rules of those digests."""
        known = self.library.by_digest
        gone = [wanted for wanted in digests if wanted not in known]
        if not gone:
            return self.library
        for wanted in gone:
            if wanted not in self._restored:
                self._restored[wanted] = self._restore(wanted)
        return replace(self.library, by_digest=laid_over(known, self._restored))

    def library_then(self, head: Head) -> Library:
        """The library as it was when that record was made: its rules, its law and its orders, by digest."""
        orders = dict(self.library.orders)
        entered = head.get("acc")
        # Who had nothing to show was asked for nothing: the organisation's cases were open to all of it.
        orders["access"] = self._order("access", entered["def"]) if entered is not None else no_order("access")
        if head["type"] == "case.change":
            orders[head["rtn"]] = self._order(head["rtn"], head["def"])
        decided = head.get("ord")
        orders[DELEGATION] = self._order(DELEGATION, decided["def"]) if decided is not None else no_order(DELEGATION)
        law = self.library.law if head["law"] == self.library.law_digest else self._law(head["law"])
        then = replace(self.library, law=law, law_digest=head["law"], orders=orders)
        if head["type"] == "case.change":
            return replace(then, by_digest=laid_over(then.by_digest, self._restored))
        library = self.with_rules([head["def"], *self._restored])
        rules = library.by_digest[head["def"]]
        return replace(then, by_digest=library.by_digest, versions=laid_over(library.versions, {rules.id: (rules,)}))

    def _law(self, wanted: str) -> LawBook:
        if wanted not in self._laws:
            stored = self.store.definition(wanted)
            if stored is None:
                raise Broken("definition_missing", digest=wanted)
            self._laws[wanted] = load_law(orjson.loads(stored[1]))
        return self._laws[wanted]

    def _order(self, name: str, wanted: str) -> Order:
        order = self.library.orders[name]
        if order.digest == wanted:
            return order
        stored = self.store.definition(wanted)
        if stored is None:
            raise Broken("definition_missing", digest=wanted)
        return restored_order(name, stored[1])

    def _restore(self, wanted: str) -> Rules:
        stored = self.store.definition(wanted)
        told = self.store.mark("", f"guidance-{wanted}")
        guidance = self.store.definition(told) if told is not None else None
        if stored is None or guidance is None:
            raise Broken("definition_missing", digest=wanted)
        return restored(stored[1], guidance[1], self.library.builtin)

    def event(self, row: RecordRow, organisation: str, case: str) -> Event:
        """The event of a record; its body is None where the payload does not open."""
        try:
            return opened(row, self.keys, self.origin(organisation), case)
        except StegvisError:
            return unseal(row.body, None)

    def message(self, organisation: str, row: OutboxRow) -> Message:
        """The message that waits in an outbox row."""
        log = self.origin(organisation)
        return message_of(self.keys.open(log, row.run, row.cell, bound_message(log, row.id)))

    # ---- out ------------------------------------------------------------------------------------------------------

    def note(self, actor: Actor, heads: Sequence[Mapping[str, object]]) -> None:
        """Write into the access stream, all of it or nothing."""
        log, rows = self.origin(actor.organisation), list[RecordRow]()
        who = {
            "actor": actor.id,
            "unit": actor.unit,
            "org": actor.organisation,
            "role": min(actor.roles) if actor.roles else "",
        }
        for head in heads:
            record = seal_access({**head, **who}, log, self.entropy, self.clock)
            case = head.get("case")
            known = case if isinstance(case, str) else None
            rows.append(RecordRow(record.id, known, None, record.body, record.leaf, None, None))
        if any("acc" in head for head in heads):
            self._publish_order("access", self.library.orders["access"].digest)
        self.store.note(actor.organisation, rows)

    def commit(self, organisation: str, held: Held | None, decision: Accepted, answer: AnswerRow | None) -> AnswerRow:
        """Store an accepted command whole: records, payloads, snapshots, deadlines, outbox, answer.

        Returns:
            Where the command led: case, version and record.

        Raises:
            Stale, KeyReused, StoreError: nothing was stored.
        """
        case = decision.case
        if case is None or not decision.events:
            raise Broken("nothing_to_store")
        log = self.origin(organisation)
        heads = [event.head for event in decision.events]
        touched = list({run: None for head in heads for run in (head["run"], *head.get("along", ()))})
        for unit in touched if held is not None else [case.id, *touched]:
            self.keys.ensure(log, unit)
        self._publish(decision.events, case)
        records = self._records(decision.events, case, held, log)
        latest = records[-1]
        row = self._case_row(case, held, latest.leaf, log)
        told = (answer or AnswerRow("", "", "", "", 0, ""))._replace(
            case=case.id, version=case.version, record=latest.id
        )
        deadlines, closed = self._deadlines(decision.events, case)
        taken = [event.head for event in decision.events if event.head["type"] == "transition"]
        self.store.commit(
            Commit(
                organisation,
                held.row.version if held is not None else 0,
                row,
                records,
                tuple([run_row(case.runs[run], self.keys, log, case.id) for run in touched if run in case.runs]),
                deadlines,
                closed,
                tuple([self._outbox(effect.message, case, touched[0], log) for effect in decision.effects]),
                told if answer is not None else None,
                tuple([(head["run"], head.get("trg", ""), head["actor"]) for head in taken]),
            )
        )
        self._hold(organisation, Held(case, row))
        return told

    def _case_row(self, case: Case, held: Held | None, leaf: bytes, log: str) -> CaseRow:
        if held is not None and same_shared(held.case, case):
            return CaseRow(case.id, case.version, leaf, case.at, case.actor, held.row.shared)
        return case_row(case, leaf, self.keys, log)

    def _records(self, events: Sequence[Event], case: Case, held: Held | None, log: str) -> tuple[RecordRow, ...]:
        leaf = held.row.head if held is not None else None
        cseq = held.row.version if held is not None else 0
        rows: list[RecordRow] = []
        for event in events:
            record, payload = seal(event, ChainHead(log, case.id, cseq, leaf), self.entropy, self.clock)
            unit = event.head["run"]
            cell = self.keys.seal(log, unit, payload, bound(log, case.id, record.id))
            rows.append(RecordRow(record.id, case.id, record.cseq, record.body, record.leaf, unit, cell))
            leaf, cseq = record.leaf, cseq + 1
        return tuple(rows)

    def _deadlines(
        self, events: Sequence[Event], case: Case
    ) -> tuple[tuple[DeadlineRow, ...], tuple[tuple[str, str], ...]]:
        """The index rows of the deadlines that the events touched, and those whose clock has stopped."""
        if events[0].head["type"] == "case.change":
            return _openings(case)
        touched: dict[str, dict[str, None]] = {}
        for event in events:
            for change in event.head.get("due", ()):
                touched.setdefault(event.head["run"], {})[change["id"]] = None
        if not touched:
            return (), ()
        library = self.library_for(case)
        rows: list[DeadlineRow] = []
        for run, names in touched.items():
            rows.extend(deadline_rows(rules_of(library, case.runs[run]), case.id, case.runs[run], names))
        closed = [(run, name) for run, names in touched.items() for name in names if name not in case.runs[run].due]
        return tuple(rows), tuple(closed)

    def _outbox(self, message: Message, case: Case, run: str, log: str) -> OutboxRow:
        cell = self.keys.seal(log, run, message_bytes(message), bound_message(log, message.id))
        return OutboxRow(message.id, case.id, run, message.receiver, message.at, cell)

    def _publish(self, events: Sequence[Event], case: Case) -> None:
        """Keep the canonical bytes of rules, guidance and law for ever, before the first record that names them."""
        for head in (event.head for event in events):
            if "acc" in head:
                self._publish_order("access", head["acc"]["def"])
            decided = head.get("ord")
            if decided is not None and decided["def"] not in self._published:
                self._publish_order(DELEGATION, decided["def"])
            if head["def"] in self._published:
                continue
            if head["type"] == "case.change":
                self._publish_order(head["rtn"], head["def"])
                continue
            rules = self.library_for(case).pinned(head["def"])
            if rules is None:
                raise Broken("definition_missing", digest=head["def"])
            self.store.publish(rules.digest, "rules", rules.rules_bytes)
            self.store.publish(rules.guidance, "guidance", rules.guidance_bytes)
            self.store.publish(self.library.law_digest, "law", self.library.law_bytes)
            self.store.set_mark("", f"guidance-{rules.digest}", rules.guidance)
            self._published.add(rules.digest)

    def _publish_order(self, name: str, digest: str) -> None:
        if digest in self._published:
            return
        order = self.library.orders[name]
        if order.digest != digest:
            raise Broken("definition_missing", digest=digest)
        self.store.publish(order.digest, "order", order.body)
        self.store.publish(self.library.law_digest, "law", self.library.law_bytes)
        self._published.add(digest)


def _openings(case: Case) -> tuple[tuple[DeadlineRow, ...], tuple[tuple[str, str], ...]]:
    """The index rows of openings to be seen, and those that have been."""
    rows = opening_rows(case)
    seen = {f"opening.{version}" for version in case.access.openings} - {row.deadline for row in rows}
    return tuple(rows), tuple((case.id, name) for name in sorted(seen))
