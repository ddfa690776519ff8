"""Hand-offs as files: a folder for each receiver, on a disk that both sides reach or that something else copies.

    drop/
      socialtjanst/                       the receiver's inbox; whoever sends may write here
        3f0c...9a.handoff                 sealed for social services, signed by whoever sent it
        taken/3f0c...9a.handoff           has been received
        refused/77ab...01.<digest>.forged.handoff    never will be; somebody should look

A file gets its name when it is whole and on the disk, and the name tells nothing. Nothing here ever deletes a file that
has one.
"""

import errno
import os
import re
import secrets
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from time import time
from typing import Final, NamedTuple

from stegvis.engine.ports import Arrival, Parcel
from stegvis.routines.errors import TransportError

from ..key_file import sync_directory
from .cards import Card, Identity
from .envelope import LONGEST, Unreadable, seal, unseal

ENDING: Final = ".handoff"
SETTLE: Final = 60.0
"""Seconds that a file must have lain still before it is called damaged: something may be copying it here."""

_NAME: Final = re.compile(r"[0-9a-f]{32}")
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_GONE: Final = {errno.ENOENT, errno.ENOTDIR, errno.ESTALE}


class Lying(NamedTuple):
    """What lies in an inbox and in its folder of refused files."""

    waiting: int
    oldest: float
    """Seconds that the oldest waiting file has lain there."""
    refused: int


class DropFolder:
    """Sends by writing files, and fetches by reading them.

    Args:
        root: the folder of inboxes. An inbox is made by whoever receives there, so that a wrong path is noticed.
        identities: of those who send or receive here. After a change of keys give the old one too, first, for as long
            as something sealed for it may lie there.
        cards: of everybody they write to and hear from; of several for one organisation the last is written to.
        settle: seconds that a damaged file must have lain still before it is refused.
    """

    def __init__(
        self, root: Path, identities: Iterable[Identity], cards: Iterable[Card], *, settle: float = SETTLE
    ) -> None:
        self.root = root
        self._identities = {one.card.id: one for one in identities}
        self._cards = {one.id: one for one in cards}
        self._senders = {one.organisation: one for one in self._identities.values()}
        self._receivers = {one.organisation: one for one in self._cards.values()}
        self._settle = settle

    @property
    def organisations(self) -> list[str]:
        """Those whose identities were given."""
        return list(self._senders)

    # ---- sending --------------------------------------------------------------------------------------------------

    def send(self, parcel: Parcel) -> None:
        """Lay it in the receiver's inbox, whole and durable before this returns; again is the same file anew.

        Raises:
            TransportError: ``no_identity``, ``no_card``, ``folder_missing``, ``folder_full``, ``folder_unusable``.
        """
        sender, receiver = self._senders.get(parcel.sender), self._receivers.get(parcel.receiver)
        if sender is None:
            raise TransportError("no_identity", organisation=parcel.sender)
        if receiver is None:
            raise TransportError("no_card", organisation=parcel.receiver)
        envelope = seal(parcel, sender, receiver)
        path = self._inbox(parcel.receiver) / (parcel.name + ENDING)
        try:
            _put(path, envelope)
        except OSError as error:
            raise _unusable(error, parcel.receiver) from None

    # ---- receiving ------------------------------------------------------------------------------------------------

    def arrived(self, receiver: str) -> Iterator[Arrival]:
        """What lies in the receiver's inbox.

        Raises:
            TransportError: ``no_identity``, ``folder_missing``, ``folder_unusable``.
        """
        if receiver not in self._senders:
            raise TransportError("no_identity", organisation=receiver)
        for path in self._lying(receiver):
            name = _named(path)
            try:
                found = _read(path)
                if found is None:
                    continue
                stands = path.name.removesuffix(ENDING)
                yield Arrival(name, unseal(found, stands, receiver, self._identities, self._cards))
            except Unreadable as no:
                yield Arrival(name, None, no.reason, no.lasting and self._still(path))
            except OSError:
                yield Arrival(name, None, "folder_unusable")

    def taken(self, receiver: str, name: str) -> None:
        """Move it to ``taken/``.

        Raises:
            TransportError: ``folder_full``, ``folder_unusable``.
        """
        self._move(receiver, name, "taken", name)

    def refused(self, receiver: str, name: str, code: str) -> None:
        """Move it to ``refused/``, under a name with the code that overwrites nothing.

        Raises:
            TransportError: ``folder_full``, ``folder_unusable``.
        """
        self._move(receiver, name, "refused", f"{name}.{secrets.token_hex(4)}.{code}")

    # ---- looking --------------------------------------------------------------------------------------------------

    def lying(self, receiver: str) -> Lying:
        """How much lies in an inbox.

        Raises:
            TransportError: ``folder_missing``, ``folder_unusable``.
        """
        ages = [time() - when for when in map(_changed, self._lying(receiver)) if when is not None]
        refused = self._inbox(receiver) / "refused"
        try:
            count = sum(1 for one in os.scandir(refused) if one.name.endswith(ENDING))
        except FileNotFoundError:
            count = 0
        except OSError as error:
            raise _unusable(error, receiver) from None
        return Lying(len(ages), max(ages, default=0.0), count)

    def _inbox(self, receiver: str) -> Path:
        return self.root / receiver

    def _lying(self, receiver: str) -> list[Path]:
        try:
            with os.scandir(self._inbox(receiver)) as found:
                return [Path(one.path) for one in found if one.name.endswith(ENDING) and not one.name.startswith(".")]
        except OSError as error:
            raise _unusable(error, receiver) from None

    def _still(self, path: Path) -> bool:
        when = _changed(path)
        return when is not None and time() - when >= self._settle

    def _move(self, receiver: str, name: str, folder: str, new: str) -> None:
        inbox = self._inbox(receiver)
        source, target = inbox / (name + ENDING), inbox / folder / (new + ENDING)
        if not os.path.lexists(source):
            source = next((path for path in self._lying(receiver) if _named(path) == name), source)
        try:
            target.parent.mkdir(mode=0o700, exist_ok=True)
            source.replace(target)
            sync_directory(target)
            sync_directory(source)
        except FileNotFoundError:
            return  # somebody else has moved it
        except OSError as error:
            raise _unusable(error, receiver) from None


def _named(path: Path) -> str:
    """What the file is called in logs and answers: a name that is not ours could be a person's."""
    name = path.name.removesuffix(ENDING)
    return name if _NAME.fullmatch(name) else sha256(os.fsencode(name)).hexdigest()[:32]


def _put(path: Path, envelope: bytes) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(envelope)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(path)


def _read(path: Path) -> bytes | None:
    """What stands in the file; None when somebody else has moved it meanwhile.

    Raises:
        Unreadable: ``not_a_handoff``: no plain file, or far too long.
    """
    try:
        # Neither through a link to somewhere else, nor waiting for a pipe that nobody writes to.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.ENXIO}:
            raise Unreadable from None
        raise
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable
        with os.fdopen(handle, "rb", closefd=False) as file:
            found = file.read(LONGEST + 1)
    finally:
        os.close(handle)
    if len(found) > LONGEST:
        raise Unreadable
    return found


def _changed(path: Path) -> float | None:
    try:
        return path.lstat().st_mtime
    except OSError:
        return None


def _unusable(error: OSError, organisation: str) -> TransportError:
    if error.errno in _FULL:
        return TransportError("folder_full", organisation=organisation)
    if error.errno in _GONE:
        return TransportError("folder_missing", organisation=organisation)
    return TransportError("folder_unusable", organisation=organisation, errno=error.errno)
