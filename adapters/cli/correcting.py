"""The command that corrects an answer."""

from dataclasses import asdict
from pathlib import Path

from stegvis.engine.decide import rules_of, run_of
from stegvis.engine.guide import rested_text

from .desk import actor, desk
from .forms import answers, facts_of, fresh_key, repeatable
from .options import ACTING, GOOD, Acting


def correct(
    case: str,
    /,
    *facts: str,
    reason: str,
    form: Path | None = None,
    expect: int | None = None,
    run: str | None = None,
    key: str | None = None,
    acting: Acting = ACTING,
) -> int:
    """Correct answers."""
    with desk(acting) as at:
        who, used = actor(acting, at.library), key or fresh_key()
        fields = facts_of(at.engine, at.engine.case(case, actor=who), run)
        given = answers(fields, facts, form)
        with repeatable(used):
            receipt = at.engine.correct(case, given, reason=reason, actor=who, key=used, run=run, expect=expect)
        at.screen.document({**asdict(receipt), "case": receipt.id, "key": used})
        at.screen.say("corrected", version=receipt.version)
        if receipt.rested:
            found = at.engine.case(case, actor=who)
            rules = rules_of(at.engine.files.library_for(found), run_of(found, receipt.run))
            at.screen.line(rested_text(rules, receipt.rested, at.library.words)(at.screen.lang))
        at.screen.say("done_key", key=used)
        return GOOD
