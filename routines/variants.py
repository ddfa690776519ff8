"""Makes ordinary routines of those that are written as what differs from another (``extends``).

The file is put together as data, with the place in its own file of every part, so that the checks, the digests and the
engine see a routine like any other, and a fault is told where it was written. What goes takes with it only what is
nothing without it: a step that led there alone, an answer that was carried, a deadline that nothing starts. What a
remaining question or guard reads is never taken away in silence; the checks refuse it where it stands.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Literal, NamedTuple, TypeAlias, cast

from .reader import Document, Json, Place, PlacedSpot
from .variant import HOW, OWN, Variant

_Children: TypeAlias = "dict[str, _Node] | list[_Node]"
_ROLES = frozenset({"by", "see", "escalate"})
"""Keys whose value is a list of roles."""
_LANGS = frozenset({"sv", "en"})
_HERE = "here"


class Fault(NamedTuple):
    """Why a variant is no routine, at a path of its own file."""

    rule: Literal["variant-nobody", "variant-nothing-there"]
    path: tuple[str | int, ...]
    details: Mapping[str, str]


class _Node:
    """A value with its place. ``value`` is a plain one, or the nodes inside."""

    __slots__ = ("key", "mine", "spot", "value")

    def __init__(self, value: "Json | _Children", key: PlacedSpot, spot: PlacedSpot, *, mine: bool = False) -> None:
        self.value = value
        self.key = key
        self.spot = spot
        self.mine = mine

    @property
    def named(self) -> "dict[str, _Node]":
        """What stands inside, by key; nothing for what is no mapping."""
        return cast("dict[str, _Node]", self.value) if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[_Node]":
        """What stands inside, in order; nothing for what is no list."""
        return cast("list[_Node]", self.value) if isinstance(self.value, list) else []

    def at(self, *way: str) -> "_Node | None":
        found: _Node | None = self
        for step in way:
            found = found.named.get(step) if found is not None else None
        return found

    def text(self, *way: str) -> str | None:
        found = self.at(*way)
        return found.value if found is not None and isinstance(found.value, str) else None

    def touched(self) -> bool:
        """Whether the variant's own file says anything here or inside."""
        return self.mine or any(one.touched() for one in (*self.named.values(), *self.items))


def extended(base: Document, document: Document, variant: Variant, allowed: Collection[str]) -> Document | list[Fault]:
    """The whole routine of a variant, or why there is none.

    Args:
        base: the routine that it extends, itself whole.
        document: the variant's file.
        allowed: the classes of field that may exist at every organisation of the variant.
    """
    whole, own = _tree(base, mine=False), _tree(document, mine=True)
    for key in OWN | HOW:
        whole.named.pop(key, None)
    faults = [*_without(whole, variant), *_cast(whole, variant), *_reworded(whole, variant)]
    if faults:
        return faults
    for key in HOW:
        own.named.pop(key, None)
    laid = _laid(whole, own)
    _profiled(laid, allowed)
    _pruned(laid)
    data, marks = _plain(laid)
    return Document(document.name, data, marks)


# ---- nodes and back --------------------------------------------------------------------------------------------------


def _tree(document: Document, *, mine: bool) -> _Node:
    def node(value: Json, place: Place) -> _Node:
        key, spot, inside = place
        at = (PlacedSpot.of(key, document.name), PlacedSpot.of(spot, document.name))
        if isinstance(value, dict):
            marks = cast("dict[str, Place]", inside)
            return _Node({name: node(one, marks[name]) for name, one in value.items()}, *at)
        if isinstance(value, list):
            rows = cast("list[Place]", inside)
            return _Node([node(one, where) for one, where in zip(value, rows, strict=True)], *at)
        return _Node(value, *at, mine=mine)

    return node(document.data, document.marks)


def _plain(node: _Node) -> tuple[Json, Place]:
    if isinstance(node.value, dict):
        inside = {name: _plain(one) for name, one in node.named.items()}
        data: Json = {name: value for name, (value, _) in inside.items()}
        return data, (node.key, node.spot, {name: place for name, (_, place) in inside.items()})
    if isinstance(node.value, list):
        rows = [_plain(one) for one in node.items]
        return [value for value, _ in rows], (node.key, node.spot, [place for _, place in rows])
    return node.value, (node.key, node.spot, None)


# ---- what is not inherited, and what is inherited in other words -----------------------------------------------------


def _without(whole: _Node, variant: Variant) -> Iterator[Fault]:
    for number, way in enumerate(variant.without):
        *before, last = way.split(".")
        there: _Node | None = whole
        for step in before:
            there = None if there is None else there.named.get(step) or _by_id(there, step)
        one = _by_id(there, last) if there is not None else None
        if there is not None and last in there.named:
            del there.named[last]
        elif there is not None and one is not None:
            there.items.remove(one)
        else:
            yield Fault("variant-nothing-there", ("without", number), {"name": way, "other": variant.extends})


def _by_id(node: _Node, name: str) -> _Node | None:
    return next((one for one in node.items if one.text("id") == name), None)


def _cast(whole: _Node, variant: Variant) -> Iterator[Fault]:
    """Gives every part to whoever has it here; a list of roles never becomes empty, which would open it to all."""
    played: set[str] = set()
    emptied: set[str] = set()

    def walk(node: _Node) -> None:
        for key, one in node.named.items():
            roles = [inner.value for inner in one.items]
            if key in _ROLES and roles and all(isinstance(role, str) for role in roles):
                said = cast("list[str]", roles)
                played.update(said)
                new = dict.fromkeys(role for name in said for role in variant.roles.get(name, (name,)))
                if not new:
                    emptied.update(said)
                one.value = [_Node(role, one.key, one.spot) for role in new]
            else:
                walk(one)
        for one in node.items:
            walk(one)

    walk(whole)
    for name in variant.roles:
        if name not in played:
            yield Fault("variant-nothing-there", ("roles", name), {"name": name, "other": variant.extends})
        elif name in emptied:
            yield Fault("variant-nobody", ("roles", name), {"name": name})


def _reworded(whole: _Node, variant: Variant) -> Iterator[Fault]:
    """Says inherited texts in the words of this variant: whole words, the longest first, a capital kept."""
    for lang, words in variant.instead.items():
        used: set[str] = set()
        said = {word.lower(): new for word, new in words.items()}
        longest = sorted(said, key=len, reverse=True)
        pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest))})(?!\w)", re.IGNORECASE)

        def word(found: re.Match[str], said: Mapping[str, str] = said, used: set[str] = used) -> str:
            used.add(found[0].lower())
            new = said[found[0].lower()]
            return new[:1].upper() + new[1:] if found[0][0].isupper() else new

        for text in _texts(whole):
            one = text.named.get(lang)
            if one is not None and isinstance(one.value, str):
                one.value = pattern.sub(word, one.value)
        for old in words:
            if old.lower() not in used:
                yield Fault("variant-nothing-there", ("instead", lang, old), {"name": old, "other": variant.extends})


def _texts(node: _Node) -> Iterator[_Node]:
    if node.named and node.named.keys() <= _LANGS:
        yield node
        return
    for one in (*node.named.values(), *node.items):
        yield from _texts(one)


# ---- what is laid over -----------------------------------------------------------------------------------------------


def _laid(under: _Node, over: _Node) -> _Node:
    """Mappings are laid over by key and lists of things with an id by id; a text, and all else, is replaced."""
    if under.named and over.named and not over.named.keys() <= _LANGS:
        both = dict(under.named)
        for key, one in over.named.items():
            both[key] = _laid(both[key], one) if key in both else one
        return _Node(both, under.key, under.spot)
    if under.items and over.items and all(one.text("id") is not None for one in (*under.items, *over.items)):
        new = {cast("str", one.text("id")): one for one in over.items}
        kept = [
            _laid(one, new.pop(name)) if (name := cast("str", one.text("id"))) in new else one for one in under.items
        ]
        return _Node([*kept, *new.values()], under.key, under.spot)
    return over


# ---- what cannot be here, and what is nothing without it -------------------------------------------------------------


def _profiled(whole: _Node, allowed: Collection[str]) -> None:
    """Takes away inherited questions of a class that may not exist here; its own such questions the checks refuse."""

    def keep(fields: _Node | None) -> None:
        for name, one in list(fields.named.items() if fields is not None else ()):
            if one.text("secrecy") is not None and one.text("secrecy") not in allowed and not one.touched():
                assert fields is not None  # noqa: S101 - it held the question
                del fields.named[name]
            else:
                keep(one.at("rows"))

    for form in (whole.at("forms") or _none()).named.values():
        keep(form.at("fields"))
    keep(whole.at("handed"))


def _none() -> _Node:
    return _Node({}, PlacedSpot(0, 0, 0, ""), PlacedSpot(0, 0, 0, ""))


def _pruned(whole: _Node) -> None:
    before = -1
    while (now := _size(whole)) != before:
        before = now
        for prune in (_states, _clocks, _promises, _forms, _facts):
            prune(whole)


def _size(node: _Node) -> int:
    return 1 + sum(_size(one) for one in (*node.named.values(), *node.items))


def _drop(parent: _Node | None, gone: Callable[[str, _Node], bool]) -> None:
    """Takes out what is inherited and gone; what the file says itself stays for the checks to refuse."""
    for name, one in list(parent.named.items() if parent is not None else ()):
        if parent is not None and gone(name, one) and not one.touched():
            del parent.named[name]


def _rest(node: _Node | None, stays: Callable[[_Node], bool]) -> None:
    if node is not None and isinstance(node.value, list):
        node.value = [one for one in node.items if one.touched() or stays(one)]


def _steps(whole: _Node) -> Iterator[tuple[_Node | None, str, _Node]]:
    """Every step with what holds it."""
    opening = whole.at("open")
    if opening is not None:
        yield None, "open", opening
    for state in (whole.at("states") or _none()).named.values():
        held = state.at("transitions")
        for name, step in held.named.items() if held is not None else ():
            yield held, name, step
    shared = whole.at("shared")
    for name, step in shared.named.items() if shared is not None else ():
        yield shared, name, step


def _states(whole: _Node) -> None:
    """A step that leads nowhere any more, or that no state has, is gone; so is a way to what is not there."""
    states = {*(whole.at("states") or _none()).named, _HERE}
    for held, name, step in list(_steps(whole)):
        to = step.at("to")
        _rest(to, lambda one: one.text("state") in states)
        _rest(step.at("in"), lambda one: one.value in states)
        empty = any(part is not None and part.value == [] for part in (to, step.at("in")))
        nowhere = to is not None and isinstance(to.value, str) and to.value not in states
        if held is not None and (empty or nowhere) and not step.touched():
            del held.named[name]


def _clocks(whole: _Node) -> None:
    """A deadline that nothing starts, or nothing meets, is none."""
    steps = {name for _, name, _ in _steps(whole)}
    deadlines = whole.at("deadlines")
    for one in (deadlines or _none()).named.values():
        _rest(one.at("starts"), lambda start: _first(start.text("on") or start.value) in steps)
        _rest(one.at("met_by"), lambda met: _first(met.value) in steps)
    _drop(deadlines, lambda _, one: any(part is not None and part.value == [] for part in _ends(one)))


def _ends(deadline: _Node) -> tuple[_Node | None, _Node | None]:
    return deadline.at("starts"), deadline.at("met_by")


def _first(trigger: object) -> str:
    return str(trigger).partition(".")[0]


def _promises(whole: _Node) -> None:
    """That a step or a state which is not there never comes is no promise."""
    steps = {name for _, name, _ in _steps(whole)}
    states = (whole.at("states") or _none()).named
    properties = whole.at("properties")
    _rest(properties, lambda one: one.text("never") is None or _first(one.text("never")) in steps)
    _rest(properties, lambda one: one.text("never_state") is None or one.text("never_state") in states)


def _forms(whole: _Node) -> None:
    """A form that no step asks, or that asks nothing, is gone; and a step that did nothing but ask it."""
    asked = {step.text("form") for _, _, step in _steps(whole)}
    forms = whole.at("forms")
    _drop(forms, lambda name, one: name not in asked or not (one.at("fields") or _none()).named)
    left = (forms or _none()).named
    for held, name, step in list(_steps(whole)):
        form = step.at("form")
        if form is None or form.touched() or form.value in left:
            continue
        del step.named["form"]
        if held is not None and step.text("to") == _HERE and step.at("handoff") is None:
            del held.named[name]


def _facts(whole: _Node) -> None:
    """What was carried, shown or worked out from an answer that nobody gives here is gone."""
    forms = (whole.at("forms") or _none()).named
    given = {f"{form}.{name}" for form, one in forms.items() for name in (one.at("fields") or _none()).named}
    given |= {f"handed.{name}" for name in (whole.at("handed") or _none()).named}
    given |= {f"status.{name}" for _, name, step in _steps(whole) if step.at("handoff") is not None}
    given |= {"status.open"} if whole.at("receives") is not None else set()
    derived = whole.at("derived")
    given |= set((derived or _none()).named)
    for _, _, step in _steps(whole):
        for way in (("handoff", "carries"), ("reply", "carries")):
            _drop(step.at(*way), lambda _, one: one.value not in given)
        _drop(step, lambda key, one: key == "identifies" and one.value not in given)
    home = whole.at("contacts", "home")
    _drop(home, lambda name, _: name not in given)
    for shown in (home or _none()).named.values():
        _rest(shown, lambda one: one.value in given)
    sources = ("known", "age_group", "since")
    _drop(derived, lambda _, one: any((fact := one.text(key)) is not None and fact not in given for key in sources))
