"""What a process does while its disk is full, fails or loses power; started by test_crash.py, answers one JSON line.

``crash_work.py MODE OVERLAY FOLDER ...``; FOLDER is the one that the failing disk watches.
"""

import ctypes
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from stegvis.adapters.keys import KeyRing
from stegvis.adapters.sql import SqlStore
from stegvis.engine.engine import Engine
from stegvis.engine.values import Actor
from stegvis.routines.errors import StegvisError
from stegvis.routines.library import load

KURATOR = Actor("u-1", roles={"school_counsellor"}, unit="elevhalsa", organisation="skola")
LOOK = {"flame": "low", "wind": 3, "smoke": "Det rykte om den. " * 20}


def light(engine: Engine, key: str) -> str:
    return engine.open("lantern", actor=KURATOR, form={"account": "Vi såg den."}, key=key, person="p-1").id


def look(engine: Engine, case: str, key: str) -> int:
    return engine.take(case, "look", actor=KURATOR, form=LOOK, key=key).version


def stand(engine: Engine) -> dict[str, int]:
    """Each case and its version."""
    heads = {case: engine.store.head("skola", case) for case in engine.store.cases("skola")}
    return {case: head.version for case, head in heads.items() if head is not None}


def steps(engine: Engine, begin: int) -> Iterator[tuple[str, int]]:
    """Work without end: cases of five steps; answers each as it is acknowledged."""
    for number in count(begin):
        case = light(engine, f"o-{number}")
        yield case, 1
        for step in range(4):
            yield case, look(engine, case, f"l-{number}-{step}")


def full(engine: Engine, folder: Path) -> dict[str, Any]:
    """Work until the disk is full, make room, and go on with the very step that was refused."""
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(200_000))
    acknowledged: dict[str, int] = {}
    case = light(engine, "o-1")
    code, number = "", 0
    for number in count():
        try:
            acknowledged[case] = look(engine, case, f"l-{number}")
        except StegvisError as error:
            code = error.reason
            break
    kept = stand(engine) == acknowledged
    ballast.unlink()
    again = look(engine, case, f"l-{number}")
    faults = [fault.code for fault in engine.verify("skola")]
    return {"code": code, "kept": kept, "again": again == acknowledged[case] + 1, "faults": faults, "steps": number}


def starved(engine: Engine, file: Path) -> dict[str, Any]:
    """Start anew on a disk without a byte left, where SQLite cannot even make what it reads with."""
    acknowledged = {(case := light(engine, "o-1")): look(engine, case, "l-1")}
    engine.store.close()
    with (file.parent / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError:
            pass
    codes: list[str] = []
    for start in (lambda: SqlStore(file), lambda: KeyRing.at(file).seal("o", "u", b"", b"bound")):
        try:
            start()
        except StegvisError as error:
            codes.append(error.reason)
    (file.parent / "ballast").unlink()
    with closing(SqlStore(file)) as store:
        well = Engine(engine.library, store)
        again = look(well, case, "l-2") == acknowledged[case] + 1
        return {"codes": codes, "again": again, "faults": [fault.code for fault in well.verify("skola")]}


def faults(engine: Engine, disk: ctypes.CDLL, *, with_error: int, for_good: bool) -> list[dict[str, Any]]:
    """Fail each write of a step in turn, of an opening too; then the disk is well again and the step is tried anew."""
    found: list[dict[str, Any]] = []
    case = light(engine, "first")
    kinds: dict[str, Callable[[str], object]] = {
        "open": lambda key: light(engine, key),
        "look": lambda key: look(engine, case, key),
    }
    for name, act in kinds.items():
        for at in count(1):
            before, key = stand(engine), f"{name}-{at}"
            disk.disk_fail(at, with_error, int(for_good))
            code: str | None = None
            try:
                act(key)
            except StegvisError as error:
                code = error.reason
            writes = int(disk.disk_count())
            disk.disk_fail(0, 0, 0)
            unchanged = stand(engine) == before
            act(key)
            once = sum(stand(engine).values()) == sum(before.values()) + 1
            wrong = [fault.code for fault in engine.verify("skola")]
            found.append(
                {
                    "act": name,
                    "at": at,
                    "code": code,
                    "in_doubt": bool(disk.disk_sync_failed()),
                    "unchanged": unchanged,
                    "once": once,
                    "faults": wrong,
                }
            )
            if writes < at:
                break
    return found


def power(engine: Engine, disk: ctypes.CDLL, folder: Path, to: Path) -> dict[str, Any]:
    """Trace some steps onto a disk whose state at the beginning is kept in ``to``."""
    for _ in zip(range(7), steps(engine, 0), strict=False):
        pass
    engine.store.set_mark("skola", "clock", "2026-03-02T08:00:00.000000Z")
    base = stand(engine)
    shutil.copytree(folder, to / "base")
    disk.disk_trace(os.fsencode(to / "trace"))
    said: list[tuple[str, int]] = []
    for number, step in zip(range(7), steps(engine, 1000), strict=False):
        said.append(step)
        disk.disk_acknowledge(number)
    return {"base": base, "said": said}


def answer(found: object) -> None:
    sys.stdout.write(json.dumps(found))
    sys.stdout.flush()


def main() -> None:
    mode, overlay, folder, *more = sys.argv[1:]
    library, disk = load(Path(overlay), proved=user_cache_path("stegvis") / "proved"), ctypes.CDLL(None)
    with closing(SqlStore(Path(folder) / "cases.db", synchronous="NORMAL" if "NORMAL" in more else "FULL")) as store:
        engine = Engine(library, store)
        if mode == "full":
            answer(full(engine, Path(folder)))
        elif mode == "starved":
            answer(starved(engine, Path(folder) / "cases.db"))
        elif mode == "faults":
            error = errno.ENOSPC if "ENOSPC" in more else errno.EIO
            answer(faults(engine, disk, with_error=error, for_good="for good" in more))
        else:
            answer(power(engine, disk, Path(folder), Path(more[0])))
            os._exit(0)  # a store that is closed in peace writes more


if __name__ == "__main__":
    main()
