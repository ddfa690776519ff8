"""Tells a scenario while it is played: who does what and when, what they see first, and every reason of a refusal."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import cast

from stegvis.engine.guide import Guide
from stegvis.engine.saying import say_instant, say_value
from stegvis.engine.values import Reason, Run
from stegvis.routines.errors import StegvisError
from stegvis.routines.findings import Finding
from stegvis.routines.form import Field, Value
from stegvis.routines.library import Library
from stegvis.routines.rules import Move
from stegvis.routines.scenario import Acting, Change, Correct, Deliver, Explain, Lists, Look, Open, Scenario, Take, Tick
from stegvis.routines.text import Lang, Text, fill, plain

_ALWAYS = 2
"""Paragraphs of a guide that are always shown whole: its heading, and what to do now."""
_NUMBER = re.compile(r"^ +\d+\. ")
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _items(lines: list[str]) -> Iterator[list[str]]:
    """The lines of a list, item by item; what is indented deeper belongs to the item above."""
    item: list[str] = []
    for line in lines:
        if item and not line.startswith("    "):
            yield item
            item = []
        item.append(line)
    if item:
        yield item


class Story:
    """Says what happens, line by line; says nothing when nobody listens."""

    def __init__(self, library: Library, lang: Lang, show: Callable[[str], None] | None) -> None:
        self.library, self.show = library, show
        self.lang: Lang = lang
        self._seen: dict[tuple[str, str], str] = {}
        self._told: dict[str, set[str]] = {}

    def _say(self, line: str = "", *, indent: int = 0) -> None:
        if self.show is not None:
            self.show((" " * indent + line).rstrip())

    def _word(self, name: str, **places: Text | str | int) -> str:
        return fill(self.library.words[f"scenarios.{name}"], places)(self.lang)

    def begin(self, scenario: Scenario) -> None:
        self._say(f"{self._word('scenario')}: {scenario.title(self.lang)}")
        self._say(scenario.tells(self.lang))

    def step(self, number: int, moment: datetime, says: Text | None) -> None:
        self._say()
        heading = self._word(
            "step", number=number, day=self._word(_DAYS[moment.weekday()]), when=f"{moment:%Y-%m-%d %H:%M}"
        )
        self._say(f"━━ {heading} {'━' * max(2, 70 - len(heading))}")
        if says is not None:
            self._say(says(self.lang))

    def guide(self, who: Text, step: Acting, guide: Guide) -> None:
        """The guide, or that it is the one this person saw last."""
        if self.show is None:
            return
        same = self._seen.get((step.who, guide.run)) == guide.digest
        self._seen[step.who, guide.run] = guide.digest
        self._say(self._word("sees_same" if same else "sees", who=who))
        if not same:
            new = guide.routine not in self._told
            for line in self._folded(guide) if new or isinstance(step, Look) else self._brief(guide):
                self._say(f"│ {line}", indent=2)

    def _folded(self, guide: Guide) -> Iterator[str]:
        """The guide's lines. Of what it knows and offers, items that this story has shown before are only counted."""
        told = self._told.setdefault(guide.routine, set())
        whole = {self._headed("never"), self._headed("proposed")}
        for number, paragraph in enumerate(guide.text(self.lang).split("\n\n")):
            lines = paragraph.splitlines()
            if number:
                yield ""
            yield lines[0]
            if number < _ALWAYS or lines[0] in whole:
                yield from lines[1:]
                told.update(lines)
                continue
            items = [(self._gist(item), item) for item in _items(lines[1:])]
            for old, group in groupby(items, lambda one: one[0] in told):
                same = list(group)
                if old:
                    yield "  ⋮ " + self._word("folded", count=len(same))
                else:
                    yield from (line for _, item in same for line in item)
            told.update(gist for gist, _ in items)

    def _brief(self, guide: Guide) -> Iterator[str]:
        """Of a routine that the reader has met: what is new about now, and always what must not be done."""
        told = self._told[guide.routine]
        for number, paragraph in enumerate(guide.text(self.lang).split("\n\n")):
            heading, *lines = paragraph.splitlines()
            if number < _ALWAYS:
                yield from (line for line in (heading, *lines) if line not in told)
                told.update([heading, *lines])
            elif heading == self._headed("never"):
                yield heading
                yield from (line for line in lines if line.startswith(" ") or line not in told)
                told.update(lines)
        yield "⋮ " + self._word("shortened")

    def _headed(self, name: str) -> str:
        return self.library.words[f"guide.{name}"](self.lang) + ":"

    def _gist(self, item: list[str]) -> str:
        """What makes an item of a guide another one: not its number, nor where a step leads from just here."""
        leads = self.library.words["guide.leads"](self.lang)
        return "\n".join(_NUMBER.sub("", line) for line in item if not line.strip().startswith(leads))

    def chooses(self, who: Text, step: Acting, guide: Guide | None) -> None:
        """What somebody is about to do, with their answers. Scenarios are invented, so the answers may be shown."""
        if self.show is None:
            return
        match step:
            case Open():
                rules = next(iter(self.library.versions[step.open]))
                self._say(self._word("opens", who=who, step=rules.routine.title))
                self._answers(step.form, rules.opening.fields)
            case Take():
                if step.last_look:
                    self._say(self._word("unseen", who=who))
                self._say(self._word("takes", who=who, step=self._title(step.take, guide)))
                self._answers(step.form, self._fields(step.take, guide))
                for why in step.overrides.values():
                    self._say(self._word("overrides", why=why), indent=4)
            case Explain():
                self._say(self._word("asks", who=who, step=self._title(step.explain, guide)))
            case Correct():
                self._say(self._word("corrects", who=who))
            case Change():
                self._say(self._word("changes", who=who, change=self.library.words[f"scenarios.change.{step.change}"]))
                if step.reason is not None:
                    self._say(self._word("why", why=step.reason), indent=4)
            case Look() if guide is None:
                self._say(self._word("looks", who=who))
            case _:
                pass

    def _title(self, trigger: str, guide: Guide | None) -> Text:
        shown = (
            next((one.title for one in guide.actions if one.trigger == trigger), None) if guide is not None else None
        )
        return shown or next((move.step.title for move in self._moves(trigger, guide)), plain(trigger))

    def _fields(self, trigger: str, guide: Guide | None) -> Mapping[str, Field]:
        if trigger == "acute" and guide is not None:
            acute = self.library.versions[guide.routine][0].routine.acute
            return self.library.versions[acute.routine][0].opening.fields if acute is not None else dict[str, Field]()
        return next((move.fields for move in self._moves(trigger, guide)), dict[str, Field]())

    def _moves(self, trigger: str, guide: Guide | None) -> Iterator[Move]:
        """The steps of that name, in the routine that is looked at or in any."""
        named = [guide.routine] if guide is not None else []
        for routine in (*named, *self.library.versions):
            for moves in self.library.versions[routine][0].moves.values():
                if trigger in moves:
                    yield moves[trigger]

    def _answers(self, form: Mapping[str, object], fields: Mapping[str, Field]) -> None:
        for name, value in form.items():
            field = fields.get(name)
            if field is None:
                self._say(f"{name}: ?", indent=4)
            elif field.rows is not None and isinstance(value, list | tuple):
                self._say(f"{field.title(self.lang)}:", indent=4)
                for row in cast("list[Mapping[str, object]]", value):
                    self._say("- " + "; ".join(self._answer(row, field.rows)), indent=6)
            else:
                self._say(f"{field.title(self.lang)}: {self._value(field, value)}", indent=4)

    def _answer(self, form: Mapping[str, object], fields: Mapping[str, Field]) -> Iterator[str]:
        for name, value in form.items():
            field = fields.get(name)
            if field is not None:
                yield f"{field.title(self.lang)}: {self._value(field, value)}"

    def _value(self, field: Field, value: object) -> str:
        if value is None:
            return "?"
        if field.type == "instant" and isinstance(value, str):
            return say_instant(value)
        try:
            return say_value(field, cast("Value", value), self.library.words)(self.lang)
        except KeyError:  # not one of the choices, which the engine is about to say
            return str(value)

    def refused(self, reasons: Sequence[Reason]) -> None:
        """Every reason, each with what would remove it."""
        self._say(self._word("refused"), indent=2)
        for one in reasons:
            self._say("✗ " + self._word("because", says=one.says), indent=4)
            self._say("→ " + self._word("remedy", do=one.do), indent=6)

    def error(self, error: StegvisError) -> None:
        """What could not even be judged."""
        self._say(self._word("refused"), indent=2)
        says, do = f"scenarios.{error.reason}", f"scenarios.{error.reason}_do"
        if says not in self.library.words:
            self._say("✗ " + self._word("error", code=error.reason), indent=4)
            return
        self._say("✗ " + self._word("because", says=self.library.words[says]), indent=4)
        self._say("→ " + self._word("remedy", do=self.library.words[do]), indent=6)

    def listed(self, step: Lists, count: int) -> None:
        """What a list holds of this story's cases."""
        self._say(self._word(f"list_{step.lists}", count=count))

    def allowed(self) -> None:
        self._say(self._word("allowed"), indent=2)

    def stands(self, run: Run) -> None:
        """Where the run stands now."""
        rules = self.library.pinned(run.rules)
        if rules is not None:
            spot = rules.spots[run.state]
            state = rules.routine.states[spot.origin]
            title = state.end.title if state.end is not None else state.now
            if spot.awaiting is not None:
                step = next(move.step.title for move in rules.moves[run.state].values() if move.base == spot.awaiting)
                title = fill(self.library.words["guide.awaiting"], {"step": step})
            self._say("✓ " + self._word("stands", state=title) + f" [{run.state}]", indent=2)

    def passed(self, step: Deliver | Tick, count: int) -> None:
        """What happened by itself."""
        name = step.deliver if isinstance(step, Deliver) else step.tick
        word = "delivered" if isinstance(step, Deliver) else "ticked"
        self._say(self._word(word, organisation=self.library.organisations.organisations[name].title, count=count))

    def failed(self, finding: Finding) -> None:
        """What did not hold."""
        said = "{file}:{line}: {what}, {expected} / {seen}".format(
            file=finding.file, line=finding.mark.line, **finding.details
        )
        self._say("✗✗ " + self._word("missed", what=said), indent=2)
