"""The commands with which an auditor takes the log out: the audit bundle, one case whole, files for other programs."""

from functools import partial
from pathlib import Path
from typing import Literal

from .auditing import audit_log, contents
from .desk import actor, desk
from .options import ACTING, GOOD, Acting


def bundle(
    folder: Path,
    /,
    *,
    audit: Path | None = None,
    policy: Path | None = None,
    masked: bool = False,
    acting: Acting = ACTING,
) -> int:
    """Make an audit bundle that can be checked without this library."""
    from ..audit.bundle import bundle as make  # noqa: PLC0415 - loaded when it is needed

    with desk(acting) as at:
        who = actor(acting, at.library)
        what = "bundle.masked" if masked else "bundle"
        made = make(
            audit_log(at, who.organisation, audit),
            folder,
            partial(at.engine.take_out, what, actor=who),
            policy=contents(policy) if policy is not None else None,
            masked=masked,
        )
        _, size, root = made.checkpoint
        at.screen.document({"size": size, "root": root.hex(), "digest": made.digest, "masked": masked})
        at.screen.say("bundled", organisation=at.called(who.organisation), size=size, digest=made.digest)
        return GOOD


def prove(case: str, file: Path, /, *, audit: Path | None = None, acting: Acting = ACTING) -> int:
    """Put one case into a file with the proof that none of its records is missing."""
    from ..audit.whole import write_case  # noqa: PLC0415 - as above

    with desk(acting) as at:
        who = actor(acting, at.library)
        taken = partial(at.engine.take_out, "case", actor=who, case=case)
        made, digest = write_case(audit_log(at, who.organisation, audit), case, file, taken)
        newer = len(made.records) - made.count
        at.screen.document({"case": made.case, "proved": made.count, "newer": newer, "digest": digest})
        at.screen.say("proved_case", count=made.count, newer=newer, digest=digest)
        return GOOD


def export(kind: Literal["xes", "ocel", "csv"], file: Path, /, *, masked: bool = False, acting: Acting = ACTING) -> int:
    """Write the log for process mining or a spreadsheet."""
    from ..exports import export as write  # noqa: PLC0415 - as above

    with desk(acting) as at:
        who = actor(acting, at.library)
        what = f"{kind}.masked" if masked else kind
        taken = partial(at.engine.take_out, what, actor=who)
        made = write(at.store, who.organisation, file, taken, kind=kind, masked=masked)
        at.screen.document({"kind": kind, "events": made.events, "digest": made.digest, "masked": masked})
        at.screen.say(
            "exported", organisation=at.called(who.organisation), count=made.events, kind=kind, digest=made.digest
        )
        return GOOD
