"""The commands of access: change who is in a case, see who has looked, draw a sample, read the openings to be seen."""

from pathlib import Path

from stegvis.engine.oversight import Announced, Look
from stegvis.engine.saying import say_instant

from .desk import Desk, actor, desk, instant, short
from .forms import answers, fresh_key, repeatable
from .options import ACTING, GOOD, Acting, Answers


def change(
    case: str,
    kind: str,
    /,
    *,
    set_: Answers = (),
    form: Path | None = None,
    expect: int | None = None,
    key: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Change something about the whole case."""
    with desk(acting) as at:
        said = answers({}, set_, form)
        reason, used = said.pop("reason", None), key or fresh_key()
        with repeatable(used):
            receipt = at.engine.change(
                case,
                kind,
                actor=actor(acting, at.library),
                key=used,
                form=said,
                reason=str(reason) if reason is not None else None,
                expect=expect,
            )
        at.screen.document({"case": receipt.id, "version": receipt.version, "record": receipt.record, "key": used})
        at.screen.say("case_changed", version=receipt.version)
        at.screen.say("done_key", key=used)
        return GOOD


def who(case: str, /, *, acting: Acting = ACTING) -> int:
    """Show who has looked at a case."""
    with desk(acting) as at:
        looks = at.engine.who(case, actor=actor(acting, at.library))
        at.screen.document({"case": case, "looks": looks})
        at.screen.lines(_look(at, one) for one in looks)
        return GOOD


def sample(*, count: int = 20, seed: int | None = None, since: str | None = None, acting: Acting = ACTING) -> int:
    """Draw a sample of looks to check."""
    with desk(acting) as at:
        found = at.engine.sample(
            actor=actor(acting, at.library), count=count, seed=seed, since=instant(since, "--since")
        )
        at.screen.document(
            {"seed": found.seed, "upto": found.upto, "since": found.since, "of": found.of, "looks": found.looks}
        )
        at.screen.lines(_look(at, one) for one in found.looks)
        at.screen.say("sample_drawn", count=len(found.looks), of=found.of, seed=found.seed, upto=found.upto)
        return GOOD


def _look(at: Desk, one: Look) -> str:
    roles = at.library.roles.roles
    role = roles[one.role].title(at.screen.lang) if one.role in roles else one.role
    ground = at.screen.word(f"ground.{one.ground}") if one.ground is not None else ""
    first = f"{short(at, one.identity)} " if one.identity is not None else ""
    return (
        first
        + at.screen.word(
            "look_line",
            when=say_instant(one.at),
            kind=at.screen.word(f"look.{one.kind}"),
            who=f"{role} {one.actor}",
            unit=one.unit,
            case=one.case or "-",
            more=". ".join(part for part in (one.what, ground, *one.why) if part),
        ).rstrip(" .")
        + "."
    )


def openings(*, reveal: bool = False, acting: Acting = ACTING) -> int:
    """Show the emergency openings that wait to be looked at."""
    with desk(acting) as at:
        found = at.engine.openings(actor=actor(acting, at.library), reveal=reveal)
        at.screen.document({"openings": found})
        if not found:
            at.screen.say("openings_none")
        for one in found:
            at.screen.lines(_opening(at, one))
        return GOOD


def _opening(at: Desk, one: Announced) -> list[str]:
    missing = at.screen.word("opening_hidden" if one.hidden else "opening_erased")
    why = one.why if one.why is not None else missing
    return [
        short(at, one.identity)
        + " "
        + at.screen.word("opening_line", when=say_instant(one.at), who=one.actor, unit=one.unit, case=one.case),
        at.screen.word("opening_why", why=why),
        at.screen.word("opening_due", due=say_instant(one.due), opening=one.opening),
    ]
