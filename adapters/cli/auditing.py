"""The commands that sign the log, and that give a record a receipt; what they share with ``verify``."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from stegvis.routines.errors import BadInput, NotFound, NotProved

from .desk import Desk, desk, screen
from .options import GOOD, KEPT, NO, Kept

if TYPE_CHECKING:
    from ..audit.checkpoints import AuditLog, Made
    from ..audit.note import Checkpoint
    from ..audit.policy import Policy

LARGEST: Final = 50_000_000
"""Bytes that are read of a file with checkpoints or a policy: some 200,000 checkpoints."""


def checkpoint(
    *,
    organisation: str | None = None,
    audit: Path | None = None,
    to: tuple[Path, ...] = (),
    policy: Path | None = None,
    new_key: bool = False,
    retire: str | None = None,
    kept: Kept = KEPT,
) -> int:
    """Sign the log as it is now, and hand that to those who keep it."""
    from ..audit.sinks import CheckpointFile, tell_checkpoint  # noqa: PLC0415 - loaded when it is needed

    with desk(kept) as at:
        trusted = policy_of(policy)
        names = at.organisations(organisation)
        if len(names) > 1 and retire is not None:
            raise BadInput("one_organisation")
        tell = at.engine.tell
        made = {
            name: audit_log(at, name, audit).checkpoint(
                at.engine.clock,
                at.engine.files.entropy,
                sinks=[*map(CheckpointFile, to), *([tell_checkpoint(tell, name)] if tell is not None else ())],
                policy=trusted,
                new_key=new_key,
                retire=retire,
            )
            for name in names
        }
        at.screen.document({"checkpoints": [made_json(name, one) for name, one in made.items()]})
        if not made:
            at.screen.say("nothing_here")
        for name, one in made.items():
            _say_made(at, name, one)
        return NO if any(one.failed or one.unmet for one in made.values()) else GOOD


def made_json(organisation: str, made: "Made") -> dict[str, object]:
    """A checkpoint that was made, as JSON values."""
    return {
        "organisation": organisation,
        "size": made.size,
        "root": made.root.hex(),
        "grown": made.grown,
        "note": made.note.bytes().decode(),
        "new_key": made.new_key,
        "failed": dict(made.failed),
        "unmet": made.unmet,
    }


def _say_made(at: Desk, organisation: str, made: "Made") -> None:
    at.screen.say("signed", organisation=at.called(organisation), size=made.size, grown=made.grown)
    for line in made.note.bytes().decode().splitlines():
        at.screen.line(line, whole=True)
    if made.new_key is not None:
        at.screen.say("signed_new_key")
        at.screen.line(made.new_key, whole=True)
    for witness, code in made.failed.items():
        at.screen.say("not_witnessed", witness=witness, code=code)
    if made.unmet is not None:
        at.screen.say("not_enough", code=made.unmet)


def receipt(record: str, /, *, organisation: str | None = None, audit: Path | None = None, kept: Kept = KEPT) -> int:
    """Prove offline that a record stands in the signed log."""
    with desk(kept) as at:
        for name in at.organisations(organisation):
            try:
                proof = audit_log(at, name, audit).receipt(record)
            except NotFound as error:
                if error.reason == "unknown_record":
                    continue
                raise
            text = proof.text().decode()
            _, row = next(at.store.log(name, after=proof.place, payloads=False))
            said = {"organisation": name, "record": record, "index": proof.place + 1, "proof": text}
            at.screen.document({**said, "entry": row.body.decode()})
            for line in text.splitlines():
                at.screen.line(line, whole=True)
            return GOOD
    raise NotFound("unknown_record")


def check_receipt(receipt: Path, record: Path | None, policy: Path | None, kept: Kept) -> int:
    """See that a receipt proves that a record stands in the log: the one in a file, or the one in the database.

    With the record in a file no database is opened, so that anybody who was given both can check them.

    Raises:
        BadInput: ``policy_missing``, ``not_a_proof``, ``not_a_note``. NotFound: ``no_such_file``, ``unknown_record``.
        NotProved: see :meth:`stegvis.adapters.audit.proof.Proof.check`; ``other_log``.
    """
    from stegvis.engine.sealing import leaf_hash  # noqa: PLC0415 - loaded when it is needed

    from ..audit.proof import read_proof  # noqa: PLC0415 - as above

    trusted = policy_of(policy)
    if trusted is None:
        raise BadInput("policy_missing")
    proof = read_proof(contents(receipt))
    checkpoint = trusted.checkpoint(proof.note)
    entry = contents(record).removesuffix(b"\n") if record is not None else _entry(checkpoint.origin, proof.place, kept)
    proof.check(leaf_hash(entry), trusted)
    on = screen(kept)
    on.document({"origin": checkpoint.origin, "index": proof.place + 1, "size": checkpoint.size})
    on.say("receipt_holds", origin=checkpoint.origin, index=proof.place + 1, size=checkpoint.size)
    return GOOD


def _entry(origin: str, place: int, kept: Kept) -> bytes:
    """What stands in the database at that place of the log."""
    with desk(kept, keyless=True) as at:
        found = next(at.store.log(_named(at, origin), after=place, payloads=False), None)
    if found is None:
        raise NotFound("unknown_record")
    return found[1].body


def _named(at: Desk, origin: str) -> str:
    """The organisation whose log has that name."""
    for name, one in at.library.organisations.organisations.items():
        if one.origin == origin and not one.elsewhere:
            return name
    raise NotProved("other_log")


def audit_log(at: Desk, organisation: str, audit: Path | None) -> "AuditLog":
    """An organisation's log and its signer."""
    from ..audit.checkpoints import AuditLog, beside  # noqa: PLC0415 - as above

    folder = (audit or beside(at.store.database.path)) / organisation
    return AuditLog(at.store, organisation, at.engine.files.origin(organisation), folder)


def policy_of(path: Path | None) -> "Policy | None":
    """What the file says of whom to trust.

    Raises:
        BadInput: ``bad_policy``, ``bad_vkey``. NotFound: ``no_such_file``.
    """
    from ..audit.policy import read_policy  # noqa: PLC0415 - as above

    return read_policy(contents(path)) if path is not None else None


def checkpoints_of(at: Desk, paths: Sequence[Path], policy: "Policy | None") -> dict[str, list["Checkpoint"]]:
    """The checkpoints that were kept elsewhere, believed as the policy has it, by organisation.

    Raises:
        BadInput: ``policy_missing``; ``not_a_note``, ``not_a_checkpoint``.
        NotProved: ``unsigned_checkpoint``, ``no_quorum``, ``bad_signature``; ``other_log``.
    """
    from ..audit.sinks import read_notes  # noqa: PLC0415 - as above

    if policy is None:
        raise BadInput("policy_missing")
    found: dict[str, list[Checkpoint]] = {}
    for note in (note for path in paths for note in read_notes(contents(path))):
        checkpoint = policy.checkpoint(note)
        found.setdefault(_named(at, checkpoint.origin), []).append(checkpoint)
    return found


def contents(path: Path) -> bytes:
    """What a file holds, as far as it is read.

    Raises:
        NotFound: ``no_such_file``.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST)
    except OSError:
        raise NotFound("no_such_file") from None
