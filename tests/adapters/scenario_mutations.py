"""Turns each expectation of a scenario into a wrong one, with the place where that must be noticed."""

from collections.abc import Iterator
from copy import deepcopy
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, NamedTuple, cast

from stegvis.routines.form import locates
from stegvis.routines.library import Library
from stegvis.routines.reader import Document, Json
from stegvis.routines.scenario import ACTIONS
from stegvis.routines.scenario_checks import names_of

Path = tuple[str | int, ...]
Then = dict[str, Any]


class Mutant(NamedTuple):
    """A scenario with wrong expectations, at most one a step; ``paths`` lead to what is wrong."""

    paths: list[Path]
    document: Document


def mutants(document: Document, library: Library) -> Iterator[Mutant]:
    """Every expectation of the scenario made wrong once. What a step expects changes nothing for the other steps."""
    wrong = _Wrong(document, library)
    steps = cast("list[Then]", cast("Then", document.data)["steps"])
    for round_ in zip_longest(*(list(wrong.of(step.get("then", {}))) for step in steps)):
        data = deepcopy(cast("Then", document.data))
        paths: list[Path] = []
        for number, found in enumerate(round_):
            if found is not None:
                path, change = found
                change(cast("Then", data["steps"][number]["then"]))
                action = next(one for one in ACTIONS if one in steps[number])
                paths.append(("steps", number, "then", *path) if path else ("steps", number, action))
        yield Mutant(paths, Document(document.name, cast("Json", data), document.marks))


class _Put:
    """A change of one place inside ``then``; ``DROP`` takes it away."""

    DROP = object()

    def __init__(self, *changes: tuple[Path, object]) -> None:
        self.changes = changes

    def __call__(self, then: Then) -> None:
        for path, value in self.changes:
            inside: Any = then
            for part in path[:-1]:
                inside = cast("Then", inside).setdefault(str(part), {})
            if value is _Put.DROP:
                del inside[path[-1]]
            else:
                inside[path[-1]] = value


Change = tuple[Path, _Put]


class _Wrong:
    def __init__(self, document: Document, library: Library) -> None:
        self.library = library
        self.names = names_of(library)
        self.actors = list(cast("dict[str, Any]", cast("Then", document.data)["actors"]))

    def of(self, then: Then) -> Iterator[Change]:
        for key, value in then.items():
            yield from cast("Iterator[Change]", getattr(self, f"_{key}")(key, value, then))

    def _other(self, known: frozenset[str], value: str) -> str:
        return min(known - {value})

    def _state(self, key: str, value: str, then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), self._other(self.names.states, value)))

    def _runs(self, key: str, value: dict[str, str], then: Then) -> Iterator[Change]:
        there = frozenset(value.values())
        for routine in value:
            wrong = min(self.names.states - there)
            yield (key, routine), _Put(((key, routine), wrong))

    def _flag(self, key: str, value: bool, then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), not value))

    _ended = _acute = _listed = _flag

    def _count(self, key: str, value: int, then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), value + 1))

    _version = _delivered = _changed = _count

    def _holder(self, key: str, value: str | None, then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), None if value is not None else self.actors[0]))

    def _met(self, key: str, value: dict[str, str], then: Then) -> Iterator[Change]:
        for name, how in value.items():
            yield (key, name), _Put(((key, name), "late" if how == "kept" else "kept"))

    def _sent(self, key: str, value: dict[str, str], then: Then) -> Iterator[Change]:
        for name, status in value.items():
            yield (key, name), _Put(((key, name), "done" if status != "done" else "sent"))

    def _owed(self, key: str, value: list[str], then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), value[1:] if value else [min(self.names.steps)]))

    def _deadlines(self, key: str, value: dict[str, dict[str, Any] | None], then: Then) -> Iterator[Change]:
        for name, expected in value.items():
            yield (key, name), _Put(((key, name), None if expected is not None else {}))
            for part, was in (expected or {}).items():
                yield (key, name, part), _Put(((key, name, part), self._part(part, was)))

    def _part(self, part: str, was: object) -> object:
        if part in {"passed", "moved"}:
            return not was
        if part == "cites":
            return "99 kap."
        if part == "law":
            return self._other(frozenset(self.library.law.laws), str(was))
        if was is None:
            return "2020-01-01T00:00+01:00"
        return (datetime.fromisoformat(str(was)) + timedelta(minutes=1)).isoformat(timespec="minutes")

    def _refused(self, key: str, value: list[object], then: Then) -> Iterator[Change]:
        yield (), _Put(((key,), _Put.DROP))
        yield (key, len(value)), _Put(((key,), [*value, "never_heard_of"]))
        for number, one in enumerate(value):
            code = cast("dict[str, str]", one)["code"] if isinstance(one, dict) else str(one)
            yield (key, number), _Put(((key, number), {"code": code, "about": "never_heard_of"}))
            if len(value) > 1:
                yield (key,), _Put(((key,), [*value[:number], *value[number + 1 :]]))

    def _elsewhere(self, step: str) -> str:
        """A step of another routine only."""
        for versions in self.library.versions.values():
            steps = {trigger for moves in versions[0].moves.values() for trigger in moves}
            if step not in steps:
                theirs = {
                    t for v in self.library.versions.values() for m in v[0].moves.values() if step in m for t in m
                }
                return min(steps - theirs)
        raise AssertionError(step)

    def _open(self, key: str, value: list[str], then: Then) -> Iterator[Change]:
        for number, step in enumerate(value):
            yield (key, number), _Put(((key, number), self._elsewhere(step)))
            yield ("closed", step), _Put((("closed", step), ["role"]))

    def _closed(self, key: str, value: dict[str, list[str]], then: Then) -> Iterator[Change]:
        for step, codes in value.items():
            yield (key, step), _Put(((key, step), [*codes, "never_heard_of"]))
            yield (key, step), _Put(((key, step), codes[1:]))
            yield ("open", len(then.get("open", ()))), _Put((("open",), [*then.get("open", ()), step]))

    def _cites(self, key: str, value: dict[str, str], then: Then) -> Iterator[Change]:
        for step in value:
            yield (key, step), _Put(((key, step), "99 kap."))

    def _corrected(self, key: str, value: dict[str, list[str]], then: Then) -> Iterator[Change]:
        for fact, steps in value.items():
            yield (key, fact), _Put(((key, fact), [*steps, "open"]))
            yield (key, fact), _Put(((key, fact), steps[1:] if steps else ["open"]))

    def _turned(self, key: str, value: list[str], then: Then) -> Iterator[Change]:
        other = {"sees": "not_sees", "not_sees": "sees", "shows": "hides", "hides": "shows"}[key]
        for one in value:
            there = [*then.get(other, ()), one]
            yield (other, len(there) - 1), _Put(((other,), there))

    _sees = _not_sees = _shows = _hides = _turned

    def _identity(self, key: str, value: str, then: Then) -> Iterator[Change]:
        yield (key,), _Put(((key,), "none" if value != "none" else "stated"))

    def _hidden(self, key: str, value: list[str], then: Then) -> Iterator[Change]:
        # An answer that is a yes or a no leads nowhere, and is never hidden.
        shown = min(
            f"{form}.{name}"
            for versions in self.library.versions.values()
            for form, asked in versions[0].routine.forms.items()
            for name, field in asked.fields.items()
            if field.type == "boolean" and not locates(field)
        )
        yield (key, len(value)), _Put(((key,), [*value, shown]))

    def _reach(self, key: str, value: dict[str, bool], then: Then) -> Iterator[Change]:
        for person, one in value.items():
            yield (key, person), _Put(((key, person), not one))

    def _contact(self, key: str, value: dict[str, str], then: Then) -> Iterator[Change]:
        for person, one in value.items():
            yield (key, person), _Put(((key, person), "may" if one != "may" else "undecided"))
