"""One question and its answer, over text: what is asked, what was written, what it is read as. No terminal here.

A talk is a generator: it yields what is to be said and the prompt, is sent the line that was written, and returns what
it came to. Nothing is guessed: what could mean two things is asked again, and what was inferred is confirmed.
"""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

from stegvis.engine.dates import Unclear, read_day, read_moment
from stegvis.engine.days import say_day, say_moment, say_unclear
from stegvis.engine.instants import local_day
from stegvis.engine.values import Reason
from stegvis.routines.form import Field

from .forms import LONGEST_NUMBER
from .voice import Voice


class Said(NamedTuple):
    """What is said, the prompt, and what it is about: the name of a question, or a place in the talk."""

    lines: tuple[str, ...]
    prompt: str
    about: str


Talk: TypeAlias = Generator[Said, str, Any]
"""Says, hears a line, and comes to something."""

KEYS: Final = frozenset("?lrvhbsq")
SHORT: Final = 500
"""Characters: a text that may be longer is written on several lines."""


class Key(NamedTuple):
    """A key was written instead of an answer."""

    letter: str


class Again(Exception):
    """What was written is no answer; the message says why, and is for the reader."""


Holds: TypeAlias = Callable[[str], Mapping[str, object]]
"""Answers where something that was typed belongs in the form."""


class Begun:
    """What has been answered so far, and what is being written: all that a lost terminal may not lose."""

    def __init__(self, form: Mapping[str, object]) -> None:
        self.form: dict[str, object] = dict(form)
        self._holds: Holds | None = None

    def nothing(self) -> None:
        """No answer is being written."""
        self._holds = None

    def writing(self, holds: Holds, before: Sequence[str] = ()) -> None:
        """A line is being written, after some that have been: say where it would belong."""
        lines = [*before]
        self._holds = lambda typed: holds("\n".join([*lines, *([typed] if typed else [])])) if lines or typed else {}

    def written(self, holds: Holds, text: str) -> None:
        """A line has been written, and is still to be read or confirmed."""
        self._holds = lambda _: holds(text) if text else {}

    def rows(self, name: str, rows: Sequence[Mapping[str, object]]) -> None:
        """The rows of a list so far; a list of none is no answer yet."""
        self.nothing()
        if rows:
            self.form[name] = list(rows)
        else:
            self.form.pop(name, None)

    def whole(self, typed: str = "") -> dict[str, object]:
        """The answers with what has been typed and not sent yet."""
        return {**self.form, **(self._holds(typed) if self._holds is not None else {})}


Wrong: TypeAlias = Callable[[str, object], Sequence[Reason]]
"""What is wrong with an answer to a question, by the form itself."""


class Questioner:
    """Asks the questions of one form.

    Args:
        voice: the texts.
        fields: the form's questions.
        wrong: what the form has against an answer.
        begun: where answers in the making are kept.
    """

    def __init__(self, voice: Voice, fields: Mapping[str, Field], wrong: Wrong, begun: Begun) -> None:
        self.voice, self.fields, self.wrong, self.begun = voice, fields, wrong, begun

    def ask(self, name: str, number: int, before: Sequence[str] = ()) -> Talk:
        """Ask one question until it has an answer or a key was written.

        Returns:
            The answer as a JSON value, None for "not known" and for what was skipped; or the ``Key``.
        """
        field = self.fields[name]
        said = [*before, "", self.voice.word("question", number=number, title=field.title)]
        said += self._about(field)
        if field.type == "list":
            return (yield from self._list(name, field, said))
        stands = self.begun.form.get(name)
        known = name in self.begun.form and stands is not None and not self.wrong(name, stands)
        if stands is not None:
            said.append(self.voice.word("as_it_stands" if known else "begun", value=self.voice.value(field, stands)))
        heard = yield from self._one(
            name,
            field,
            said,
            wrong=lambda value: self.wrong(name, value),
            holds=lambda typed: {name: typed},
            known=stands if known else None,
        )
        return heard

    def _about(self, field: Field) -> Iterator[str]:
        if field.part in {"decision", "protected"}:
            yield self.voice.word(field.part)
        if not field.required:
            yield self.voice.word("optional")
        yield from _how(field, self.voice)

    def _one(
        self,
        about: str,
        field: Field,
        said: Sequence[str],
        *,
        wrong: Callable[[object], Sequence[Reason]],
        holds: Holds,
        known: object = None,
    ) -> Talk:
        """Hear one answer that is no list."""
        lines, voice = [*said], self.voice
        while True:
            self.begun.writing(holds)
            text: str = (yield Said(tuple(lines), voice.word("answer"), about)).strip()
            lines = []
            self.begun.written(holds, text)
            if text.lower() in KEYS:
                self.begun.nothing()
                return Key(text.lower())
            if not text:
                if known is not None or not field.required:
                    self.begun.nothing()
                    return known
                lines = [voice.word("required")]
                continue
            if voice.means("unknown", text):
                self.begun.nothing()
                return None
            try:
                value, lines = yield from self._read(about, field, text, holds)
            except Again as no:
                lines = [str(no)]
                continue
            against = wrong(value)
            if not against:
                self.begun.nothing()
                return value
            lines = _reasons(against, voice)

    def _lines(self, about: str, first: str, holds: Holds) -> Generator[Said, str, str]:
        """The rest of a text, up to an empty line."""
        written = [first]
        while True:
            self.begun.writing(holds, written)
            line = yield Said((), "", about)
            if not line.strip():
                return "\n".join(written)
            written.append(line.rstrip())

    def _read(
        self, about: str, field: Field, text: str, holds: Holds
    ) -> Generator[Said, str, tuple[object, list[str]]]:
        """What was written as a value; what was inferred is confirmed first."""
        if field.type == "text" and field.longest > SHORT:
            return (yield from self._lines(about, text, holds)), []
        if field.type in {"date", "instant"}:
            value, said, inferred = read_when(field, text, self.voice)
            if inferred:
                yield from confirmed(self.voice, [self.voice.word("read_as_right", value=said)])
                return value, []
            return value, [self.voice.word("read_as", value=said)]
        return typed(field, text, self.voice), []

    # ---- lists ----------------------------------------------------------------------------------------------------

    def _list(self, name: str, field: Field, said: list[str]) -> Talk:
        """Rows, one after the other, each with the same questions."""
        columns, voice = field.rows or {}, self.voice
        rows, row = self._rows(name, columns)
        while True:
            if not row:
                self.begun.rows(name, rows)
                word = voice.word("row_more", count=len(rows)) if rows else voice.word("row_first")
                text = (yield Said((*said, word), voice.word("yes_or_no"), f"{name}[]")).strip()
                said = []
                if text.lower() in KEYS:
                    return Key(text.lower())
                if voice.means("unknown", text) and not rows:
                    return None
                if voice.means("no", text):
                    against = self.wrong(name, rows)
                    if not against:
                        return rows
                    said = _reasons(against, voice)
                    continue
                if voice.means("throw", text):
                    rows = []
                    continue
                if not voice.means("yes", text):
                    said = [voice.word("not_yes_or_no")]
                    continue
            key = yield from self._row(name, columns, rows, row, said)
            if key is not None:
                return key
            rows, row, said = [*rows, *([row] if row else [])], {}, []

    def _row(
        self,
        name: str,
        columns: Mapping[str, Field],
        rows: Sequence[Mapping[str, object]],
        row: dict[str, object],
        before: Sequence[str],
    ) -> Generator[Said, str, Key | None]:
        for column, inner in columns.items():
            if column in row:
                continue
            said = [*before, self.voice.word("row", number=len(rows) + 1, title=inner.title), *self._about(inner)]
            before = []

            def holds(typed: str, column: str = column) -> Mapping[str, object]:
                return {name: [*rows, {**row, column: typed}]}

            def against(value: object, column: str = column) -> Sequence[Reason]:
                return self._against(name, column, value)

            heard = yield from self._one(f"{name}.{column}", inner, said, wrong=against, holds=holds)
            if isinstance(heard, Key):
                return heard
            if heard is not None:
                row[column] = heard
                self.begun.rows(name, [*rows, dict(row)])
        return None

    def _against(self, name: str, column: str, value: object) -> Sequence[Reason]:
        """What is wrong with one answer in a row."""
        found = self.wrong(name, [{column: value}])
        return [one for one in found if one.kind == "invalid" and (one.about or "").endswith(f".{column}")]

    def _rows(self, name: str, columns: Mapping[str, Field]) -> tuple[list[dict[str, object]], dict[str, object]]:
        """The rows there are, and the one that was begun, as far as it can be read."""
        found = self.begun.form.get(name)
        rows = (
            [dict(cast("Mapping[str, object]", one)) for one in cast("list[object]", found)]
            if isinstance(found, list)
            else []
        )
        if not rows:
            return [], {}
        last = {column: value for column, value in rows[-1].items() if not self._against(name, column, value)}
        whole = {column for column, inner in columns.items() if inner.required}
        return (rows, {}) if last == rows[-1] and whole <= last.keys() else (rows[:-1], last)


def _reasons(against: Sequence[Reason], voice: Voice) -> list[str]:
    return [line for one in against for line in (one.text(voice.lang), one.remedy(voice.lang))]


def confirmed(voice: Voice, lines: Sequence[str]) -> Generator[Said, str, None]:
    """Ask whether something was understood right; anything but yes and no is asked again.

    Raises:
        Again: it was not.
    """
    said = tuple(lines)
    while True:
        text = (yield Said(said, voice.word("yes_or_no"), "right")).strip()
        if voice.means("yes", text):
            return
        if voice.means("no", text):
            raise Again(voice.word("required"))
        said = (voice.word("not_yes_or_no"),)


def read_when(field: Field, text: str, voice: Voice) -> tuple[str, str, bool]:
    """A day or an instant: its value, how it is read back, and whether part of it was inferred.

    Raises:
        Again: with what was unclear.
    """
    words, lang, now = voice.words, voice.lang, voice.clock()
    try:
        if field.type == "date":
            day = read_day(text, today=local_day(now), words=words, lang=lang, past=field.past)
            return day.day.isoformat(), say_day(day.day, local_day(now), words, lang), day.inferred
        moment = read_moment(text, now=now, words=words, lang=lang, past=field.past)
    except Unclear as no:
        raise Again(say_unclear(no, words, lang)) from None
    return moment.at.isoformat(), say_moment(moment.at, now, words, lang), moment.inferred


def typed(field: Field, text: str, voice: Voice) -> object:
    """What was written, as the form's own type.

    Raises:
        Again: it is none.
    """
    match field.type:
        case "boolean":
            if voice.means("yes", text) or voice.means("no", text):
                return voice.means("yes", text)
            raise Again(voice.word("not_yes_or_no"))
        case "number":
            if text.removeprefix("-").isdecimal() and len(text) <= LONGEST_NUMBER:
                return int(text)
            raise Again(voice.word("not_a_number"))
        case "choice":
            chosen = [_option(field, one, voice) for one in text.replace(",", " ").split()] if field.multiple else []
            return list(dict.fromkeys(chosen)) if field.multiple else _option(field, text, voice)
        case "actor":
            return voice.me if voice.means("me", text) else text
        case _:
            return text


def _option(field: Field, text: str, voice: Voice) -> str:
    """An option by its number, or by its own words."""
    options = field.of or {}
    names = list(options)
    if text.isdecimal() and len(text) < LONGEST_NUMBER and 1 <= int(text) <= len(names):
        return names[int(text) - 1]
    said = [name for name, title in options.items() if text.lower() in {title("sv").lower(), title("en").lower()}]
    if len(said) != 1:
        raise Again(voice.word("not_one"))
    return said[0]


def _how(field: Field, voice: Voice) -> Iterator[str]:
    """How an answer is written, with the options there are."""
    for number, option in enumerate((field.of or {}).values(), 1):
        yield f"  {number}. {option(voice.lang)}"
    if field.type == "text":
        yield voice.word("how.text" if field.longest > SHORT else "how.short")
    elif field.type != "list":
        yield voice.word("how.choices" if field.multiple else f"how.{field.type}")
