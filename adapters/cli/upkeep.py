"""The commands of whoever runs the system: take a backup, put it back, ask whether all is well."""

from pathlib import Path
from typing import TYPE_CHECKING

from stegvis.routines.errors import NotFound

from ..key_file import KeyFile
from .desk import desk, library, screen
from .options import GOOD, KEPT, NO, Kept

if TYPE_CHECKING:
    from ..upkeep import Check
    from .screen import Screen


def backup(to: Path, /, *, keys_to: Path | None = None, key_file_to: Path | None = None, kept: Kept = KEPT) -> int:
    """Copy the case file while people work in it, and its keys to another place."""
    from ..upkeep import backup as take  # noqa: PLC0415 - SQLAlchemy takes longer to load than the rest together

    on = screen(kept)
    made = take(kept.db, to, keys_to=keys_to, key_file=kept.key_file, key_file_to=key_file_to)
    on.document({"keys": keys_to is not None, "key_file": key_file_to is not None, "records": made.records})
    on.say("backed_up", count=sum(made.records.values()))
    if keys_to is None:
        on.say("backed_up_without_keys")
    return GOOD


def restore(backup: Path, keys: Path, /, *, reason: str = "restored_backup", kept: Kept = KEPT) -> int:
    """Put a backup back where there is no case file."""
    from ..upkeep import restore as put_back  # noqa: PLC0415 - as above

    on = screen(kept)
    done = put_back(backup, keys, kept.db, key_file=kept.key_file, reason=reason, library=library(kept))
    on.document({"records": done.records, "lost": done.lost})
    on.say("restored", count=sum(done.records.values()))
    for organisation, count in done.lost.items():
        on.say("restored_lost", organisation=organisation, count=count)
    return GOOD


def rotate(new: Path, /, *, kept: Kept = KEPT) -> int:
    """Wrap every data key under another key file, which is made when it is not there."""
    with desk(kept) as at:
        key = KeyFile(new) if new.exists() else KeyFile.create(new)
        count = at.store.keys.rotate(key)
        at.screen.document({"keys": count, "key": key.id})
        at.screen.say("rotated", count=count)
        return GOOD


def health(*, kept: Kept = KEPT) -> int:
    """Look at everything that should work by itself."""
    from ..upkeep import health as look  # noqa: PLC0415 - as above

    with desk(kept) as at:
        found = look(at.engine, at.store)
        well = all(one.ok for one in found)
        at.screen.document({"well": well, "checks": [one._asdict() for one in found]})
        for one in found:
            _say(at.screen, one)
        at.screen.say("health_good" if well else "health_bad", count=sum(not one.ok for one in found))
        return GOOD if well else NO


def migrate(*, sql: bool = False, backup_to: Path | None = None, kept: Kept = KEPT) -> int:
    """Bring the case file up to this version, or print the SQL that would."""
    from ..sql import migrate as bring_up  # noqa: PLC0415 - as above
    from ..sql import pending  # noqa: PLC0415 - as above

    on = screen(kept)
    if not kept.db.exists():
        raise NotFound("no_database")
    steps = pending(kept.db)
    if sql:
        text = bring_up(kept.db, sql=True)
        on.document({"pending": steps, "sql": text})
        for line in text.splitlines():
            on.line(line, whole=True)
        return GOOD
    if steps and backup_to is not None:
        from ..upkeep.backup import copy_database  # noqa: PLC0415 - as above

        copy_database(kept.db, backup_to)
    bring_up(kept.db, patience=kept.wait)
    on.document({"pending": steps, "backup": bool(steps) and backup_to is not None})
    on.say("migrated" if steps else "migrated_nothing", steps=", ".join(steps))
    if steps and backup_to is None:
        on.say("migrated_without_backup")
    return GOOD


def _say(on: "Screen", one: "Check") -> None:
    on.line(one.says(on.lang) if one.ok else f"{one.says(on.lang)} [{one.code}]")
    if one.do is not None:
        on.say("do", do=one.do)
