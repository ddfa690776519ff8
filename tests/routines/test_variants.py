"""Putting a variant together: nothing changed is nothing new, order says nothing, and what is left out is nowhere."""

from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, cast, get_args

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.cli.errors import finding_json, place_of
from stegvis.routines.digests import Json, canonical, digest, join, split
from stegvis.routines.findings import Finding, Mark
from stegvis.routines.library import SHIPPED, shipped
from stegvis.routines.model import Routine
from stegvis.routines.pictures import binder
from stegvis.routines.pictures.chart import chart
from stegvis.routines.pictures.listing import listing
from stegvis.routines.pictures.mermaid import mermaid
from stegvis.routines.pictures.svg import svg
from stegvis.routines.reader import Document, read, read_file
from stegvis.routines.registers import Secrecy
from stegvis.routines.rules import Rules, steps_of
from stegvis.routines.text import Lang
from stegvis.routines.variant import HOW, OWN, Variant
from stegvis.routines.variants import Fault, extended

from ..engine.toys import TOY
from ..often import often
from .broken import GOOD

Data = dict[str, Any]
ALL: frozenset[str] = frozenset(get_args(Secrecy))
LANGUAGES: tuple[Lang, ...] = ("sv", "en")
DAY = date(2026, 11, 22)
WRITTEN = sorted(path for folder in (SHIPPED, TOY, GOOD) for path in (folder / "routines").glob("*.yaml"))
SMALL = sorted(path for folder in (TOY, GOOD) for path in (folder / "routines").glob("*.yaml"))


@lru_cache
def document(path: Any) -> Document:
    return read_file(path, path.name)


def data_of(one: Document) -> Data:
    return cast("Data", one.data)


WHOLE = [path for path in WRITTEN if "extends" not in data_of(document(path))]
VARIANTS = [path for path in WRITTEN if "extends" in data_of(document(path))]


def written(data: Data) -> tuple[Document, Variant]:
    return read(orjson.dumps(data), "variant.yaml"), Variant.model_validate_json(orjson.dumps(data))


def vary(base: Document, **says: object) -> Document | list[Fault]:
    """The base, but for what is said; with the base's own name and words."""
    own = {key: value for key, value in data_of(base).items() if key in OWN}
    return extended(base, *written({**own, "extends": own["routine"], **says}), ALL)


def made(one: Document | list[Fault]) -> Data:
    assert isinstance(one, Document), one
    return data_of(one)


def digests(data: Data) -> tuple[str, str]:
    rules, guidance = split(cast("dict[str, Json]", data))
    return digest(rules), digest(guidance)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_a_variant_that_changes_nothing_is_the_same_routine_but_for_its_name(path: Any) -> None:
    base = document(path)
    assert digests(made(vary(base))) == digests(data_of(base))
    assert digests(made(vary(base, routine="another"))) == digests({**data_of(base), "routine": "another"})


def test_a_variant_may_say_anything_that_a_routine_says() -> None:
    routine, variant = (one.model_json_schema()["properties"].keys() for one in (Routine, Variant))
    assert variant == routine | HOW


# ---- order


@settings(deadline=None, max_examples=8)
@given(drawn=st.data())
def test_in_which_order_a_variant_says_how_it_differs_does_not_matter(drawn: st.DataObject) -> None:
    one = data_of(document(drawn.draw(st.sampled_from(VARIANTS), "variant")))
    base = next(path for path in WRITTEN if data_of(document(path))["routine"] == one["extends"])
    under = whole(one["extends"]) if base in VARIANTS else document(base)

    def shuffled(entries: Data) -> Data:
        return dict(drawn.draw(st.permutations(list(entries.items()))))

    other = shuffled(one)
    for key in ("roles", "instead"):
        other[key] = shuffled(other.get(key, {}))
    other["instead"] = {lang: shuffled(words) for lang, words in other["instead"].items()}
    other["without"] = drawn.draw(st.permutations(other.get("without", [])))
    assert digests(made(extended(under, *written(one), ALL))) == digests(made(extended(under, *written(other), ALL)))


@lru_cache
def whole(name: str) -> Document:
    """A shipped routine that is itself a variant, put together."""
    rules = shipped().versions[name][0]
    return read(canonical(joined(rules)), name)


def joined(rules: Rules) -> Json:
    return join(orjson.loads(rules.rules_bytes), orjson.loads(rules.guidance_bytes))


# ---- what is left out


def ways(value: Any, way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every part that a variant can name, with the way to it: by key, and by id in a list."""
    if way:
        yield way, value
    if isinstance(value, dict):
        for name, one in cast("Data", value).items():
            if name.isidentifier() and name.islower() and name not in {"sv", "en"}:
                yield from ways(one, (*way, name))
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            if isinstance(one, dict) and isinstance(name := cast("Data", one).get("id"), str):
                yield from ways(one, (*way, name))


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for one in cast("Data", value).values():
            yield from texts(one)
    elif isinstance(value, list):
        for one in cast("list[Any]", value):
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def marked(value: Any, count: Iterator[int]) -> Any:
    """The same, with every text one of a kind."""
    if isinstance(value, dict):
        entries = cast("Data", value)
        if entries and entries.keys() <= {"sv", "en"}:
            return {lang: f"§{next(count)}§" for lang in entries}
        return {name: marked(one, count) for name, one in entries.items()}
    return [marked(one, count) for one in cast("list[Any]", value)] if isinstance(value, list) else value


@often(50)
@given(drawn=st.data())
def test_what_a_variant_is_without_is_nowhere_in_it(drawn: st.DataObject) -> None:
    base = drawn.draw(st.sampled_from([path for path in SMALL if path in WHOLE]), "routine")
    plain = marked(data_of(document(base)), iter(range(10_000)))
    parts = [(way, part) for way, part in ways(plain) if way[0] not in OWN]
    (way, part) = drawn.draw(st.sampled_from(parts), "part")
    left = made(vary(read(orjson.dumps(plain), base.name), without=[".".join(way)]))
    assert way not in dict(ways(left))
    gone = {text for text in texts(part) if text.startswith("§")}
    assert gone & set(texts(left)) == set()
    # What goes with it is only what is nothing without it; nothing comes to be.
    assert {one for one, _ in ways(left)} <= {one for one, _ in ways(plain)}


@settings(deadline=None, max_examples=20)
@given(drawn=st.data())
def test_a_way_that_leads_nowhere_is_told_and_takes_nothing(drawn: st.DataObject) -> None:
    base = document(drawn.draw(st.sampled_from([path for path in SMALL if path in WHOLE])))
    (way, _) = drawn.draw(st.sampled_from([one for one in ways(data_of(base)) if one[0][0] not in OWN]))
    told = vary(base, without=[".".join((*way[:-1], "nobody_knows"))])
    assert isinstance(told, list)
    assert [(one.rule, one.path) for one in told] == [("variant-nothing-there", ("without", 0))]


SHIPPED_VARIANTS = [path.stem for path in VARIANTS if path.is_relative_to(SHIPPED)]


def said(rules: Rules, lang: Lang) -> str:
    """All that is drawn, listed and printed of a routine."""
    drawn = chart(shipped(), rules)
    lines = [*listing(drawn, shipped().law, DAY, lang), *mermaid(drawn, lang), svg(drawn, lang)]
    return "\n".join([*lines, *binder.text(binder.parts(shipped(), rules, DAY, lang))])


@pytest.mark.parametrize("name", SHIPPED_VARIANTS)
def test_what_a_shipped_variant_is_without_stands_in_no_picture_and_in_no_guide(name: str) -> None:
    variant = data_of(document(SHIPPED / "routines" / f"{name}.yaml"))
    base, rules = shipped().versions[variant["extends"]][0], shipped().versions[name][0]
    under, here = cast("Data", joined(base)), cast("Data", joined(rules))
    gone = dict(one for one in ways(under) if ".".join(one[0]) in variant["without"])
    assert len(gone) == len(variant["without"])
    kept = "\n".join(texts(here))
    told = {text for part in gone.values() for text in texts(part) if " " in text and text not in kept}
    assert told
    # The guide is made of nothing else than the compiled routine.
    everything = rules.guidance_bytes.decode() + rules.rules_bytes.decode()
    assert [text for text in told if text in everything] == []
    for lang in LANGUAGES:
        shown = said(rules, lang)
        assert [text for text in told if text in shown] == []
    states = {way[1] for way in gone if way[0] == "states" and len(way) == 2}
    assert states & rules.spots.keys() == set() or states <= set(variant.get("states", {}))
    steps = {way[1] for way in gone if way[0] == "shared" and len(way) == 2}
    assert steps & {step for step, _ in steps_of(rules.routine)} == set()


# ---- where a fault is told


def test_a_fault_is_placed_in_the_file_where_it_stands_with_the_routine_beside() -> None:
    inherited = Finding("field-range", "routines/post.yaml", Mark(12, 5), ("forms",), {}, variant="notice")
    assert place_of(inherited) == "routines/post.yaml:12:5 (notice)"
    assert finding_json(inherited)["variant"] == "notice"
    own = Finding("field-range", "routines/notice.yaml", Mark(3, 1), ("forms",), {})
    assert place_of(own) == "routines/notice.yaml:3:1"
    assert "variant" not in finding_json(own)
