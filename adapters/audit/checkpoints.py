"""Making checkpoints of an organisation's log, and receipts of its records."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from stegvis.engine.instants import text_of
from stegvis.engine.ports import Clock, Entropy, RecordRow, Store
from stegvis.engine.sealing import leaf_hash, seal_access
from stegvis.routines.errors import BadInput, Broken, NotFound, NotProved, StegvisError, StoreError

from .note import Checkpoint, Note, read_checkpoint, read_note
from .policy import Policy
from .proof import Proof
from .signer import Last, SignerFolder, SigningKey, sign
from .sinks import CheckpointFile, Sink, Witness
from .tiles import Tiles, write_whole
from .tree import Frontier, Tree
from .verify import CASE_HEADS, heads_root

ACTOR: Final = "audit"
HEADS_EVERY: Final = timedelta(days=1)
"""How often the log says where every case stands."""

SIGNED: Final = "signed"
"""Mark of when a checkpoint was last handed out; for whoever looks after the system, and no evidence."""

_MARK: Final = "case_heads"


def beside(database: Path) -> Path:
    """Where the signers of a database are kept unless somebody says otherwise: ``cases.db.audit``."""
    return database.with_name(database.name + ".audit")


class Made(NamedTuple):
    """A checkpoint that was made."""

    note: Note
    size: int
    root: bytes
    grown: int
    """How many records it has more than the one before."""
    new_key: str | None
    """Public half of a key that was made on the way."""
    failed: Mapping[str, str]
    """Witnesses that did not sign, each with the code of why."""
    unmet: str | None
    """Code of why the policy does not accept it; None where it does, or where there is no policy."""


class AuditLog:
    """One organisation's log and what signs for it.

    Args:
        store, organisation: where the records are.
        origin: the log's name.
        folder: the signer's; see :mod:`stegvis.adapters.audit.signer`.
    """

    def __init__(self, store: Store, organisation: str, origin: str, folder: Path) -> None:
        self.store = store
        self.organisation = organisation
        self.origin = origin
        self.folder = folder
        self.signer = SignerFolder(folder, origin)
        self.tiles = Tiles(folder)

    def checkpoint(
        self,
        clock: Clock,
        entropy: Entropy,
        *,
        sinks: Sequence[Sink] = (),
        policy: Policy | None = None,
        new_key: bool = False,
        retire: str | None = None,
        heads_every: timedelta = HEADS_EVERY,
    ) -> Made:
        """Sign the log as it is now, and hand that out.

        Args:
            clock, entropy: for the records that say where the cases stand, and that a key was changed.
            sinks: where it goes, beside the signer's own folder.
            policy: whose witnesses are asked, those with an address.
            new_key: make one more key; both sign from now on.
            retire: id of a key that signs this time, and never again.
            heads_every: how long a statement of where every case stands may be old.

        Raises:
            Broken: ``signed_further``: the log is shorter than what was signed. ``signed_other``: where that ended, the
                log has another record. ``cannot_sign``: a record is not what its leaf says.
            NotFound: ``unknown_key``. BadInput: ``last_key``. StoreError, SealError.
        """
        with self.signer.alone():
            leaving = self._key(retire) if retire is not None else None
            made = self.signer.begin()
            if new_key and made is None:
                made = self.signer.add_key()
            for why, key in (("key_added", made), ("key_retired", leaving)):
                if key is not None:
                    self._say(clock, entropy, {"type": "config", "why": [why], "vkey": key.verifier.vkey()})
            self._say_heads(clock, entropy, heads_every)
            before, note = self._extend()
            note, failed = self._witnessed(note, before, policy)
            self._hand_out(note, sinks)
            self.store.set_mark(self.organisation, SIGNED, text_of(clock()))
            if leaving is not None:
                leaving.path.unlink()
        _, size, root = read_checkpoint(note.text)
        vkey = made.verifier.vkey() if made is not None else None
        return Made(note, size, root, size - before, vkey, failed, _unmet(note, policy))

    def _key(self, id_: str) -> SigningKey:
        """A key that may leave."""
        keys = self.signer.keys()
        found = next((key for key in keys if key.verifier.id.hex() == id_), None)
        if found is None:
            raise NotFound("unknown_key", known=", ".join(key.verifier.id.hex() for key in keys))
        if len(keys) == 1:
            raise BadInput("last_key")
        return found

    def _say(self, clock: Clock, entropy: Entropy, said: Mapping[str, object]) -> None:
        """Put a record about the log itself into the log."""
        who = {"at": text_of(clock()), "actor": ACTOR, "unit": ACTOR, "org": self.organisation, "role": ""}
        record = seal_access({**said, **who}, self.origin, entropy, clock)
        self.store.note(self.organisation, [RecordRow(record.id, None, None, record.body, record.leaf, None, None)])

    def _say_heads(self, clock: Clock, entropy: Entropy, every: timedelta) -> None:
        upto, heads = self.store.case_heads(self.organisation)
        when, _, size = (self.store.mark(self.organisation, _MARK) or "").partition(" ")
        if not heads or size == str(upto) or (when and clock() - datetime.fromisoformat(when) < every):
            return
        said = {"type": CASE_HEADS, "upto": upto, "count": len(heads), "root": heads_root(heads).hex()}
        self._say(clock, entropy, said)
        self.store.set_mark(self.organisation, _MARK, f"{text_of(clock())} {upto + 1}")

    def _extend(self) -> tuple[int, Note]:
        """Go on from what was signed last, to where the log ends; remembered before anybody sees it.

        Returns:
            How long the log was then, and what is said of it now.
        """
        last = self.signer.last()
        before = last.frontier.size
        frontier, leaf = Frontier(before, last.frontier.peaks), last.leaf
        new: list[bytes] = []
        for leaf in self._after(last):
            frontier.add(leaf)
            new.append(leaf)
        try:
            self.tiles.extend(before, new)
        except StoreError as error:
            if error.reason != "tiles_missing":
                raise
            self.tiles.extend(0, (row.leaf for _, row in self._log(0)))
        note = sign(Checkpoint(self.origin, frontier.size, frontier.root()), self.signer.keys())
        self.signer.remember(Last(note, frontier, leaf))
        return before, note

    def _after(self, last: Last) -> Iterator[bytes]:
        """The leaves after those that were signed, once it is certain that the log still ends them as it did."""
        size = last.frontier.size
        rows = self._log(max(size - 1, 0))
        if size:
            known = next(rows, None)
            if known is None:
                raise Broken("signed_further", size=size)
            if leaf_hash(known[1].body) != last.leaf:
                raise Broken("signed_other", size=size)
        for expected, (index, row) in enumerate(rows, size + 1):
            leaf = leaf_hash(row.body)
            if index != expected or leaf != row.leaf:
                raise Broken("cannot_sign", index=expected)
            yield leaf

    def _log(self, after: int) -> Iterator[tuple[int, RecordRow]]:
        return self.store.log(self.organisation, after=after, payloads=False)

    def _witnessed(self, note: Note, before: int, policy: Policy | None) -> tuple[Note, dict[str, str]]:
        failed: dict[str, str] = {}
        signatures = list(note.signatures)
        for name, (key, url) in policy.reached().items() if policy is not None else ():
            try:
                signatures += Witness(key, url).cosign(note, before, self._prove)
            except StegvisError as error:
                failed[name] = error.reason
        return Note(note.text, tuple(signatures)), failed

    def _prove(self, old: int, new: int) -> Sequence[bytes]:
        return Tree(self.tiles.leaves(new)).consistency(old, new)

    def _hand_out(self, note: Note, sinks: Sequence[Sink]) -> None:
        try:
            write_whole(self.folder / "checkpoint", note.bytes())
        except OSError as error:
            raise StoreError("signer_unwritable", errno=error.errno) from None
        for sink in (CheckpointFile(self.folder / "checkpoints"), *sinks):
            sink(note)

    def receipt(self, record: str) -> Proof:
        """The proof that a record stands in the latest checkpoint, for whoever is to keep it.

        Raises:
            NotFound: ``unknown_record``; ``not_signed_yet``: it is newer than the checkpoint. ``no_checkpoint``.
            Broken: ``signed_other``: what was signed is not what stands there.
        """
        note = self._newest()
        checkpoint = read_checkpoint(note.text)
        tree, place = Tree(), None
        for _, row in islice(self._log(0), checkpoint.size):
            if row.id == record:
                place = len(tree)
            tree.add(leaf_hash(row.body))
        if place is None:
            known = any(row.id == record for _, row in self._log(checkpoint.size))
            raise NotFound("not_signed_yet" if known else "unknown_record")
        if len(tree) < checkpoint.size or tree.root(checkpoint.size) != checkpoint.root:
            raise Broken("signed_other", size=checkpoint.size)
        return Proof(place, tuple(tree.inclusion(place, checkpoint.size)), note)

    def signed(self) -> Iterator[RecordRow]:
        """The records that the latest checkpoint speaks of, in order, as they are now.

        Raises:
            NotFound: ``no_checkpoint``.
        """
        size = read_checkpoint(self._newest().text).size
        return (row for _, row in islice(self._log(0), size))

    def _newest(self) -> Note:
        try:
            return read_note((self.folder / "checkpoint").read_bytes())
        except OSError:
            raise NotFound("no_checkpoint") from None


def _unmet(note: Note, policy: Policy | None) -> str | None:
    if policy is None:
        return None
    try:
        policy.checkpoint(note)
    except NotProved as error:
        return error.reason
    return None
