"""Databases of earlier versions, with cases in the middle of their routines, frozen as SQL beside this file.

Before a migration lands, freeze what the code of that day writes: ``python -m tests.adapters.live_cases FOLDER`` under
the last commit before it. A frozen database is never made anew: what an old version wrote is what must go on.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from stegvis.adapters.key_file import KeyFile
from stegvis.adapters.keys import KeyRing, beside
from stegvis.adapters.sql import SqlStore

from ..engine.plays import Player
from ..engine.toys import ACTORS

FROZEN: Final = Path(__file__).parent / "upgrade"
KEY_FILE: Final = bytes(range(32)).hex() + "\n"
"""No secret: what it unlocks are invented words."""
SEED: Final = 76
STEPS: Final = 80


def freeze(folder: Path) -> None:
    """Play, and write down the database, its keys, and what replaying each case says."""
    with TemporaryDirectory() as temporary:
        file = Path(temporary) / "cases.db"
        _unlock(file)
        KeyRing(beside(file).keys, KeyFile(beside(file).kek), create=True).close()
        with closing(SqlStore(file, synchronous="NORMAL")) as store:
            verdicts = replayed(Player(SEED, store=store).play(STEPS))
        with closing(sqlite3.connect(file)) as db:
            (version,) = db.execute("SELECT version_num FROM stegvis_version").fetchone()
            # A store's mark of itself belongs to the head file beside it, which stays behind.
            db.execute("DELETE FROM stegvis_mark WHERE name = 'store'")
            (folder / f"{version}.sql").write_text(_dumped(db), "utf-8")
        with closing(sqlite3.connect(beside(file).keys)) as db:
            keys = f"PRAGMA user_version = {db.execute('PRAGMA user_version').fetchone()[0]};\n{_dumped(db)}"
            (folder / f"{version}.keys.sql").write_text(keys, "utf-8")
        (folder / f"{version}.json").write_text(json.dumps(verdicts, indent=1, sort_keys=True) + "\n", "utf-8")


def thaw(version: str, file: Path) -> dict[str, list[list[str | None]]]:
    """Put a frozen database there, with its keys; answers what replaying each case said.

    What was only attested then is held against the sender's log now, which lies in the same file.
    """
    _unlock(file)
    for name, path in ((f"{version}.sql", file), (f"{version}.keys.sql", beside(file).keys)):
        path.touch(0o600)
        with closing(sqlite3.connect(path)) as db:
            db.executescript((FROZEN / name).read_text("utf-8"))
    return json.loads((FROZEN / f"{version}.json").read_text("utf-8").replace('"attested"', '"reproduced"'))


def replayed(player: Player) -> dict[str, list[list[str | None]]]:
    """What replaying says of each step of each case: its record, its verdict, the state that it led to."""
    said: dict[str, list[list[str | None]]] = {}
    for organisation, case in player.cases():
        actor = next(one for one in ACTORS if one.organisation == organisation)
        steps: Any = player.world.engine.replay(case, actor=actor).steps
        said[case] = [[step.record, step.verdict, step.target] for step in steps]
    return said


def _unlock(file: Path) -> None:
    kek = beside(file).kek
    kek.touch(0o600)
    kek.write_text(KEY_FILE)


def _dumped(db: sqlite3.Connection) -> str:
    made = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid").fetchall()
    lines = ["BEGIN;"]
    for kind, name, sql in made:
        if kind == "table":
            lines.append(f"{sql};")
            rows = db.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - a name of the schema's
            insert = f'INSERT INTO "{name}" VALUES'
            lines += [f"{insert} ({', '.join(map(_literal, row))});" for row in rows]
    lines += [f"{sql};" for kind, _, sql in made if kind != "table"]
    return "\n".join([*lines, "COMMIT;", ""])


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case int():
            return str(value)
        case bytes() if value[:2] == b'{"' and value[-1:] == b"}":
            return f"CAST({_literal(value.decode())} AS BLOB)"
        case bytes():
            return f"x'{value.hex()}'"
        case _:
            return "'" + str(value).replace("'", "''") + "'"


if __name__ == "__main__":
    freeze(Path(sys.argv[1]))
