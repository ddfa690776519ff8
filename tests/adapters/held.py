"""Honest logs, made by the shipped routines in a real file, and what somebody else holds of them."""

import os
from contextlib import closing
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from stegvis.adapters.audit.checkpoints import AuditLog
from stegvis.adapters.audit.note import Checkpoint, read_checkpoint
from stegvis.adapters.scenarios import play
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import now_utc
from stegvis.engine.ports import RecordRow
from stegvis.routines.library import SHIPPED, shipped

HERE = "socialtjanst"
ORIGIN = shipped().organisations.organisations[HERE].origin
STORIES = sorted((SHIPPED / "scenarios").glob("*.yaml"))
SHORT = [SHIPPED / "scenarios" / f"{name}.yaml" for name in ("report-wrong-municipality", "acute-from-any-state")]


class Held(NamedTuple):
    """An honest log, and what somebody else holds of it."""

    folder: Path
    rows: list[RecordRow]
    others: list[RecordRow]
    """Another honest log of the same name."""
    checkpoint: Checkpoint
    leaves: list[bytes]


def honest(folder: Path, stories: list[Path], size: int) -> list[RecordRow]:
    """Stories in one file until its log is long enough, signed now and then."""
    with closing(SqlStore(folder / "cases.db", synchronous="NORMAL")) as store:
        log = AuditLog(store, HERE, ORIGIN, folder / "audit")
        for number, story in enumerate(cycle(stories)):
            play(story, shipped(), store)
            if store.case_heads(HERE)[0] >= size and number >= len(stories) - 1:
                break
            log.checkpoint(now_utc, os.urandom)
        log.checkpoint(now_utc, os.urandom)
        return [row for _, row in store.log(HERE, payloads=False)]


def hold(folder: Path, stories: list[Path], size: int) -> Held:
    for name in ("one", "other"):
        (folder / name).mkdir()
    rows = honest(folder / "one", stories, size)
    others = honest(folder / "other", stories[:2], 0)
    with closing(SqlStore(folder / "one" / "cases.db")) as store:
        log = AuditLog(store, HERE, ORIGIN, folder / "one" / "audit")
        checkpoint = read_checkpoint(log.signer.last().note.text)  # pyright: ignore[reportOptionalMemberAccess]
        return Held(folder / "one", rows, others, checkpoint, list(log.tiles.leaves(checkpoint.size)))
