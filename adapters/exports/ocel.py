"""OCEL 2.0 as JSON: an event for every record of a case, related to the case, the run, people's keys and deadlines.

Every value is text, since readers refuse numbers where the standard's own schema allows text alone. Every object is
related to an event, since readers drop those that are not; and at most once to each, in as many words as it takes,
since readers keep one relation between two.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, TextIO

from .happenings import Happening, Log

_EVENT: Final = ("routine", "step", "from", "to", "role", "unit", "entered")
_DEADLINE: Final = ("law", "shown", "internal", "legal", "crit", "closed")
OBJECTS: Final[Mapping[str, tuple[str, ...]]] = {
    "case": (),
    "run": ("routine",),
    "actor": (),
    "person": (),
    "deadline": _DEADLINE,
}
"""Types of objects, and what each may have."""


class _Objects:
    """The objects that events have named so far."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}

    def named(self, kind: str, key: str, one: Happening, values: Mapping[str, str], **of: str) -> str:
        """The id of an object that is there from now on, with these values since then."""
        id_ = f"{kind}:{key}"
        found = self.known.setdefault(id_, {"id": id_, "type": kind, "attributes": [], "relationships": []})
        found["attributes"] += [
            {"name": name, "time": one.happened, "value": value}
            for name, value in values.items()
            if value and name in OBJECTS[kind]
        ]
        links = [{"objectId": other, "qualifier": qualifier} for qualifier, other in of.items()]
        found["relationships"] += [link for link in links if link not in found["relationships"]]
        return id_


def write_ocel(log: Log, file: TextIO) -> int:
    """Write the cases of a log; answers how many events there are."""
    objects, kinds, count = _Objects(), dict[str, None](), 0
    file.write('{"events":[')
    for _, happenings in log.cases():
        for one in happenings:
            file.write(("," if count else "") + "\n" + json.dumps(_event(one, objects)))
            kinds[one.activity] = None
            count += 1
    file.write('\n],\n"objects":[')
    file.writelines(
        ("," if number else "") + "\n" + json.dumps(each) for number, each in enumerate(objects.known.values())
    )
    types = [(name, _EVENT) for name in kinds]
    file.write(f'\n],\n"eventTypes":{json.dumps(_types(types))},\n')
    file.write(f'"objectTypes":{json.dumps(_types(list(OBJECTS.items())))}}}\n')
    return count


def _types(known: Sequence[tuple[str, tuple[str, ...]]]) -> list[dict[str, object]]:
    return [{"name": name, "attributes": [{"name": one, "type": "string"} for one in has]} for name, has in known]


def _event(one: Happening, objects: _Objects) -> dict[str, object]:
    said = (one.routine, one.step, one.source, one.target, one.role, one.unit, one.entered)
    related = dict[str, list[str]]()
    for other, qualifier in _related(one, objects):
        related.setdefault(other, []).append(qualifier)
    return {
        "id": one.record,
        "type": one.activity,
        "time": one.happened,
        "attributes": [{"name": name, "value": value} for name, value in zip(_EVENT, said, strict=True) if value],
        "relationships": [{"objectId": other, "qualifier": " ".join(how)} for other, how in related.items()],
    }


def _related(one: Happening, objects: _Objects) -> list[tuple[str, str]]:
    """Every object that an event is about, and how."""
    case = objects.named("case", one.case, one, {})
    found = [(case, "in")]
    if one.run:
        first = f"run:{one.run}" not in objects.known
        run = objects.named("run", one.run, one, {"routine": one.routine} if first else {}, part_of=case)
        found.append((run, "of"))
        for due in one.due:
            key = f"{one.run}.{due['id']}"
            known = f"deadline:{key}" in objects.known
            how = "stops" if "closed" in due else "moves" if known else "starts"
            found.append((objects.named("deadline", key, one, due, of=run), how))
    found += [(objects.named("run", run, one, {}, part_of=case), "along") for run in one.along]
    if one.actor:
        found.append((objects.named("actor", one.actor, one, {}), "by"))
    if one.person:
        found.append((objects.named("person", one.person, one, {}), "about"))
    return found
