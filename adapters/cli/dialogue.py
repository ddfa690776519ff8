"""Following a case step by step, as a talk over text: where I am, what I can choose, the questions, the check.

A small state machine that knows no terminal: it yields what is to be said and hears one line at a time. Every answer is
kept as a draft as soon as it is given, so that whatever becomes of the terminal, nothing typed is lost; ``lost`` keeps
also the line that was being written.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from stegvis.engine.answers import Receipt, Refused
from stegvis.engine.days import say_moment
from stegvis.engine.drafts import Draft
from stegvis.engine.engine import Engine
from stegvis.engine.following import Sheet
from stegvis.engine.guide import Guide
from stegvis.engine.guide_view import Action
from stegvis.engine.instants import moment_of
from stegvis.engine.values import Actor, Reason
from stegvis.routines.errors import NotFound, Stale, StegvisError
from stegvis.routines.form import Field
from stegvis.routines.text import Lang, Text

from . import pages
from .answering import Again, Begun, Key, Questioner, Said, read_when
from .asides import Asides, Quit
from .detours import Detours, Place, passable
from .errors import told
from .voice import Voice

Lines = list[str]
Line = Generator[Said, str, Lines]
"""A part of the talk; it comes to the lines with which the next part begins."""
DETOURS: Final = frozenset("meo")
"""Keys: my list, mend an answer, pass an obstacle."""


class _Back(Exception):
    """The reader wants to go back to the choices; ``lines`` are said first."""

    def __init__(self, lines: Sequence[str] = ()) -> None:
        self.lines = list(lines)
        super().__init__()


class _Step(NamedTuple):
    """A step that is being filled in; an opening has no situation, and its answers no case to lie in."""

    title: Text
    shown: Guide | None
    action: Action | None
    sheet: Sheet
    key: str
    """Idempotency key: sent again after a failure, the step is taken once."""


class Dialogue:
    """One member of staff following one case.

    Args:
        engine: where the case is.
        actor: who follows it.
        case, run: which case, and which run where there are several; none where one is to be opened.
        lang: in which language.
        keys: makes idempotency keys.
    """

    def __init__(
        self,
        engine: Engine,
        actor: Actor,
        case: str = "",
        *,
        lang: Lang,
        keys: Callable[[], str],
        run: str | None = None,
    ) -> None:
        self.engine, self.actor, self.case, self.run, self.keys = engine, actor, case, run, keys
        self.voice = Voice(engine.library.words, lang, engine.clock, actor.id)
        self.asides = Asides(engine, actor, self.voice)
        self.detours = Detours(engine, actor, self.voice, keys)
        self._came_from: Place | None = None
        self._step: _Step | None = None
        self._person: str | None = None
        self._begun = Begun({})

    def talk(self, before: Sequence[str] = ()) -> Generator[Said, str, Lines]:
        """Follow the case until the reader stops; comes to the last lines.

        Args:
            before: said first.

        Raises:
            Refused: the actor may not see the case.
        """
        lines: Lines = [*before]
        while True:
            # Not when the generator is closed: ``lost`` is asked after that.
            self._step = None
            shown = self.engine.guide(self.case, actor=self.actor, run=self.run)
            lines += pages.where(shown, self.voice)
            try:
                action = yield from self._choose(shown, lines)
                lines = yield from self._follow(shown, action)
            except _Back as back:
                lines = [*back.lines, ""]
            except Quit:
                return self._left()

    def opening(self, routine: str, *, person: str | None = None) -> Generator[Said, str, Lines]:
        """Open a routine in a new case, and follow it. What is asked first is only what cannot wait.

        Raises:
            NotFound: ``unknown_routine``, ``routine_not_valid``. BadInput: ``not_a_reference``.
        """
        voice, self._person = self.voice, person
        sheet = self.engine.following.opening(routine, actor=self.actor, person=person)
        self._begun = Begun({})
        step = _Step(sheet.title, None, None, sheet, self.keys())
        try:
            lines = yield from self._fill(step, [voice.word("step", step=sheet.title), voice.word("opening")])
            lines = yield from self._check(step, lines)
        except (_Back, Quit):
            return [voice.word("not_opened")]
        return (yield from self.talk(lines))

    def lost(self, typed: str) -> Draft | None:
        """Keep what has been answered, and the line that was being written, when the terminal is gone.

        Returns:
            The draft; None when there was nothing to keep.

        Raises:
            StegvisError: it could not be kept.
        """
        step, form = self._step, self._begun.whole(typed)
        if step is None or step.shown is None or not form:
            return None
        return self.engine.draft(self.case, step.sheet.trigger, form, actor=self.actor, run=step.shown.run)

    # ---- choosing -------------------------------------------------------------------------------------------------

    def _choose(self, shown: Guide, lines: Lines) -> Generator[Said, str, Action]:
        choices, voice = pages.opened(shown), self.voice
        lines = [*lines, "", voice.word("keys")]
        while True:
            text = (yield Said(tuple(lines), voice.word("choice"), "choice")).strip().lower()
            if text.isdecimal() and len(text) < 4 and 1 <= int(text) <= len(choices):  # noqa: PLR2004 - a choice has few digits
                return choices[int(text) - 1]
            if text in DETOURS:
                return (yield from self._detour(text, shown))
            lines = self.asides.key(self.case, text, shown, None)
            if text == "v":
                lines = yield from self.asides.reveal(self.case, shown, lines)
            if not lines:
                lines = [voice.word("not_a_choice", count=len(choices)) if choices else voice.word("nothing_open")]

    def _detour(self, letter: str, shown: Guide) -> Generator[Said, str, Action]:
        """Go to another case, mend an answer, or choose a step past an obstacle.

        Raises:
            _Back: what is said next; nothing was chosen here.
        """
        voice, here = self.voice, (self.case, shown.run)
        if letter == "e":
            raise _Back((yield from self.detours.mend(self.case, shown)))
        if letter == "o":
            if (action := (yield from self.detours.closed(self.case, shown))) is not None:
                return action
            raise _Back([voice.word("pass_none")])
        chosen = yield from self.detours.switch(here, self._came_from)
        if chosen is None:
            raise _Back([voice.word("mine_none")])
        self._came_from, (self.case, self.run) = here, chosen
        raise _Back([voice.word("switched", case=self.case)])

    # ---- one step -------------------------------------------------------------------------------------------------

    def _follow(self, shown: Guide, action: Action) -> Line:
        """Fill in a step and take it; comes to what became of it."""
        trigger, voice = action.trigger, self.voice
        sheet = self.engine.following.sheet(self.case, trigger, actor=self.actor, run=shown.run)
        if sheet.version != shown.version:
            raise _Back(self._moved())
        lines = list(pages.step(action, voice))
        if action.irreversible or action.contacts_family:
            lines = yield from self._stop([*lines, voice.word("read_this")])
        self._begun = Begun({})
        lines += yield from self._resume(sheet, shown, lines)
        self._step = step = _Step(action.title, shown, action, sheet, self.keys())
        lines = yield from self._fill(step, lines)
        return (yield from self._check(step, lines))

    def _stop(self, lines: Lines) -> Line:
        """Have something read before it goes on."""
        voice = self.voice
        while True:
            text = yield Said(tuple(lines), voice.word("yes_or_no"), "stop")
            if voice.means("yes", text.strip()):
                return []
            if voice.means("no", text.strip()) or text.strip().lower() == "b":
                raise _Back
            if text.strip().lower() == "q":
                raise Quit
            lines = [voice.word("not_yes_or_no")]

    def _resume(self, sheet: Sheet, shown: Guide, before: Lines) -> Line:
        """Begin with the reader's own draft of the step, if they want to."""
        voice, drafts = self.voice, self.engine.drafts
        try:
            mine = drafts.show(self.case, sheet.trigger, actor=self.actor, run=shown.run)
        except NotFound:
            return []
        when = say_moment(moment_of(mine.at), voice.clock(), voice.words, voice.lang)
        lines = [*before, voice.word("draft_there", when=when)]
        before.clear()
        while True:
            text = (yield Said(tuple(lines), voice.word("answer"), "draft")).strip()
            if voice.means("yes", text):
                known = {name: value for name, value in (mine.form or {}).items() if name in sheet.fields}
                self._begun = Begun(known)
                return []
            if voice.means("throw", text):
                drafts.discard(self.case, sheet.trigger, actor=self.actor, run=shown.run)
                return [voice.word("draft_thrown")]
            if voice.means("no", text) or text.lower() == "b":
                raise _Back
            if text.lower() == "q":
                raise Quit
            lines = [voice.word("draft_there", when=when)]

    def _fill(self, step: _Step, lines: Lines) -> Line:
        """Ask the questions whose turn it is, one at a time, until none is left."""
        asked = list[str]()
        while True:
            name = next((one for one in self._turns(step) if not self._answered(step, one)), None)
            if name is None:
                return lines
            lines = yield from self._question(step, name, asked, lines)

    def _turns(self, step: _Step) -> tuple[str, ...]:
        return (
            step.sheet.later(step.sheet.turns(self._begun.form))
            if step.sheet.version == 0
            else step.sheet.turns(self._begun.form)
        )

    def _answered(self, step: _Step, name: str) -> bool:
        form = self._begun.form
        return name in form and (form[name] is None or not self._wrong(step, name, form[name]))

    def _wrong(self, step: _Step, name: str, value: object) -> Sequence[Reason]:
        return step.sheet.wrong(name, value, now=self.voice.clock())

    def _question(self, step: _Step, name: str, asked: list[str], lines: Lines) -> Line:
        """Ask one question, again after each key; an answer is kept at once."""
        questioner = Questioner(
            self.voice, step.sheet.fields, lambda one, value: self._wrong(step, one, value), self._begun
        )
        if not asked and not self._begun.form:
            lines = [*lines, self.voice.word("keys_question" if step.shown is not None else "keys_opening")]
        while True:
            heard = yield from questioner.ask(name, len(asked) + 1, lines)
            if not isinstance(heard, Key):
                self._begun.form[name] = heard
                if name in asked:
                    asked.remove(name)
                asked.append(name)
                return self._keep(step)
            if heard.letter == "b":
                if not asked:
                    raise _Back(self._kept())
                name, lines = asked.pop(), []
            elif heard.letter == "s":
                raise _Back(self._kept())
            else:
                lines = self.asides.key(self.case, heard.letter, step.shown, step.action, step.sheet.fields[name])

    # ---- keeping --------------------------------------------------------------------------------------------------

    def _keep(self, step: _Step) -> Lines:
        """Keep the answers so far as a draft; tells at once if somebody has moved the case meanwhile."""
        try:
            kept = self.lost("")
        except Refused:
            raise
        except StegvisError:
            return [self.voice.word("not_kept")]
        if kept is not None and kept.version != step.sheet.version:
            raise _Back([*self._moved(), *self._until(kept)])
        return []

    def _kept(self) -> Lines:
        """Say that the answers are kept, and until when."""
        try:
            kept = self.lost("")
        except StegvisError as error:
            return list(told(error, self.voice.words).lines(self.voice.words, self.voice.lang))
        return self._until(kept) if kept is not None else []

    def _until(self, kept: Draft) -> Lines:
        voice = self.voice
        when = say_moment(moment_of(kept.expires), voice.clock(), voice.words, voice.lang)
        return [voice.word("kept", when=when)]

    def _left(self) -> Lines:
        kept = self._kept()
        return [*kept, self.voice.word("quit" if kept else "quit_plain")]

    def _moved(self) -> Lines:
        """Who has moved the case meanwhile, and when."""
        found = self.engine.case(self.case, actor=self.actor)
        return self._faster(found.actor, found.at)

    def _faster(self, actor: str, at: str) -> Lines:
        voice = self.voice
        when = say_moment(moment_of(at), voice.clock(), voice.words, voice.lang)
        return [voice.word("stale", who=actor, when=when)]

    # ---- checking and sending -------------------------------------------------------------------------------------

    def _check(self, step: _Step, lines: Lines) -> Line:
        """Show every answer, let each be changed, and take the step when told to."""
        voice, happened = self.voice, None
        turns, lines = self._page(step, lines, happened)
        while True:
            text = (yield Said(tuple(lines), voice.word("answer"), "check")).strip().lower()
            if voice.means("yes", text):
                taken = self._take(step, turns, happened, {})
                if isinstance(taken, tuple):
                    excused = yield from self.detours.excuses(taken)
                    taken = self._take(step, turns, happened, excused) if excused else [voice.word("not_passed")]
                if isinstance(taken, Receipt):
                    return self._done(step.title, taken)
                lines = taken if isinstance(taken, list) else [voice.word("not_passed")]
            elif text == "0":
                happened, lines = yield from self._happened()
                turns, lines = self._page(step, lines, happened)
            elif text.isdecimal() and len(text) < 4 and 1 <= int(text) <= len(turns):  # noqa: PLR2004 - few digits
                lines = yield from self._question(step, turns[int(text) - 1], [], [])
                turns, lines = self._page(step, (yield from self._fill(step, lines)), happened)
            elif text in {"s", "b"} or voice.means("no", text):
                raise _Back(self._kept())
            else:
                lines = self.asides.key(self.case, text, step.shown, step.action) or [
                    voice.word("not_at_the_check", count=len(turns))
                ]

    def _page(self, step: _Step, before: Lines, happened: datetime | None) -> tuple[list[str], Lines]:
        """The questions that were answered, and every answer as it will be sent."""
        voice = self.voice
        turns = [name for name in self._turns(step) if name in self._begun.form]
        lines = [*before, *pages.check(step.sheet, turns, self._begun.form, voice)]
        lines += ["  " + voice.word("check_when", when=self._said(happened))]
        return turns, [*lines, voice.word("check_keys", step=step.title)]

    def _said(self, happened: datetime | None) -> str:
        voice = self.voice
        if happened is None:
            return voice.word("check_when_now")
        return say_moment(happened, voice.clock(), voice.words, voice.lang)

    def _happened(self) -> Generator[Said, str, tuple[datetime | None, Lines]]:
        """When it happened, for what is entered afterwards (efterregistrering)."""
        voice = self.voice
        field = Field(type="instant", title=Text(sv="-"), past=True)
        lines = [voice.word("how.instant")]
        while True:
            text = (yield Said(tuple(lines), voice.word("answer"), "happened")).strip()
            if not text or text.lower() == "b":
                return None, []
            try:
                value, said, _ = read_when(field, text, voice)
            except Again as no:
                lines = [str(no)]
                continue
            return datetime.fromisoformat(value), [voice.word("read_as", value=said)]

    def _take(
        self, step: _Step, turns: Sequence[str], happened: datetime | None, excused: Mapping[str, str]
    ) -> Receipt | Lines | tuple[Reason, ...]:
        """Take the step; comes to the receipt, to what is said of why not, or to reasons that the reader may pass.

        Raises:
            _Back: somebody was faster.
        """
        form = {name: self._begun.form[name] for name in turns if self._begun.form[name] is not None}
        voice = self.voice
        try:
            if step.shown is None:
                return self.engine.open(
                    step.sheet.trigger,
                    actor=self.actor,
                    form=form,
                    key=step.key,
                    person=self._person,
                    happened=happened,
                )
            return self.engine.take(
                self.case,
                step.sheet.trigger,
                actor=self.actor,
                key=step.key,
                form=form,
                run=step.shown.run,
                expect=step.sheet.version,
                seen=step.shown.digest,
                happened=happened,
                overrides=excused,
            )
        except Refused as no:
            if not excused and passable(step.sheet, no.reasons):
                return tuple(no.reasons)
            again = voice.word("check_keys", step=step.title)
            return [voice.word("refused"), *pages.reasons(no.reasons, voice), again]
        except Stale as stale:
            who, at = str(stale.details["actor"]), str(stale.details["at"])
            raise _Back([*self._faster(who, at), *self._kept()]) from None
        except StegvisError as error:
            return [*told(error, voice.words).lines(voice.words, voice.lang), voice.word("failed")]

    def _done(self, title: Text, receipt: Receipt) -> Lines:
        voice = self.voice
        now, self.case = voice.clock(), receipt.id
        when = say_moment(now, now, voice.words, voice.lang)
        self._begun = Begun({})
        return [
            "",
            voice.word("done", step=title, when=when, case=receipt.id, version=receipt.version),
            "",
        ]
