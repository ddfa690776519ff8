"""The commands that prove: judge a case anew from its log, and check that all that is stored hangs together."""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from stegvis.engine.replay import Replay, Step, Verdict
from stegvis.engine.saying import say_instant
from stegvis.engine.verify import SPAN, Fault, Part, Parts, Span, check_span, verify_log
from stegvis.routines.errors import BadInput, NotProved
from stegvis.routines.text import Text

from .auditing import audit_log, check_receipt, checkpoints_of, contents, policy_of
from .desk import Desk, desk, screen
from .options import GOOD, KEPT, NO, Kept, Shown
from .screen import Screen, shipped_words
from .watching import Watch, watching

if TYPE_CHECKING:
    from ..audit.note import Checkpoint
    from ..audit.verify import Compared

VERDICTS: Final[tuple[Verdict, ...]] = ("reproduced", "attested", "undecidable", "divergent")


def replay_json(found: Replay) -> dict[str, object]:
    """A case judged anew, as JSON values."""
    return {
        "identity": found.identity,
        "case": found.case,
        "sound": found.sound,
        "state": found.state,
        "steps": found.steps,
        "faults": [{"code": code, "version": version} for version, code in found.faults],
    }


def replay_lines(found: Replay, screen: Screen) -> Iterator[str]:
    """What is known of the person's identity, every step with its verdict, then whether the log hangs together."""
    yield found.identity.says(screen.lang)
    for step in found.steps:
        yield _step_line(step, screen)
        for one in step.changed:
            yield screen.word("replay_changed", what=one.title, was=one.was, now=one.now)
    yield from replay_ends(found, screen)


def replay_ends(found: Replay, screen: Screen) -> Iterator[str]:
    """Whether the log hangs together, and how many steps got which verdict."""
    for version, code in found.faults:
        yield fault_line(Fault(code, None, version), screen)
    for verdict in VERDICTS:
        count = found.count(verdict)
        if count:
            yield screen.word("verdict_count", verdict=screen.word(f"verdicts.{verdict}"), count=count)
    yield screen.word("replay_sound" if found.sound else "replay_unsound", count=len(found.steps))


def _step_line(step: Step, screen: Screen) -> str:
    kind = f" [{step.kind}]" if step.kind is not None else ""
    return screen.word(
        "replay_step",
        number=step.version,
        when=say_instant(step.happened),
        what=step.trigger or step.type,
        move=screen.word("replay_move", source=step.source, target=step.target) if step.target else "",
        who=f"{step.role} {step.actor}",
        verdict=screen.word(f"verdicts.{step.verdict}") + kind,
    )


def fault_line(fault: Fault, screen: Screen) -> str:
    """Where something does not hang together, and what that is."""
    name = f"faults.{fault.code}"
    known = f"cli.{name}" in shipped_words()
    says = screen.word(name if known else "faults.other")
    case = screen.word("fault_case", case=fault.case) if fault.case is not None else ""
    return screen.word("fault", place=fault.place, case=case, says=says, code=fault.code)


def verify(
    *,
    organisation: str | None = None,
    checkpoint: tuple[Path, ...] = (),
    policy: Path | None = None,
    audit: Path | None = None,
    receipt: Path | None = None,
    record: Path | None = None,
    case: Path | None = None,
    without_keys: bool = False,
    processes: int = 1,
    kept: Kept = KEPT,
) -> int:
    """Check that all that is stored hangs together, and is what checkpoints kept elsewhere say it was."""
    if receipt is not None:
        return check_receipt(receipt, record, policy, kept)
    if case is not None:
        return check_case(case, policy, kept)
    with desk(kept, keyless=without_keys) as at, reading(at, processes) as parts, watching(at.screen) as watch:
        known = checkpoints_of(at, checkpoint, policy_of(policy)) if checkpoint else {}
        names = [*dict.fromkeys((*at.organisations(organisation), *(() if organisation else known)))]
        if checkpoint and organisation and organisation not in known:
            raise NotProved("no_checkpoint_for")
        found: dict[str, list[Fault]] = {}
        compared: dict[str, Compared] = {}
        for name in names:
            if name in known:
                compared[name] = against(at, name, known[name], audit, watch)
            found[name] = [*faults_of(at, name, parts, watch, keyless=without_keys)]
        at.screen.document(verify_json(found, compared))
        at.screen.lines(verify_lines(found, at, compared))
        return GOOD if sound(found, compared) else NO


def check_case(case: Path, policy: Path | None, shown: Shown) -> int:
    """See whether a case in a file is whole; no database is opened.

    Raises:
        BadInput: ``policy_missing``, ``not_a_case_file``. NotFound: ``no_such_file``.
        As :meth:`stegvis.adapters.audit.whole.CaseFile.check`.
    """
    from ..audit.whole import read_case  # noqa: PLC0415 - loaded when it is needed

    trusted = policy_of(policy)
    if trusted is None:
        raise BadInput("policy_missing")
    found = read_case(contents(case)).check(trusted)
    on, bad = screen(shown), found.bad
    on.document({**found._asdict(), "bad": bad._asdict() if bad is not None else None})
    at = say_instant(found.at)
    if bad is None:
        on.say("case_whole", at=at, count=found.proved, origin=found.origin, size=found.size)
        on.say("case_newer", count=found.newer)
        return GOOD
    on.say("case_not_whole", at=at, origin=found.origin, size=found.size)
    on.line(fault_line(Fault(bad.code, None, bad.place), on))
    if bad.code != "case_line_foreign" and bad.place < found.proved:
        on.say("case_known", first=bad.place + 1, last=found.proved)
    return NO


@contextmanager
def reading(at: Desk, processes: int) -> Generator[Parts]:
    """Who reads the log: this process, or several that are there for it.

    Raises:
        BadInput: ``bad_processes``.
    """
    if processes == 1:
        yield partial(map, partial(check_span, at.store))
        return
    from ..audit.processes import MOST, several  # noqa: PLC0415 - loaded when it is needed

    if not 1 <= processes <= MOST:
        raise BadInput("bad_processes", most=MOST)
    with several(at.store.database.path, processes) as parts:
        yield parts


def faults_of(at: Desk, organisation: str, parts: Parts, watch: Watch, *, keyless: bool) -> Iterable[Fault]:
    """What is wrong with an organisation's log and, with keys, with all that is sealed."""
    size = at.store.size(organisation)

    def watched(spans: Iterable[Span]) -> Iterable[Part]:
        return watch("verifying_log", parts(spans), size, each=SPAN)

    if keyless:
        return verify_log(at.store, organisation, at.engine.files.origin(organisation), parts=watched)
    count = sum(1 for _ in at.store.cases(organisation))
    cases = watch("verifying", at.store.cases(organisation), count)
    return at.engine.verify(organisation, parts=watched, cases=cases)


def against(
    at: Desk, organisation: str, checkpoints: Sequence["Checkpoint"], audit: Path | None, watch: Watch
) -> "Compared":
    """What comes of laying a log beside checkpoints of it, and the leaves that its signer has kept."""
    from ..audit.verify import compare  # noqa: PLC0415 - loaded when it is needed

    log = audit_log(at, organisation, audit)
    kept = log.tiles.leaves(max(one.size for one in checkpoints))
    rows = watch("comparing", at.store.log(organisation, payloads=False), at.store.size(organisation))
    return compare((row for _, row in rows), checkpoints, kept)


def sound(found: Mapping[str, Sequence[Fault]], compared: Mapping[str, "Compared"]) -> bool:
    """Whether nothing at all was found."""
    return not any(found.values()) and all(one.bad is None for one in compared.values())


def verify_json(
    found: Mapping[str, Sequence[Fault]], compared: Mapping[str, "Compared"] = MappingProxyType({})
) -> dict[str, object]:
    """What was found wrong, as JSON values."""
    return {
        "sound": sound(found, compared),
        "organisations": [
            {"organisation": name, "faults": faults, "checkpoints": compared_json(compared.get(name))}
            for name, faults in found.items()
        ],
    }


def compared_json(compared: "Compared | None") -> dict[str, object] | None:
    """What came of laying a log beside checkpoints, as JSON values; None where there were none."""
    if compared is None:
        return None
    return {**compared._asdict(), "bad": compared.bad._asdict() if compared.bad is not None else None}


def verify_lines(
    found: Mapping[str, Sequence[Fault]], at: Desk, compared: Mapping[str, "Compared"] = MappingProxyType({})
) -> Iterator[str]:
    """For each organisation whether its log hangs together, and where not."""
    if not found:
        yield at.screen.word("nothing_here")
    for name, faults in found.items():
        title = at.library.organisations.organisations[name].title
        cases = sum(1 for _ in at.store.cases(name))
        if name in compared:
            yield from compared_lines(compared[name], title, at.screen)
        yield at.screen.word("verify_unsound" if faults else "verify_sound", organisation=title, count=cases)
        yield from (fault_line(fault, at.screen) for fault in faults)


def compared_lines(compared: "Compared", organisation: Text, screen: Screen) -> Iterator[str]:
    """Whether a log is what the checkpoints say, and which record is the first that is not."""
    size, proved, bad = compared
    if bad is None:
        yield screen.word("log_proved", organisation=organisation, proved=proved, newer=size - proved)
        return
    yield screen.word("log_not_proved", organisation=organisation, proved=proved)
    yield fault_line(Fault(bad.code, None, bad.first), screen)
    if bad.first != bad.last:
        yield screen.word("first_between", first=bad.first, last=bad.last)
