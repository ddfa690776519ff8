"""What is true of a routine's facts whatever is answered, so that a survey of conditions tries only what can happen.

A number lies within its limits, a question is answered only where it is asked, what is known to be unknown has no
value, and a derived fact is what it is derived from.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from ..condition import Condition, whole
from ..condition_tree import And, Comparison, Flag, Name, Node, Not, Or, Quantified, names_in, settled
from ..facttypes import Facts
from .places import Subject

_Flags: TypeAlias = Mapping[str, Iterable[Name]]


class Ground:
    """Conditions of one routine made ready for a survey.

    What is made ready is true where the condition is true, and false where it is false or cannot be known.
    """

    def __init__(self, about: Subject) -> None:
        self.about = about
        self.fields = {f"{one.form}.{one.name}": one.field for one in about.fields if one.form and not one.row}
        self.holds = {
            name: about.parsed(one.holds).tree for name, one in about.routine.derived.items() if one.holds is not None
        }
        self.asked = {fact: about.parsed(one.when).tree for fact, one in self.fields.items() if one.when is not None}

    def ready(self, nodes: Sequence[Node], rest: Sequence[Node] | None = None) -> list[Condition]:
        """Conditions to survey together, within what is true of the facts.

        Args:
            rest: when given, one more: true wherever these do not all hold.
        """
        flags = self._flags(nodes)
        spread = [self._spread(settled(node), flags, ()) for node in [*nodes, *(rest or ())]]
        limits = self._limits(spread)
        made = [_both([node, *limits]) for node in spread[: len(nodes)]]
        if rest is not None and (rest or limits):
            made.append(Not(_both([*spread[len(nodes) :], *limits])))
        return [whole(node) for node in made]

    def plain(self, node: Node) -> bool:
        """Whether there is nothing to make ready: any values can go together."""
        whole = settled(node)
        return self._spread(whole, self._flags([node]), ()) == whole and not self._limits([whole])

    def example(self, facts: Facts) -> str:
        """Facts as they are told in a finding: made up from the conditions, never anybody's."""
        return ", ".join(f"{name} = {_told(value)}" for name, value in facts.items()) or "-"

    def _spread(self, node: Node, flags: _Flags, inside: tuple[str, ...]) -> Node:
        match node:
            case And(parts) | Or(parts):
                return replace(node, parts=tuple(self._spread(part, flags, inside) for part in parts))
            case Quantified(where=where):
                holds = self._spread(node.holds, flags, inside)
                spread = replace(node, holds=holds, where=where and self._spread(where, flags, inside))
                return self._where_asked(spread, [node.over], flags, inside)
            case Flag(name, wanted) if name.text in self.holds:
                return self._spread(settled(self.holds[name.text], wanted=wanted), flags, inside)
            case Flag(name):
                return self._where_asked(node, [name], flags, inside)
            case Comparison(name, _, right):
                return self._where_asked(node, [name, right] if isinstance(right, Name) else [name], flags, inside)
            case Not():
                raise AssertionError(node)

    def _where_asked(self, node: Node, names: Iterable[Name], flags: _Flags, inside: tuple[str, ...]) -> Node:
        parts = [node]
        for fact in dict.fromkeys(name.root for name in names):
            if fact in self.asked and fact not in inside:
                parts.append(self._spread(settled(self.asked[fact]), flags, (*inside, fact)))
            parts.extend(Flag(flag) for flag in flags.get(fact, ()))
        return _both(parts)

    def _flags(self, nodes: Sequence[Node]) -> _Flags:
        """The derived facts named here that tell whether another is known."""
        flags: dict[str, dict[Name, None]] = {}
        for name in (name for node in nodes for name in names_in(node)):
            one = self.about.routine.derived.get(name.text)
            if one is not None and one.known is not None:
                flags.setdefault(one.known, {})[name] = None
        return flags

    def _limits(self, spread: Sequence[Node]) -> list[Node]:
        names = {name.text: name for node in spread for name in names_in(node) if name.text == name.root}
        limits: list[Node] = []
        for text, name in names.items():
            one, derived = self.fields.get(text), self.about.routine.derived.get(text)
            least = 0 if derived is not None and derived.earlier is not None else one.least if one is not None else None
            if least is not None:
                limits.append(Comparison(name, ">=", least))
            if one is not None and one.most is not None:
                limits.append(Comparison(name, "<=", one.most))
        return limits

    def tangled(self, conditions: Sequence[Condition]) -> bool:
        """Whether facts are named together that rest on one and the same, as a birth date and an age do.

        A survey then tries values that never come together: what it does not find is not there, but what it finds need
        not be either.
        """
        rests: list[str] = []
        for text in {name for condition in conditions for name in condition.names}:
            derived = self.about.routine.derived.get(text)
            if derived is None:
                rests.append(text)
            elif derived.known is not None:
                rests.extend([derived.known] if derived.known in self.about.routine.derived else [])
            else:
                rests.append(derived.age_group or derived.since or text)
        return len(set(rests)) < len(rests)


def _both(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else And(tuple(nodes))


def _told(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_told(one)}" for name, one in value.items()) + "}"  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_told, value)) + "]"  # pyright: ignore[reportUnknownArgumentType]
    return str(value).lower() if isinstance(value, bool) else str(value)
