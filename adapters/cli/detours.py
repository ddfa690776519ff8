"""What a reader may do instead of a step: go to another case, mend an answer, pass an obstacle with a reason."""

from collections.abc import Callable, Generator, Mapping, Sequence

from stegvis.engine.answers import Refused
from stegvis.engine.days import say_moment
from stegvis.engine.decide import rules_of, run_of
from stegvis.engine.engine import Engine
from stegvis.engine.following import Sheet
from stegvis.engine.guide import Guide, rested_text
from stegvis.engine.guide_view import Action
from stegvis.engine.instants import moment_of
from stegvis.engine.values import Actor, Reason
from stegvis.routines.errors import StegvisError

from . import pages
from .answering import Begun, Key, Questioner, Said
from .errors import told
from .forms import facts_of
from .voice import Voice, visible

Place = tuple[str, str | None]
"""A case and a run of it."""
GUARDS = frozenset({"guard", "not_known"})
"""Codes of reasons that a guard gives; no other can be passed."""


class Detours:
    """Each is a part of the talk.

    Args:
        engine, actor: what is looked at and changed, and by whom.
        voice: the texts.
        keys: makes idempotency keys.
    """

    def __init__(self, engine: Engine, actor: Actor, voice: Voice, keys: Callable[[], str]) -> None:
        self.engine, self.actor, self.voice, self.keys = engine, actor, voice, keys

    def switch(self, now: Place, before: Place | None) -> Generator[Said, str, Place | None]:
        """Choose another case of the reader's, or go back to the one before; None stays."""
        voice = self.voice
        places = list[Place]()
        lines = [voice.word("mine")]
        if before is not None and before != now:
            places.append(before)
            lines.append("  " + voice.word("mine_back", number=len(places), case=before[0]))
        for one in self.engine.following.tasks(actor=self.actor):
            if (one.case, one.run) not in {now, before}:
                places.append((one.case, one.run))
                what = voice.word("mine_line", number=len(places), now=one.now, routine=one.routine, case=one.case)
                lines.append(f"  {what}")
                if one.due is not None and one.what is not None:
                    when = say_moment(moment_of(one.due), voice.clock(), voice.words, voice.lang)
                    lines.append("     " + voice.word("mine_due", what=one.what, when=when))
        if not places:
            return None
        text = (yield Said((*lines, voice.word("mine_keys")), voice.word("choice"), "mine")).strip()
        chosen = _number(text, len(places))
        return places[chosen - 1] if chosen is not None else None

    def mend(self, case: str, shown: Guide) -> Generator[Said, str, list[str]]:
        """Correct an answer that was given earlier (rättelse); comes to what is said of it."""
        voice = self.voice
        fields = facts_of(self.engine, self.engine.case(case, actor=self.actor), shown.run)
        given = [one for one in shown.facts if one.fact in fields and not one.hidden]
        if not given:
            return [voice.word("no_facts")]
        lines = [voice.word("mend")]
        for number, one in enumerate(given, 1):
            said = voice.word("check_line", number=number, title=one.title, value=visible(one.value(voice.lang)))
            lines.append(f"  {said}")
        chosen = _number((yield Said((*lines, voice.word("mend_keys")), voice.word("answer"), "mend")), len(given))
        if chosen is None:
            return [voice.word("nothing_mended")]
        one = given[chosen - 1]
        asking = Questioner(voice, {one.fact: fields[one.fact]}, lambda _, __: (), Begun({}))
        value = yield from asking.ask(one.fact, 1)
        if isinstance(value, Key) or value is None:
            return [voice.word("nothing_mended")]
        why = (yield Said((voice.word("mend_why"),), voice.word("answer"), "mend_why")).strip()
        said = voice.value(fields[one.fact], value)
        check = voice.word("mend_check", title=one.title, was=visible(one.value(voice.lang)), now=said)
        sure = (yield Said((check,), voice.word("yes_or_no"), "mend_sure")).strip() if why else ""
        return (
            self._mended(case, shown, {one.fact: value}, why)
            if voice.means("yes", sure)
            else [voice.word("nothing_mended")]
        )

    def _mended(self, case: str, shown: Guide, form: Mapping[str, object], why: str) -> list[str]:
        voice = self.voice
        try:
            receipt = self.engine.correct(
                case, form, reason=why, actor=self.actor, key=self.keys(), run=shown.run, expect=shown.version
            )
        except Refused as no:
            return [voice.word("not_mended"), *pages.reasons(no.reasons, voice)]
        except StegvisError as error:
            return [voice.word("not_mended"), *told(error, voice.words).lines(voice.words, voice.lang)]
        lines = [voice.word("mended", version=receipt.version)]
        if receipt.rested:
            found = self.engine.case(case, actor=self.actor)
            rules = rules_of(self.engine.files.library_for(found), run_of(found, receipt.run))
            lines.append(rested_text(rules, receipt.rested, voice.words)(voice.lang))
        return lines

    def closed(self, case: str, shown: Guide) -> Generator[Said, str, Action | None]:
        """Choose a step that only guards close which the reader may pass with a reason; None where there is none."""
        voice = self.voice
        found = [
            one
            for one in shown.actions
            if not one.open
            and passable(self.engine.following.sheet(case, one.trigger, actor=self.actor, run=shown.run), one.reasons)
        ]
        if not found:
            return None
        lines = [voice.word("pass"), *(f"  {number}. {one.title(voice.lang)}" for number, one in enumerate(found, 1))]
        chosen = _number((yield Said((*lines, voice.word("mine_keys")), voice.word("choice"), "pass")), len(found))
        return found[chosen - 1] if chosen is not None else None

    def excuses(self, found: Sequence[Reason]) -> Generator[Said, str, Mapping[str, str]]:
        """A written reason for each guard that is to be passed; nothing where one is missing."""
        voice, excused = self.voice, dict[str, str]()
        for one in found:
            lines = (*pages.reasons([one], voice), voice.word("pass_why"))
            why = (yield Said(lines, voice.word("answer"), "pass_why")).strip()
            if not why or one.about is None:
                return {}
            excused[one.about] = why
        return excused


def passable(sheet: Sheet, found: Sequence[Reason]) -> bool:
    """Whether every reason is a guard that this reader may pass with a reason of their own."""
    return bool(found) and all(one.code in GUARDS and one.about in sheet.passable for one in found)


def _number(text: str, most: int) -> int | None:
    text = text.strip()
    number = int(text) if text.isdecimal() and len(text) < 4 else 0  # noqa: PLR2004 - a choice has few digits
    return number if 1 <= number <= most else None
