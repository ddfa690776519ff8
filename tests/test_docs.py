"""Documentation that cannot lie: every Python example runs, every link leads somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_CODE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of one language on a page."""
    return [code for name, code in _CODE.findall(page.read_text(encoding="utf-8")) if name == language]


def named(pages: list[Path]) -> list[str]:
    return [page.relative_to(ROOT).as_posix() for page in pages]


OWN_TESTS = {"scenarios.md", "cli.md", "testing.md"}
"""Pages whose examples need a setting of their own; tests beside the code they tell of run them."""
WITH_PYTHON = [page for page in PAGES if page.name not in OWN_TESTS and blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_PYTHON, ids=named(WITH_PYTHON))
def test_examples_run(page: Path, tmp_path: Path) -> None:
    """The Python blocks of a page run in order, as one script, in an empty folder beside the page's YAML blocks."""
    for yaml in blocks(page, "yaml"):
        target = re.match(r"# (\S+\.yaml)\n", yaml)
        if target is not None:
            path = tmp_path / target[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml, encoding="utf-8")
    script = "\n".join(blocks(page, "python"))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def test_the_readme_begins_with_two_commands() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    commands = [line.split()[:2] for line in lines[:10] if line.startswith("    ")]
    assert commands == [["make", "run"], ["make", "test"]]


_TEST = re.compile(r"`(tests/[\w/]+\.py)`")


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_a_test_that_a_page_leans_on_is_there(page: Path) -> None:
    missing = [test for test in _TEST.findall(page.read_text(encoding="utf-8")) if not (ROOT / test).exists()]
    assert missing == []
