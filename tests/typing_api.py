"""What a type checker must make of the public names. Checked by ``make check``, never run.

Each function is a caller's code in small. It fails the check when a name loses its type, grows an ``Any`` or stops
accepting what it was promised to accept.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import assert_type

import stegvis
from stegvis.engine.ports import Clock, Loaded, RecordRow, Sealer, Store
from stegvis.routines.errors import BadInput, Stale, StegvisError


def version() -> None:
    assert_type(stegvis.__version__, str)


def an_error_is_caught_by_its_root_and_read_without_its_text() -> None:
    try:
        raise BadInput("too_long", field="note", limit=4000)
    except StegvisError as error:
        assert_type(error, StegvisError)
        assert_type(error.reason, str)
        assert_type(error.details, Mapping[str, str | int | None])
        assert_type(error.exit, int)


def an_error_takes_codes_and_numbers_only() -> None:
    Stale(version=3, actor="u-17")
    Stale(actor=object())  # pyright: ignore[reportArgumentType]


def a_host_brings_its_own_clock() -> None:
    def noon() -> datetime:
        return datetime(2026, 1, 1, 12, tzinfo=UTC)

    clock: Clock = noon
    assert_type(clock(), datetime)


def a_store_answers_rows(store: Store) -> None:
    assert_type(store.load("school", "c-1"), Loaded | None)
    assert_type(next(store.case_records("school", "c-1", after=2)), RecordRow)
    for index, row in store.log("school"):
        assert_type(index, int)
        assert_type(row.payload, bytes | None)


def a_sealed_cell_is_bytes(sealer: Sealer) -> None:
    assert_type(sealer.open("school", "run-1", b"cell", b"bound"), bytes)
