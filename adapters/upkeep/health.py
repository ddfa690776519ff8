"""Whether all is well with a store (hälsokontroll): what somebody should be told before anybody suffers from it."""

import shutil
from datetime import datetime
from random import Random
from time import sleep
from typing import Final, NamedTuple, TypeAlias

from stegvis.engine.engine import Engine
from stegvis.engine.instants import moment_of
from stegvis.engine.ports import DeadlineRow
from stegvis.engine.sealing import bound
from stegvis.engine.snapshot import case_deadlines
from stegvis.routines.errors import Broken, SealError, StegvisError, StoreError
from stegvis.routines.text import Text, fill

from ..audit.checkpoints import SIGNED
from ..head_file import same_leaf
from ..sql import schema
from ..sql.heads import origin_of
from ..sql.store import SQL, SqlStore

Value: TypeAlias = int | str | None

_MIB: Final = 1024 * 1024
_TRIES: Final = 5


class Limits(NamedTuple):
    """From where on something is wrong."""

    clock_minutes: int = 15
    """Since the clock last ran."""
    outbox_hours: int = 24
    """That the oldest hand-off has waited."""
    signed_hours: int = 24
    """Since the log was last signed."""
    disk_mib: int = 512
    """Free on the disk of the case file."""
    sample: int = 20
    """Cases of each organisation whose deadlines are counted anew."""


class Check(NamedTuple):
    """One thing that was looked at. ``value`` and ``limit`` are in the unit that the sentence names."""

    code: str
    ok: bool
    organisation: str | None
    value: Value
    limit: Value
    says: Text
    do: Text | None
    """What to do; None when nothing is wrong."""


LIMITS: Final = Limits()


def health(
    engine: Engine, store: SqlStore, *, limits: Limits = LIMITS, now: datetime | None = None, seed: int | None = None
) -> tuple[Check, ...]:
    """Look at all that goes wrong without anybody noticing.

    That is the clock, the signing of the log, the outbox, the keys, the disk, the schema, the head file, and the index
    of deadlines.

    Nothing is changed and nothing of any case is shown. A store that does not open at all says so itself.

    Args:
        engine, store: the engine, and the store it works on.
        limits: from where on something is wrong.
        now: the present instant; the engine's clock when left out.
        seed: which cases are sampled; chance when left out.

    Raises:
        StoreError: the store cannot be read.
    """
    chance = Random(seed)  # noqa: S311 - a sample, no secret
    at = _At(engine, store, now if now is not None else engine.clock(), limits, chance)
    checks = [_schema(at), _disk(at), at.say("unsequenced", ok=True, value=0, limit=0), _head(at)]
    for organisation, *_ in sorted(store.database.rows(SQL.log_ends)):
        checks += [look(at, organisation) for look in (_clock, _signed, _outbox, _keys, _deadlines)]
    return tuple(checks)


class _At(NamedTuple):
    """What is looked at, and with what."""

    engine: Engine
    store: SqlStore
    now: datetime
    limits: Limits
    chance: Random

    def say(
        self,
        code: str,
        *,
        ok: bool,
        value: Value,
        limit: Value = None,
        organisation: str | None = None,
        never: bool = False,
    ) -> Check:
        words = self.engine.library.words
        places = {"value": value, "limit": limit, "organisation": organisation}
        filled = {name: one for name, one in places.items() if one is not None}
        says = fill(words[f"health.{code}.{'good' if ok else 'never' if never else 'bad'}"], filled)
        return Check(
            code, ok, organisation, value, limit, says, None if ok else fill(words[f"health.{code}.do"], filled)
        )


def _schema(at: _At) -> Check:
    found: str = at.store.database.rows(f"SELECT version_num FROM {schema.VERSION_TABLE}")[0][0]  # noqa: S608
    return at.say("schema", ok=found == schema.LATEST, value=found, limit=schema.LATEST)


def _disk(at: _At) -> Check:
    free, limit = shutil.disk_usage(at.store.database.path.parent).free // _MIB, at.limits.disk_mib
    return at.say("disk", ok=free >= limit, value=free, limit=limit)


def _head(at: _At) -> Check:
    """How many records the head file does not know of, or the code of what is wrong with it."""
    behind = 0
    for _ in range(_TRIES):
        behind = _behind(at.store)
        if not behind:
            break
        sleep(0.02)  # somebody may be between a commit and remembering it
    return at.say("head", ok=not behind, value=behind, limit=0)


def _behind(store: SqlStore) -> int | str:
    ends = {organisation: size for organisation, size, *_ in store.database.rows(SQL.log_ends)}
    try:
        known = store.head_file.read()
    except StoreError as error:
        return error.reason
    if known is None:
        return "head_missing"
    for organisation, head in known.heads.items():
        leaf = store.database.rows(SQL.leaf_at, (organisation, head.size))
        if head.size and not (leaf and same_leaf(leaf[0][0], head.leaf)):
            return "log_differs" if leaf else "rolled_back"
    sizes = {organisation: head.size for organisation, head in known.heads.items()}
    return sum(max(0, end - sizes.get(organisation, 0)) for organisation, end in ends.items())


def _clock(at: _At, organisation: str) -> Check:
    return _lately(at, organisation, "clock", "clock", at.limits.clock_minutes, seconds=60)


def _signed(at: _At, organisation: str) -> Check:
    return _lately(at, organisation, "signed", SIGNED, at.limits.signed_hours, seconds=3600)


def _lately(at: _At, organisation: str, code: str, mark: str, limit: int, *, seconds: int) -> Check:
    """Whether something that leaves a mark has been done lately; the limit is in units of so many seconds."""
    done = at.store.mark(organisation, mark)
    if done is None:
        return at.say(code, ok=False, value=None, limit=limit, organisation=organisation, never=True)
    age = int((at.now - moment_of(done)).total_seconds() // seconds)
    return at.say(code, ok=age <= limit, value=age, limit=limit, organisation=organisation)


def _outbox(at: _At, organisation: str) -> Check:
    waiting, limit = [moment_of(row.at) for row in at.store.outbox(organisation)], at.limits.outbox_hours
    age = int((at.now - min(waiting)).total_seconds() // 3600) if waiting else 0
    return at.say("outbox", ok=age < limit, value=age, limit=limit, organisation=organisation)


def _keys(at: _At, organisation: str) -> Check:
    wrong: str | None = None
    for _, body, unit, case, record, cell in at.store.database.rows(SQL.newest_cell, (organisation, organisation)):
        log = origin_of(body)
        try:
            at.engine.keys.open(log, unit, cell, bound(log, case, record))
        except SealError as error:
            wrong = error.reason
    return at.say("keys", ok=wrong is None, value=wrong, organisation=organisation)


def _deadlines(at: _At, organisation: str) -> Check:
    cases = list(at.store.cases(organisation))
    sample = at.chance.sample(cases, min(at.limits.sample, len(cases)))
    differing = sum(not _index_agrees(at, organisation, case) for case in sample)
    return at.say("deadlines", ok=not differing, value=differing, limit=len(sample), organisation=organisation)


def _index_agrees(at: _At, organisation: str, case: str) -> bool:
    try:
        for _ in range(_TRIES):
            before = _said(at.engine, organisation, case)
            index = set(at.store.deadlines(organisation, case=case))
            if before == _said(at.engine, organisation, case):
                return before == index
    except StegvisError:
        return False  # a case that cannot be read is no better than one that differs; verify says why
    return True  # somebody works in the case so eagerly that it never stood still; the next check has another sample


def _said(engine: Engine, organisation: str, case: str) -> set[DeadlineRow]:
    """The deadlines as the case itself says them."""
    held = engine.files.case(organisation, case)
    if held is None:
        raise Broken
    return set(case_deadlines(engine.files.library_for(held.case), held.case))
