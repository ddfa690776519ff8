"""The command of a party's right to read its file."""

from stegvis.engine.party import insight

from .desk import Desk, actor, desk
from .options import ACTING, GOOD, NO, Acting


def extract(
    case: str, /, *, party: str, partial: bool = False, undecided: bool = False, acting: Acting = ACTING
) -> int:
    """Make an extract for a party, or say what has to be decided first."""
    with desk(acting) as at:
        who = actor(acting, at.library)
        if undecided:
            waiting = at.engine.extracts.waiting(case, party=party, actor=who)
            at.screen.document({"waiting": waiting})
            for one in waiting:
                why = at.screen.word(f"waits.{one.why}")
                at.screen.say("extract_waits", what=one.title, why=why, fact=one.fact, run=one.run)
            if waiting:
                _how(at, who.organisation, case, party)
            else:
                at.screen.say("extract_ready")
            return NO if waiting else GOOD
        made = at.engine.extract(case, party=party, actor=who, partial=partial)
        at.screen.document({"extract": made.json(), "digest": made.digest, "waiting": made.waiting})
        at.screen.lines(made.text(at.screen.lang).splitlines())
        return GOOD


def _how(at: Desk, organisation: str, case: str, party: str) -> None:
    """What a decision says, with the grounds that it may rest on."""
    says = insight(at.library, organisation)
    at.screen.line()
    at.screen.say("extract_decide", case=case, party=party)
    for outcome, grounds in (("withhold", says.withhold), ("disclose", says.disclose)) if says is not None else ():
        at.screen.say(f"extract_{outcome}")
        at.screen.lines(f"    {law}: {at.library.law.law(law).title(at.screen.lang)}" for law in grounds)
