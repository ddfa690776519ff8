"""The house stands as described: one import name, walls, arrows, pins, and a wheel with all of it and no more."""

import ast
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import types
import zipfile
from collections.abc import Iterator
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import stegvis

ROOT = Path(__file__).parents[1]
FOLDERS = ("adapters", "definitions", "engine", "routines")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def spawn(*command: str | Path, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command and answer what it printed; its own words are the failure when it fails."""
    done = spawn(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(root: Path) -> set[str]:
    """Every file of the four folders, as it is named in a package."""
    return {
        path.relative_to(root).as_posix()
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The house without its tests, to be built or broken in."""
    house = tmp_path / "house"
    skip = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in (*FOLDERS, "src"):
        shutil.copytree(ROOT / folder, house / folder, symlinks=True, ignore=skip)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, house)
    return house


# One import name


def test_the_four_folders_are_linked_under_one_name_and_nothing_else_is() -> None:
    package = ROOT / "src" / "stegvis"
    links = {path.name: path.resolve() for path in package.iterdir() if path.is_symlink()}
    assert links == {folder: ROOT / folder for folder in FOLDERS}
    assert {path.name for path in package.iterdir()} - {*FOLDERS, "__pycache__"} == {"__init__.py", "py.typed"}


def test_definitions_hold_data_only() -> None:
    definitions = ROOT / "definitions"
    assert [path.relative_to(definitions).as_posix() for path in definitions.rglob("*.py")] == ["__init__.py"]
    assert not (definitions / "__init__.py").read_text("utf-8")


# The face


def test_the_public_names_are_sorted_and_whole() -> None:
    listed: list[str] = getattr(stegvis, "__all__", [])
    bound = {name for name, value in vars(stegvis).items() if not isinstance(value, types.ModuleType)}
    assert listed == sorted(set(listed))
    assert {name for name in bound if not name.startswith("_")} <= set(listed)
    assert "__version__" in bound


def test_a_public_class_or_function_says_where_it_lives_and_what_it_is() -> None:
    # Not rewritten to "stegvis": the name in an error message or a pickle leads straight to the source.
    for name in getattr(stegvis, "__all__", []):
        value: object = getattr(stegvis, name)
        if isinstance(value, type | types.FunctionType):
            home = importlib.import_module(value.__module__)
            assert home.__name__.startswith("stegvis."), name
            assert getattr(home, value.__name__) is value, name
            assert value.__doc__, name


def test_the_public_names_that_are_loaded_when_first_named_are_the_ones_listed() -> None:
    assert set(stegvis._ELSEWHERE) <= set(stegvis.__all__) <= set(dir(stegvis))
    with pytest.raises(AttributeError, match="no attribute 'Nobody'"):
        _ = stegvis.Nobody  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]


def test_importing_the_core_loads_what_a_step_needs_and_builds_no_validator() -> None:
    code = "import sys; from stegvis import Actor, Engine, load, shipped; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    )
    assert "stegvis.engine.decide" in loaded
    proving = {
        f"stegvis.engine.{name}" for name in ("extracts", "following", "history", "oversight", "replay", "verify")
    }
    checking = {f"stegvis.routines.{name}" for name in ("checks.rounds", "scenario", "schema", "survey")}
    assert not loaded & (proving | checking)
    # What pydantic looks for when it builds the first.
    assert "pydantic.plugin._loader" not in loaded


# Walls: an absolute import crosses one, a relative import stays inside


@cache
def imports(text: str) -> tuple[tuple[int, str], ...]:
    """What a module with that text imports, as (level, dotted name)."""

    def each() -> Iterator[tuple[int, str]]:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                yield from ((0, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module == "stegvis":
                yield from ((0, f"stegvis.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield node.level, node.module or ""

    return tuple(each())


def walls_broken(root: Path) -> list[str]:
    """Every broken rule. Alembic runs its scripts by path, where nothing is relative: they are left out."""
    found: list[str] = []
    for name in sorted(files(root)):
        if not name.endswith(".py") or "/migrations/" in name:
            continue
        folder, *inside = name.split("/")
        for level, module in imports((root / name).read_text("utf-8")):
            first, _, rest = module.partition(".")
            if level > len(inside):
                found.append(f"{name}: a relative import leaves {folder}/")
            elif not level and first in FOLDERS:
                found.append(f"{name}: {module} is imported as stegvis.{module}")
            elif not level and first == "stegvis" and rest.partition(".")[0] == folder:
                found.append(f"{name}: inside {folder}/ imports are relative")
            elif not level and first == "stegvis" and rest.partition(".")[0] not in FOLDERS and folder != "adapters":
                found.append(f"{name}: the core does not look at its own face")
    return found


def test_an_absolute_import_crosses_a_wall_and_a_relative_one_stays_inside() -> None:
    assert walls_broken(ROOT) == []


@pytest.mark.parametrize(
    "line",
    [
        "from ..routines import errors",
        "from routines import errors",
        "import engine.ports",
        "from stegvis.engine import ports",
        "from stegvis.engine.ports import Store",
        "from stegvis import engine",
        "from stegvis import Engine",
    ],
)
def test_an_import_through_a_wall_is_seen(copy: Path, line: str) -> None:
    (copy / "engine" / "planted.py").write_text(line + "\n", "utf-8")
    assert [found for found in walls_broken(copy) if found.startswith("engine/planted.py")]


# Arrows: held by import-linter, which must also be able to say no


def broken_contracts(house: Path) -> list[str]:
    linter = Path(sys.executable).with_name("lint-imports")
    done = spawn(linter, "--no-cache", cwd=house, PYTHONPATH=str(house / "src"))
    said = re.findall(r"^(.+) (KEPT|BROKEN)", done.stdout, re.MULTILINE)
    assert len(said) == len(PROJECT["tool"]["importlinter"]["contracts"]), done.stdout + done.stderr
    broken = [name for name, verdict in said if verdict == "BROKEN"]
    assert done.returncode == (1 if broken else 0)
    return broken


def test_every_arrow_goes_one_way() -> None:
    assert broken_contracts(ROOT) == []


@pytest.mark.parametrize(
    ("where", "line", "contract"),
    [
        ("engine/planted.py", "from stegvis import adapters", "Arrows"),
        ("routines/planted.py", "from stegvis.engine import ports", "Arrows"),
        ("definitions/planted.py", "from stegvis.routines import errors", "Arrows"),
        ("engine/planted.py", "import sqlmodel", "The core"),
        ("routines/planted.py", "def late() -> None:\n    import structlog", "The core"),
    ],
)
def test_an_arrow_turned_round_is_seen(copy: Path, where: str, line: str, contract: str) -> None:
    (copy / where).write_text(line + "\n", "utf-8")
    assert [name.startswith(contract) for name in broken_contracts(copy)] == [True]


# Figures and pins


@pytest.mark.deep
def test_coverage_is_counted_on_the_real_files_once(tmp_path: Path) -> None:
    script, data, report = tmp_path / "script.py", tmp_path / "data", tmp_path / "report.json"
    script.write_text("import stegvis.engine.ports, stegvis.routines.errors\n", "utf-8")
    run(sys.executable, "-m", "coverage", "run", f"--data-file={data}", script, cwd=ROOT)
    run(sys.executable, "-m", "coverage", "json", "-q", f"--data-file={data}", "-o", report, cwd=ROOT)
    counted = json.loads(report.read_text("utf-8"))["files"]
    assert set(counted) == {n for n in files(ROOT) if n.endswith(".py") and n.startswith(("engine/", "routines/"))}
    assert counted["routines/errors.py"]["summary"]["covered_lines"] > 0


def wanted() -> set[str]:
    """Every distribution that the project, its extras and its tools need in this environment."""
    project = PROJECT["project"]
    stated = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"], "pip"]
    stated += [line for extra in project["optional-dependencies"].values() for line in extra]
    queue, seen = [Requirement(line) for line in stated], set[tuple[str, frozenset[str]]]()
    while queue:
        need = queue.pop()
        key = (canonicalize_name(need.name), frozenset(need.extras))
        if key in seen:
            continue
        seen.add(key)
        for line in distribution(need.name).requires or []:
            child = Requirement(line)
            if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in ("", *need.extras)):
                queue.append(child)
    return {name for name, _ in seen}


def test_everything_installed_is_pinned_by_name_and_version_only() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    assert all(re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", line) for line in lines)
    pins = dict(line.split("==") for line in lines)
    assert list(pins) == sorted(pins)
    assert {name: distribution(name).version for name in wanted()} == {name: pins.get(name) for name in wanted()}


# The wheel


def built(house: Path, *options: str) -> Path:
    """Build in that house; the wheel, found to hold all of the house that it should and nothing else."""
    run(sys.executable, "-m", "build", "--no-isolation", *options, cwd=house)
    wheel = next((house / "dist").glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    info = f"stegvis-{stegvis.__version__}.dist-info"
    inside = {name for name in names if not name.startswith(f"{info}/")}
    assert inside == {f"stegvis/{name}" for name in (*files(house), "__init__.py", "py.typed")}
    assert f"{info}/licenses/LICENSE" in names
    return wheel


def test_the_wheel_holds_every_module_and_definition_and_nothing_else(copy: Path) -> None:
    built(copy, "--wheel")


LOADS = """
import importlib, json, pkgutil, sys
from importlib.resources import files
import stegvis, yaml
modules = [m.name for p in ("engine", "routines") for m in pkgutil.walk_packages(
    importlib.import_module(f"stegvis.{p}").__path__, f"stegvis.{p}.")]
for name in modules:
    importlib.import_module(name)
heavy = sorted({"alembic", "cyclopts", "rich", "sqlalchemy", "sqlmodel", "starlette", "structlog"} & set(sys.modules))
def walk(folder):
    for item in folder.iterdir():
        yield from walk(item) if item.is_dir() else [item]
data = [item for item in walk(files("stegvis.definitions")) if item.name.endswith((".yaml", ".json", ".sha256"))]
for item in data:
    text = item.read_text("utf-8")
    assert (json.loads(text) if item.name.endswith(".json") else yaml.load(text, yaml.CSafeLoader)), item.name
print(json.dumps({"at": stegvis.__file__, "modules": len(modules), "data": len(data), "heavy": heavy}))
"""


@pytest.mark.deep
def test_an_installed_wheel_works_alone(copy: Path, tmp_path: Path) -> None:
    wheel = built(copy)  # by way of the source distribution
    run(sys.executable, "-m", "venv", tmp_path / "clean", cwd=tmp_path)
    python = tmp_path / "clean" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--constraint", ROOT / "constraints.txt", wheel, cwd=tmp_path)
    empty = tmp_path / "empty"
    empty.mkdir()
    said = json.loads(run(python, "-I", "-W", "error", "-c", LOADS, cwd=empty))

    assert Path(said["at"]).is_relative_to(tmp_path / "clean")
    core = [n for n in files(copy) if n.startswith(("engine/", "routines/")) and n.endswith(".py")]
    assert said["modules"] == len(core) - 2  # the two packages themselves
    assert said["data"] == len([n for n in files(copy) if n.startswith("definitions/") and not n.endswith(".py")])
    assert said["heavy"] == []
