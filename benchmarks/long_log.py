"""A log of as many records as one likes, each of them one that `stegvis verify` accepts, made quickly.

One case is played through the engine, and looked at. Every further case has the same records with ids, nonces, places
and links of its own, so that every hash is another. They are written with the store's own statements, many in one
transaction. What people wrote is left out: nobody without keys opens it, and the command does not read that table.
"""

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from os import urandom
from pathlib import Path
from typing import Any, NamedTuple

from stegvis.adapters.sql import SqlStore
from stegvis.adapters.sql.store import SQL
from stegvis.engine.engine import Engine
from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.library import Library

from .story import SCHOOL, begin, further, stories

AT_A_TIME = 100
"""Cases that go on beside each other: one step of each in turn."""

IN_ONE = 50
"""Such hundreds that are written in one transaction."""


class Shape(NamedTuple):
    """A record with holes where each case has something of its own."""

    body: bytes
    cseq: int | None


class Played(NamedTuple):
    """What was played: where the log ends, the shapes of one case, and the rows that go with it."""

    end: int
    shapes: Sequence[Shape]
    case: Sequence[Any]
    posts: Sequence[Sequence[Any]]
    runs: int


def make(library: Library, file: Path, records: int) -> int:
    """Make a log of about that many records in a new file; how many it has."""
    played = _play(library, file)
    cases = max(1, records // len(played.shapes))
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        for setting in ("synchronous = OFF", "cache_size = -500000", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {setting}")
        end, posted = played.end, len(played.posts)
        for first in range(0, cases, AT_A_TIME * IN_ONE):
            connection.execute("BEGIN")
            for start in range(first, min(cases, first + AT_A_TIME * IN_ONE), AT_A_TIME):
                ids = [urandom(16).hex() for _ in range(min(AT_A_TIME, cases - start))]
                ends: dict[str, bytes] = {}
                connection.executemany(SQL.add_record, _records(played, ids, ends, end))
                end += len(ids) * len(played.shapes)
                connection.executemany(SQL.add_case, [_case(played, case, ends[case]) for case in ids])
                posts = [_post(played, case, place) for case in ids for place in range(len(played.posts))]
                connection.executemany(SQL.add_outbox, [(SCHOOL, posted + n, *row) for n, row in enumerate(posts, 1)])
                posted += len(posts)
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return end


def _play(library: Library, file: Path) -> Played:
    story = next(one for one in stories() if one.organisation == SCHOOL)
    with closing(SqlStore(file, synchronous="NORMAL")) as store:
        engine = Engine(library, store)
        case = begin(engine, story, 1)
        further(engine, story, case)
        engine.guide(case, actor=story.opening.actor)
        rows = [row for _, row in store.log(SCHOOL, payloads=False)]
        posts = [row for row in store.outbox(SCHOOL) if row.case == case]
        head = store.head(SCHOOL, case)
    assert head is not None
    runs = sorted({one.run for one in posts})
    shapes = [_shape(row, case, runs, [one.id for one in posts]) for row in rows]
    return Played(len(rows), shapes, head, [(*one, None) for one in posts], len(runs))


def _shape(row: RecordRow, case: str, runs: Sequence[str], posts: Sequence[str]) -> Shape:
    body = row.body.replace(b"%", b"%%")
    body = re.sub(rb'"n":"[0-9a-f]{32}"', b'"n":"%(nonce)b"', body)
    body = re.sub(rb'"prev":"[0-9a-f]{64}"', b'"prev":"%(prev)b"', body)
    body = body.replace(row.id.encode(), b"%(id)b")
    for place, own in enumerate([case, *runs, *posts]):
        body = body.replace(own.encode(), f"%(own{place})b".encode())
    return Shape(body, row.cseq)


def _turned(case: str, place: int) -> str:
    """An id that belongs to a case, and is like that of no other: the case's own, turned by so many digits."""
    return case[place:] + case[:place]


def _records(
    played: Played, ids: Sequence[str], ends: dict[str, bytes], after: int
) -> Iterator[tuple[str, int, str, str, int | None, bytes, bytes]]:
    """The rows of those cases, one step of each in turn; where their chains end is put into ``ends``."""
    index, every = after, range(1 + played.runs + len(played.posts))
    owned = [{f"own{place}".encode(): _turned(case, place).encode() for place in every} for case in ids]
    for body, cseq in played.shapes:
        chance = urandom(32 * len(ids)).hex()
        for case, holes, at in zip(ids, owned, range(0, len(chance), 64), strict=True):
            index += 1
            own, nonce = chance[at : at + 32], chance[at + 32 : at + 64]
            prev = ends[case].hex() if case in ends else ""
            filled = body % {**holes, b"id": own.encode(), b"nonce": nonce.encode(), b"prev": prev.encode()}
            leaf = leaf_hash(filled)
            if cseq is not None:
                ends[case] = leaf
            yield SCHOOL, index, own, case, cseq, filled, leaf


def _post(played: Played, case: str, place: int) -> tuple[object, ...]:
    _, _, _, *rest = played.posts[place]
    return (_turned(case, 1 + played.runs + place), case, _turned(case, 1), *rest)


def _case(played: Played, case: str, head: bytes) -> tuple[object, ...]:
    _, version, _, *rest = played.case
    return (SCHOOL, case, version, head, *rest)
