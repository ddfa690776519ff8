"""Whose word counts: the logs and witnesses that somebody trusts, and how many of them it takes (C2SP tlog-policy)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from stegvis.routines.errors import BadInput, NotProved

from .note import COSIGNATURE, ED25519, Checkpoint, Note, Verifier, read_checkpoint, read_vkey, signed_by

NONE: Final = "none"

_ALLOWED: Final = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a checkpoint needs in order to be believed."""

    logs: tuple[Verifier, ...]
    witnesses: Mapping[str, Verifier]
    """By the name that the policy gives them."""
    groups: Mapping[str, tuple[int, tuple[str, ...]]]
    """How many of which."""
    quorum: str
    urls: Mapping[str, str] = field(default_factory=dict[str, str])
    """Where each witness listens, where the policy says so."""

    def reached(self) -> dict[str, tuple[Verifier, str]]:
        """Key and address of each witness that has one."""
        return {name: (self.witnesses[name], url) for name, url in self.urls.items()}

    def checkpoint(self, note: Note) -> Checkpoint:
        """What a note says, once it is certain that those who count have said it.

        Raises:
            NotProved: ``unsigned_checkpoint``: no log of the policy has signed it under its own name. ``no_quorum``.
                ``bad_signature``.
            BadInput: ``not_a_checkpoint``.
        """
        signers = signed_by(note, (*self.logs, *self.witnesses.values()))
        checkpoint = read_checkpoint(note.text)
        if not any(one in self.logs and one.name == checkpoint.origin for one in signers):
            raise NotProved("unsigned_checkpoint")
        if not self._says(self.quorum, signers):
            raise NotProved("no_quorum", quorum=self.quorum)
        return checkpoint

    def _says(self, name: str, signers: list[Verifier]) -> bool:
        if name == NONE:
            return True
        if name in self.witnesses:
            return self.witnesses[name] in signers
        least, members = self.groups[name]
        return sum(self._says(member, signers) for member in members) >= least


def read_policy(data: bytes) -> Policy:
    """The policy that a file holds.

    Raises:
        BadInput: ``bad_policy``, with the line, 0 for signs that may stand in none; ``quorum_missing``; ``bad_vkey``.
    """
    reading = _Reading()
    if not _ALLOWED.fullmatch(data):
        raise BadInput("bad_policy", line=0)
    for number, line in enumerate(data.decode("utf-8", "surrogateescape").split("\n"), 1):
        kind, *words = re.split(r"[ \t]+", line.strip(" \t"))
        if kind and not kind.startswith("#") and not reading.take(kind, words):
            raise BadInput("bad_policy", line=number)
    if reading.quorum is None:
        raise BadInput("quorum_missing")
    return Policy(tuple(reading.logs), reading.witnesses, reading.groups, reading.quorum, reading.urls)


class _Reading:
    def __init__(self) -> None:
        self.logs: list[Verifier] = []
        self.witnesses: dict[str, Verifier] = {}
        self.groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        self.urls: dict[str, str] = {}
        self.quorum: str | None = None
        self._members: set[str] = set()

    def take(self, kind: str, words: list[str]) -> bool:
        """Read one line; whether it may stand there."""
        match kind, words:
            case "log", [vkey, *url]:
                return len(url) <= 1 and self._log(read_vkey(vkey))
            case "witness", [name, vkey, *url]:
                return len(url) <= 1 and self._witness(name, read_vkey(vkey), url)
            case "group", [name, least, *members]:
                return self._group(name, least, members)
            case "quorum", [name] if self.quorum is None and (name == NONE or self._known(name)):
                self.quorum = name
                return True
            case _:
                return False

    def _known(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def _free(self, name: str) -> bool:
        return name != NONE and not self._known(name)

    def _log(self, key: Verifier) -> bool:
        if key.kind != ED25519 or any(one.key == key.key for one in self.logs):
            return False
        self.logs.append(key)
        return True

    def _witness(self, name: str, key: Verifier, url: list[str]) -> bool:
        taken = any(one.key == key.key for one in self.witnesses.values())
        if key.kind != COSIGNATURE or taken or not self._free(name):
            return False
        self.witnesses[name] = key
        if url:
            self.urls[name] = url[0]
        return True

    def _group(self, name: str, least: str, members: list[str]) -> bool:
        words = {"any": 1, "all": len(members)}
        count = words.get(least) or (int(least) if _NUMBER.fullmatch(least) else 0)
        once = len(set(members)) == len(members) and not self._members & set(members)
        if not self._free(name) or not once or not all(map(self._known, members)) or not 1 <= count <= len(members):
            return False
        self._members |= set(members)
        self.groups[name] = (count, tuple(members))
        return True
