"""Says a condition in plain words. The words themselves stand in definitions/texts/conditions.yaml."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .condition_tree import And, Comparison, Constant, Flag, Name, Node, Not, Operator, Or, Quantified, settled
from .facttypes import Kind

_PHRASES: Mapping[Operator, str] = {
    "==": "equal",
    "!=": "unequal",
    "in": "one_of",
    "not in": "none_of",
    "has": "has",
    "has not": "has_not",
}
_NUMBERS: Mapping[Operator, str] = {"<": "less", "<=": "at_most", ">": "more", ">=": "at_least"}
_TIMES: Mapping[Operator, str] = {"<": "before", "<=": "at_latest", ">": "after", ">=": "at_earliest"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """What is needed to speak one language about the facts of one routine.

    words    the phrases of definitions/texts/conditions.yaml in that language, by id
    titles   by path: ``protection.need``; a field in a list's rows is ``family.children.age``
    options  the titles of choices' options, by path and option
    A title that is missing is spoken by its path, an option by its id.
    """

    words: Mapping[str, str]
    titles: Mapping[str, str]
    options: Mapping[tuple[str, str], str]

    def title(self, name: Name) -> str:
        return self.titles.get(name.path, name.path)

    def phrase(self, phrase: str, **parts: object) -> str:
        return self.words[phrase].format(**parts)

    def say(self, node: Node) -> str:
        return self._settled(settled(node))

    def _settled(self, node: Node) -> str:
        match node:
            case Flag(name, wanted):
                return self.phrase("is_yes" if wanted else "is_no", name=self.title(name))
            case Comparison(name, op, right):
                return self.phrase(_phrase(name.type.kind, op), name=self.title(name), value=self._value(name, right))
            case And(parts) | Or(parts):
                word = "and" if isinstance(node, And) else "or"
                return self._joined([self._inner(part) for part in parts], word)
            case Quantified():
                where = "" if node.where is None else self.phrase("where", where=self._inner(node.where))
                phrase = "each" if node.every else "any"
                return self.phrase(phrase, list=self.title(node.over), where=where, holds=self._inner(node.holds))
            case Not():  # pragma: no cover - a settled condition holds none
                raise AssertionError(node)

    def _inner(self, node: Node) -> str:
        said = self._settled(node)
        return said if isinstance(node, Flag | Comparison) else self.phrase("group", condition=said)

    def _value(self, name: Name, right: Name | Constant | tuple[Constant, ...]) -> str:
        match right:
            case Name():
                return self.title(right)
            case tuple():
                return self._joined([self._value(name, item) for item in right], "or")
            case _:
                return self.options.get((name.path, str(right)), str(right))

    def _joined(self, said: Sequence[str], word: str) -> str:
        if len(said) == 1:
            return said[0]
        return f"{', '.join(said[:-1])} {self.words[word]} {said[-1]}"


def _phrase(kind: Kind, op: Operator) -> str:
    return _PHRASES.get(op) or (_NUMBERS if kind == "number" else _TIMES)[op]
