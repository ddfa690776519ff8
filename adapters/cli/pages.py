"""What is read aloud while somebody follows a routine: where they are, what they can choose, what they answered."""

from collections.abc import Iterator, Mapping, Sequence

from stegvis.engine.days import say_moment
from stegvis.engine.following import Sheet, Trodden
from stegvis.engine.guide import Guide
from stegvis.engine.guide_text import about_lines, closed_lines, known_lines, situation_lines
from stegvis.engine.guide_view import Action
from stegvis.engine.instants import moment_of
from stegvis.engine.values import Reason

from .voice import Voice


def opened(shown: Guide) -> list[Action]:
    """The choices that are open, in the order of their numbers."""
    return [action for action in shown.actions if action.open]


def where(shown: Guide, voice: Voice) -> Iterator[str]:
    """The whole situation: now, why, by when, who, what not to do; what is closed and why; what can be chosen."""
    words, lang = voice.words, voice.lang
    yield from situation_lines(shown, words, lang)
    if shown.facts or shown.proposed:
        yield voice.word("known", count=len(shown.facts) + len(shown.proposed))
    yield from closed_lines(shown, words, lang)
    choices = opened(shown)
    yield ""
    if not choices:
        yield voice.word("nothing_open")
        return
    yield f"{words['guide.can'](lang)}:"
    for number, action in enumerate(choices, 1):
        yield f"  {number}. {action.title(lang)}"
        yield from (f"     {line}" for line in about_lines(action, words, lang, asks=False))


def why(shown: Guide, voice: Voice) -> Iterator[str]:
    """Why this is done, and what each choice is for."""
    words, lang = voice.words, voice.lang
    yield f"{words['guide.why'](lang)}: {shown.why(lang)}"
    for action in opened(shown):
        if action.help is not None:
            yield f"{action.title(lang)}: {action.help(lang)}"


def law(shown: Guide, action: Action | None, voice: Voice) -> Iterator[str]:
    """The law of the deadlines and of what must not be done here; or of one step."""
    actions = opened(shown) if action is None else [action]
    cited = [(one.title, law) for one in actions for law in one.law]
    if action is None:
        cited = [*((due.title, due.law) for due in shown.due), *cited]
    if not cited:
        yield voice.word("no_law")
    for title, text in cited:
        yield f"{title(voice.lang)}: {text(voice.lang)}"


def call(shown: Guide, voice: Voice) -> Iterator[str]:
    """Who to ring."""
    words, lang = voice.words, voice.lang
    if not shown.call:
        yield voice.word("no_call")
    for contact in shown.call:
        number = contact.number or words["guide.call_missing"](lang)
        hours = f" ({contact.hours(lang)})" if contact.hours is not None else ""
        yield f"{words['guide.call'](lang)}: {contact.title(lang)}: {number}{hours}"


def known(shown: Guide, voice: Voice) -> Iterator[str]:
    """What has been answered so far, as far as the reader may see it."""
    lines = list(known_lines(shown, voice.words, voice.lang, code=False))
    yield from lines or [voice.word("no_facts")]


def way(steps: Sequence[Trodden], voice: Voice) -> Iterator[str]:
    """What has happened, the latest first, with both clocks where they differ by a minute or more."""
    now = voice.clock()
    yield voice.word("way_heading")
    for one in reversed(steps):
        happened, entered = moment_of(one.happened), moment_of(one.recorded)
        when = say_moment(happened, now, voice.words, voice.lang)
        yield "  " + voice.word("way_line", number=one.version, what=one.title, when=when, role=one.role, who=one.actor)
        if (entered - happened).total_seconds() >= 60:  # noqa: PLR2004 - a minute
            when = say_moment(entered, now, voice.words, voice.lang)
            yield "     " + voice.word("way_later", when=when)


def step(action: Action, voice: Voice) -> Iterator[str]:
    """A step that was chosen, before its questions: what it is, and what happens next."""
    yield ""
    yield voice.word("step", step=action.title)
    yield from about_lines(action, voice.words, voice.lang, asks=False)


def reasons(found: Sequence[Reason], voice: Voice) -> Iterator[str]:
    """Why not, and what would remove it."""
    words, lang = voice.words, voice.lang
    for one in found:
        yield f"  {words['guide.because'](lang)}: {one.text(lang)}"
        yield f"  {words['guide.remedy'](lang)}: {one.remedy(lang)}"


def check(sheet: Sheet, turns: Sequence[str], form: Mapping[str, object], voice: Voice) -> Iterator[str]:
    """Every answer with its number, as it will be sent."""
    yield ""
    yield voice.word("check")
    for number, name in enumerate(turns, 1):
        field = sheet.fields[name]
        skipped = form.get(name) is None and not field.required
        value = voice.word("check_skipped") if skipped else voice.value(field, form.get(name))
        yield "  " + voice.word("check_line", number=number, title=field.title, value=value)
