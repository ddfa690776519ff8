"""The definition files of one or more directories, read once, later directories in place of earlier ones by name."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import cast

import orjson

from .digests import Json
from .errors import NotFound
from .form import Form
from .reader import Document, bytes_of, read
from .rules import Builtin
from .text import Text


class Sources:
    """The definition files of some directories, later ones in place of earlier ones by name."""

    def __init__(self, directories: list[Path]) -> None:
        self.directories = directories
        self._bytes: dict[str, bytes] = {}
        self._read: dict[str, Document] = {}

    def document(self, name: str) -> Document:
        """The file of that relative name, from the last directory that has it."""
        found = self._read.get(name)
        return found if found is not None else self._read.setdefault(name, read(self.bytes_of(name), name))

    def bytes_of(self, name: str) -> bytes:
        """What stands in that file; once read it stays so, whatever happens to the file meanwhile.

        Raises:
            NotFound: ``no_such_definition``. BadDefinition: it cannot be opened.
        """
        found = self._bytes.get(name)
        if found is None:
            for directory in reversed(self.directories):
                path = directory / name
                if path.is_file():
                    found = self._bytes.setdefault(name, bytes_of(path, name))
                    break
            else:
                raise NotFound("no_such_definition", file=name)
        return found

    def has(self, name: str) -> bool:
        """Whether any directory has a file of that relative name."""
        return any((directory / name).is_file() for directory in self.directories)

    def names(self, folder: str) -> list[str]:
        """Relative names of the YAML files of a folder, over all directories."""
        return sorted(
            {f"{folder}/{path.name}" for directory in self.directories for path in (directory / folder).glob("*.yaml")}
        )

    def all(self) -> list[str]:
        """Relative names of every definition there is."""
        top = {path.name for directory in self.directories for path in directory.glob("*.yaml")}
        return sorted({*top, *self.names("routines"), *self.names("texts")})

    def routines(self) -> Iterator[Document]:
        for name in self.names("routines"):
            yield self.document(name)


def words_of(sources: Sources) -> dict[str, Text]:
    """The library's own texts, flattened: ``file.code.key`` -> text."""
    words: dict[str, Text] = {}
    for file in sources.names("texts"):
        words |= _words_in(file, sources.bytes_of(file))
    return words


@lru_cache(maxsize=64)
def _words_in(file: str, text: bytes) -> dict[str, Text]:
    """The texts of one file, by its very bytes: a command reads the same for its screen and for its library."""
    words: dict[str, Text] = {}

    def walk(value: Json, name: str) -> None:
        if isinstance(value, dict) and value and value.keys() <= {"sv", "en"}:
            words[name] = Text.model_validate(value)
        elif isinstance(value, dict):
            for key, inner in value.items():
                walk(inner, f"{name}.{key}")

    walk(read(text, file).data, Path(file).stem)
    return words


def builtin_of(sources: Sources) -> Builtin:
    """What four-eyes and late forms ask."""
    data = cast("dict[str, dict[str, object]]", sources.document("builtin.yaml").data)
    forms = {name: Form.model_validate_json(orjson.dumps(form)) for name, form in data["forms"].items()}
    return Builtin(forms, {name: Text.model_validate(text) for name, text in data["titles"].items()})
