"""The guide as lines: append-only, no colour, no cursor tricks, the same words as every other surface."""

from collections.abc import Iterator

from stegvis.routines.text import Lang, Text, Words, fill

from .days import say_moment
from .guide_view import Action, DueView, GuideView, Next, Question
from .instants import moment_of
from .saying import say_instant, say_left


def guide_lines(shown: GuideView, words: Words, lang: Lang) -> Iterator[str]:
    """The lines of a guide in one language."""
    yield from situation_lines(shown, words, lang)
    yield from known_lines(shown, words, lang)
    yield from _actions(shown, words, lang)
    yield ""
    ran = shown.clock
    clock = words["guide.clock_never"] if ran is None else fill(words["guide.clock"], {"when": say_instant(ran)})
    yield clock(lang)


def situation_lines(shown: GuideView, words: Words, lang: Lang) -> Iterator[str]:
    """Where the run stands: what to do now, why, by when, who has it, what not to do, who to ring."""

    def word(name: str, **places: Text | str | int) -> str:
        return fill(words[f"guide.{name}"], places)(lang)

    yield shown.identity.says(lang)
    yield word("heading", routine=shown.title, step=shown.step)
    yield shown.adopted(lang)
    for notice in shown.notices:
        yield f"{word('notice')}: {notice(lang)}"
    yield ""
    if shown.ended is not None:
        yield f"{word('ended')}: {shown.ended(lang)}"
    yield f"{word('now')}: {shown.now(lang)}"
    yield f"{word('why')}: {shown.why(lang)}"
    for due in shown.due:
        now, at = moment_of(shown.at), moment_of(due.shown)
        when, left = say_moment(at, now, words, lang), say_left(due.shown, now, words)
        yield f"{word('due')}: {word('due_line', what=due.title, when=when, left=left)}"
        yield f"  {word('due_how', how=_how(due, words, lang))}"
    if shown.waiting is not None:
        yield f"{word('waiting')}: {shown.waiting(lang)}"
    holder = word("holder_you") if shown.mine else shown.holder or word("holder_nobody")
    yield f"{word('holder')}: {holder}"
    if shown.never:
        yield ""
        yield f"{word('never')}:"
        yield from (f"  - {never(lang)}" for never in shown.never)
    for contact in shown.call:
        number = contact.number or word("call_missing")
        hours = f" ({contact.hours(lang)})" if contact.hours is not None else ""
        yield f"{word('call')}: {contact.title(lang)}: {number}{hours}"


def known_lines(shown: GuideView, words: Words, lang: Lang, *, code: bool = True) -> Iterator[str]:
    """What has been answered, as far as the reader may see it; with the names that commands take."""

    def word(name: str, **places: Text | str | int) -> str:
        return fill(words[f"guide.{name}"], places)(lang)

    for heading, facts in (("proposed", shown.proposed), ("facts", shown.facts)):
        if facts:
            yield ""
            yield f"{word(heading)}:"
        for fact in facts:
            by = fact.correction
            mark = f" ({word('corrected', at=say_instant(by.at), by=by.by)})" if by is not None else ""
            mark = f" [{fact.fact}]{mark}" if fact.hidden and code else mark
            yield f"  - {fact.title(lang)}: {fact.value(lang)}{mark}"
    if code and any(fact.hidden for fact in (*shown.proposed, *shown.facts)):
        yield words["identity.reveal"](lang)


def _how(due: DueView, words: Words, lang: Lang) -> str:
    """How a deadline is counted: the house's date, the law's, the critical time, and where it stands."""
    parts = [fill(words["guide.due_internal"], {"when": say_instant(due.internal)})(lang)]
    if due.legal is not None:
        parts.append(fill(words["guide.due_legal"], {"when": say_instant(due.legal)})(lang))
    elif not due.house:
        parts.append(words["guide.due_prompt"](lang))
    if due.critical is not None:
        parts.append(fill(words["guide.due_critical"], {"when": say_instant(due.critical)})(lang))
    return ", ".join([*parts, due.law(lang)])


def _actions(shown: GuideView, words: Words, lang: Lang) -> Iterator[str]:
    opened = [action for action in shown.actions if action.open]
    if opened:
        yield ""
        yield f"{words['guide.can'](lang)}:"
        for number, action in enumerate(opened, 1):
            yield f"  {number}. {action.title(lang)} [{action.trigger}]"
            yield from (f"     {line}" for line in about_lines(action, words, lang))
    yield from closed_lines(shown, words, lang, code=True)


def closed_lines(shown: GuideView, words: Words, lang: Lang, *, code: bool = False) -> Iterator[str]:
    """What cannot be chosen now, with every reason and what would remove it; with the names that commands take."""
    closed = [action for action in shown.actions if not action.open]
    if closed:
        yield ""
        yield f"{words['guide.cannot'](lang)}:"
    for action in closed:
        yield f"  - {action.title(lang)}{f' [{action.trigger}]' if code else ''}"
        for reason in action.reasons:
            yield f"     {words['guide.because'](lang)}: {reason.text(lang)}"
            yield f"     {words['guide.remedy'](lang)}: {reason.remedy(lang)}"


def about_lines(action: Action, words: Words, lang: Lang, *, asks: bool = True) -> Iterator[str]:
    """What a step is, what it must not lead to, what it asks, where it leads, on what law it rests."""
    if action.help is not None:
        yield action.help(lang)
    for flag, name in (
        (action.second_person, "second"),
        (action.irreversible, "irreversible"),
        (action.contacts_family, "family"),
    ):
        if flag:
            yield words[f"guide.{name}"](lang)
    if action.channel is not None:
        yield action.channel(lang)
    for never in action.never:
        yield f"{words['guide.never'](lang)}: {never(lang)}"
    if action.questions and asks:
        yield f"{words['guide.asks'](lang)}: " + "; ".join(_question(one, words, lang) for one in action.questions)
    for after in action.next:
        yield f"{words['guide.leads'](lang)}: {_next(after, words, lang)}"
    if action.law:
        yield f"{words['guide.law'](lang)}: " + "; ".join(law(lang) for law in action.law)


def _question(one: Question, words: Words, lang: Lang) -> str:
    notes: list[str] = []
    if not one.required:
        notes.append(words["guide.optional"](lang))
    elif one.conditional:
        notes.append(words["guide.conditional"](lang))
    if one.part in {"decision", "protected"}:
        notes.append(words[f"guide.{one.part}"](lang))
    return one.title(lang) + (f" ({', '.join(notes)})" if notes else "")


def _next(after: Next, words: Words, lang: Lang) -> str:
    if after.condition is None:
        return after.then(lang)
    if after.condition == words["guide.otherwise"]:
        return fill(words["guide.leads_otherwise"], {"then": after.then})(lang)
    return fill(words["guide.leads_if"], {"condition": after.condition, "then": after.then})(lang)
