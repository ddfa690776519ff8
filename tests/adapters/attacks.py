"""What somebody who may write the whole database does to a log, so well that nothing inside it looks wrong.

Each attack takes the records as they are and gives those that are to stand there instead. The attacker knows this
library: hashes, links, places and the index of cases are made anew where that makes the lie better. What they cannot
reach is a checkpoint that somebody else holds.
"""

# ruff: noqa: S608  # the statements are this file's own

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import orjson

from stegvis.engine.ports import RecordRow
from stegvis.engine.sealing import leaf_hash
from stegvis.routines.digests import canonical


class Forged(NamedTuple):
    """A log after an attack."""

    rows: list[RecordRow]
    first: int
    """Index of the first record that is not as it was."""


Attack = Callable[[Random, list[RecordRow], list[RecordRow]], Forged]
"""By chance, on a log, with another honest log of the same name at hand."""


def said(row: RecordRow) -> dict[str, Any]:
    return orjson.loads(row.body)


def written(row: RecordRow, record: dict[str, Any]) -> RecordRow:
    """The row with another record in it, and the hash that goes with that."""
    body = canonical(record)
    return row._replace(
        id=record["id"], case=record.get("case"), cseq=record.get("cseq"), body=body, leaf=leaf_hash(body)
    )


@lru_cache(maxsize=20_000)
def link(body: bytes) -> tuple[int, str]:
    """Place and link that a record says it has; remembered, since attack after attack begins with the same log."""
    record = orjson.loads(body)
    return record["cseq"], record.get("prev", "")


def relinked(rows: Sequence[RecordRow]) -> list[RecordRow]:
    """The same records with every place and link in the case chains made right again."""
    ends: dict[str, tuple[int, bytes]] = {}
    found: list[RecordRow] = []
    for row in rows:
        new = row
        if row.case is not None and row.cseq is not None:
            cseq, leaf = ends.get(row.case, (0, b""))
            if link(row.body) != (cseq + 1, leaf.hex()):
                record = said(row)
                record["cseq"] = cseq + 1
                if leaf:
                    record["prev"] = leaf.hex()
                else:
                    record.pop("prev", None)
                new = written(row, record)
            ends[row.case] = (cseq + 1, new.leaf)
        found.append(new)
    return found


def edited(chance: Random, row: RecordRow) -> RecordRow:
    """Somebody else did it, or it was done at another time."""
    record = said(row)
    if chance.random() < 0.5:
        record["actor"] = f"{record['actor'][:60]}9"
    else:
        record["at"] = record["at"][:-2] + ("1Z" if record["at"][-2] != "1" else "2Z")
    return written(row, record)


def middle(chance: Random, rows: Sequence[RecordRow]) -> int:
    return chance.randrange(len(rows) - 1)


def differs(rows: Sequence[RecordRow], forged: Sequence[RecordRow]) -> int:
    """Where two logs part, from 1."""
    same = (number for number, (one, other) in enumerate(zip(rows, forged, strict=False)) if one.body != other.body)
    return next(same, min(len(rows), len(forged))) + 1


def of(rows: list[RecordRow], forged: list[RecordRow]) -> Forged:
    return Forged(forged, differs(rows, forged))


def flip_record(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    body = bytearray(rows[at].body)
    bit = chance.randrange(8 * len(body))
    body[bit // 8] ^= 1 << bit % 8
    return of(rows, [*rows[:at], rows[at]._replace(body=bytes(body)), *rows[at + 1 :]])


def flip_leaf(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    leaf = bytearray(rows[at].leaf)
    bit = chance.randrange(256)
    leaf[bit // 8] ^= 1 << bit % 8
    return Forged([*rows[:at], rows[at]._replace(leaf=bytes(leaf)), *rows[at + 1 :]], at + 1)


def edit_and_rehash(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    return of(rows, [*rows[:at], edited(chance, rows[at]), *rows[at + 1 :]])


def delete_and_renumber(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = middle(chance, rows)
    return of(rows, [*rows[:at], *rows[at + 1 :]])


def delete_and_relink(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = middle(chance, rows)
    return of(rows, relinked([*rows[:at], *rows[at + 1 :]]))


def truncate(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    return of(rows, rows[: -chance.randrange(1, max(2, len(rows) // 10))])


def swap(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    one, other = sorted(chance.sample(range(len(rows)), 2))
    return of(rows, [*rows[:one], rows[other], *rows[one + 1 : other], rows[one], *rows[other + 1 :]])


def swap_and_relink(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    return of(rows, relinked(swap(chance, rows, _).rows))


def insert_and_relink(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = middle(chance, rows)
    record = said(rows[chance.randrange(len(rows))])
    record["id"] = chance.randbytes(16).hex()
    return of(rows, relinked([*rows[:at], written(rows[at], record), *rows[at:]]))


def duplicate(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    # The table takes no id and no place twice, so that the copy is put under others; its bytes are the same.
    copy = rows[at]._replace(id=chance.randbytes(16).hex(), case=None, cseq=None)
    if chance.random() < 0.3:
        return Forged([*rows, copy], len(rows) + 1)
    return of(rows, [*rows[: at + 1], copy, *rows[at + 1 :]])


def edit_and_relink(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    return of(rows, relinked([*rows[:at], edited(chance, rows[at]), *rows[at + 1 :]]))


def restore_older(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    return of(rows, rows[: chance.randrange(1, len(rows))])


def remove_case(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    gone = chance.choice(sorted({row.case for row in rows if row.case is not None and row.cseq is not None}))
    return of(rows, relinked([row for row in rows if row.case != gone]))


def redact(chance: Random, rows: list[RecordRow], _: list[RecordRow]) -> Forged:
    at = chance.randrange(len(rows))
    return of(rows, [*rows[:at], rows[at]._replace(body=b""), *rows[at + 1 :]])


def replace_all(chance: Random, rows: list[RecordRow], other: list[RecordRow]) -> Forged:
    del chance
    return of(rows, other)


ON_RECORDS: dict[str, Attack] = {
    "a bit of a record is flipped": flip_record,
    "a bit of a leaf is flipped": flip_leaf,
    "a record is edited and its leaf made anew": edit_and_rehash,
    "a record is taken out and the rest renumbered": delete_and_renumber,
    "a record is taken out and everything relinked": delete_and_relink,
    "the end is cut off": truncate,
    "two records change places": swap,
    "two records change places and everything is relinked": swap_and_relink,
    "a forged record is put in and everything relinked": insert_and_relink,
    "a record stands there twice": duplicate,
    "a record is edited and everything relinked": edit_and_relink,
    "an older copy is put back": restore_older,
    "a whole case is taken out and everything relinked": remove_case,
    "a record is blackened without a word": redact,
    "the whole log is another": replace_all,
}
"""Fifteen of the classes; three more, on what is sealed, are plain SQL."""


def on_payload(kind: str, chance: Random, file: sqlite3.Connection, organisation: str) -> tuple[int, ...]:
    """Flip a bit of, take away, or swap what is sealed; answers the records that it belongs to."""
    cells = dict(
        file.execute("SELECT idx, cell FROM stegvis_payload WHERE org = ? AND cell IS NOT NULL", (organisation,))
    )
    one, other = chance.sample(sorted(cells), 2)
    change = "UPDATE stegvis_payload SET cell = ? WHERE org = ? AND idx = ?"
    if kind == "flip":
        cell = bytearray(cells[one])
        cell[chance.randrange(len(cell))] ^= 1 << chance.randrange(8)
        file.execute(change, (bytes(cell), organisation, one))
        return (one,)
    if kind == "delete":
        file.execute(change, (None, organisation, one))
        return (one,)
    file.execute(change, (cells[other], organisation, one))
    file.execute(change, (cells[one], organisation, other))
    return (one, other)


def forge(database: Path, organisation: str, before: Sequence[RecordRow], rows: Sequence[RecordRow]) -> None:
    """Put these records in the place of the organisation's own; the index of cases says the same."""
    ends = {row.case: (row.cseq, row.leaf) for row in rows if row.case is not None and row.cseq is not None}
    # What stands where it stood is not written again; all else leaves first, since no id and no place may come twice.
    pairs = enumerate(zip_longest(before, rows), 1)
    changed = {index: new for index, (old, new) in pairs if old is not new}
    with closing(opened(database)) as file:
        gone = "DELETE FROM stegvis_record WHERE org = ? AND idx = ?"
        file.executemany(gone, [(organisation, index) for index in changed])
        file.executemany(
            "INSERT INTO stegvis_record (org, idx, id, case_id, cseq, body, leaf) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(organisation, index, *row[:5]) for index, row in changed.items() if row is not None],
        )
        heads = "SELECT case_id, version, head FROM stegvis_case WHERE org = ?"
        for case, *head in file.execute(heads, (organisation,)).fetchall():
            if case not in ends:
                for table in ("deadline", "run", "case"):
                    file.execute(f"DELETE FROM stegvis_{table} WHERE org = ? AND case_id = ?", (organisation, case))
            elif (*head,) != ends[case]:
                change = "UPDATE stegvis_case SET version = ?, head = ? WHERE org = ? AND case_id = ?"
                file.execute(change, (*ends[case], organisation, case))
        file.commit()


def opened(database: Path) -> sqlite3.Connection:
    """The file in the hands of somebody who has taken its guards and its memory away."""
    file = sqlite3.connect(database)
    file.execute("PRAGMA synchronous = OFF")  # a power failure is no part of the attack
    for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        file.execute(f"DROP TRIGGER {name}")
    file.execute("DELETE FROM stegvis_mark WHERE org = '' AND name = 'store'")
    database.with_name(database.name + ".head").unlink(missing_ok=True)
    return file
