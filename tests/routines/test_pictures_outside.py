"""Mermaid itself reads what we write for it. ``make outside`` brings it; without it these tests skip, and say so."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import TypedDict, cast

import pytest

from stegvis.routines.library import shipped
from stegvis.routines.pictures.chart import Chart, chart
from stegvis.routines.pictures.mermaid import mermaid
from stegvis.routines.text import Lang

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = ROOT / ".venv" / "outside"
LANGUAGES: tuple[Lang, ...] = ("sv", "en")

pytestmark = pytest.mark.deep


class Answer(TypedDict, total=False):
    kind: str
    title: str
    states: int
    arrows: int
    error: str


def asked(diagrams: list[str]) -> list[Answer]:
    if shutil.which("node") is None or not all(
        (OUTSIDE / "node_modules" / one).is_dir() for one in ("mermaid", "jsdom")
    ):
        pytest.skip("Mermaid is not here: make outside")
    said = subprocess.run(
        ["node", ROOT / "tests/outside/check_mermaid.js", OUTSIDE],
        input=json.dumps(diagrams),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    return cast("list[Answer]", json.loads(said.stdout))


def arrows(drawn: Chart) -> int:
    away = sum(to != box.number for box in drawn.boxes for one in drawn.out_of(box) for to in one.leads())
    return away + len(drawn.opening.leads()) + sum(box.mark == "end" for box in drawn.boxes)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_mermaid_reads_every_routine_and_finds_the_same_states_and_arrows(lang: Lang) -> None:
    known = shipped()
    charts = [chart(known, rules) for versions in known.versions.values() for rules in versions]
    told = [
        (drawn, "\n".join(mermaid(drawn, lang, here=here))) for drawn in charts for here in (None, drawn.boxes[0].state)
    ]
    for (drawn, _), answer in zip(told, asked([text for _, text in told]), strict=True):
        marks = 1 + any(box.mark == "end" for box in drawn.boxes)
        assert answer == {
            "kind": "stateDiagram",
            "title": drawn.title(lang),
            "states": len(drawn.boxes) + marks,
            "arrows": arrows(drawn),
        }


def test_mermaid_refuses_what_is_none() -> None:
    whole = "\n".join(mermaid(chart(shipped(), shipped().versions["acute"][0])))
    good, bad = asked([whole, whole + "\n  s1 --> : x }{"])
    assert "error" not in good
    assert "error" in bad
