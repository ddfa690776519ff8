"""The tree as static files, as C2SP tlog-tiles has them: the leaves' hashes, kept outside the database.

A tile is up to 256 hashes in a row. Level 0 holds leaves; a hash on the level above is the root of a full tile. They
prove nothing by themselves: whoever reads them checks them against a signed checkpoint. They hold nothing personal.
"""

import os
import secrets
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from stegvis.routines.errors import StoreError

from ..key_file import sync_directory
from .tree import HASH, Frontier

WIDTH: Final = 256


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile lies: ``tile/0/x001/234.p/17`` is tile 1234 of level 0, of 17 hashes so far."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(reversed(parts))}" + (f".p/{width}" if width < WIDTH else "")


class Tiles:
    """A folder of tiles.

    Raises:
        StoreError: ``tiles_unwritable``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def extend(self, old: int, hashes: Iterable[bytes], level: int = 0) -> None:
        """Put more leaves after the first ``old``, and all that they make whole above; durable when this returns.

        Raises:
            StoreError: ``tiles_missing``: those of the first ``old`` are not all there. Make them all anew from 0.
        """
        index, width = divmod(old, WIDTH)
        whole: list[bytes] = []
        new = iter(hashes)
        tile = self._read(level, index, width)
        if tile is None:
            raise StoreError("tiles_missing")
        while more := b"".join(islice(new, WIDTH - len(tile) // HASH)):
            tile += more
            self._write(tile_path(level, index, len(tile) // HASH), tile)
            if len(tile) < WIDTH * HASH:
                return self._above(old, whole, level)
            whole.append(_root(tile))
            index, tile = index + 1, b""
        return self._above(old, whole, level)

    def _above(self, old: int, whole: list[bytes], level: int) -> None:
        if whole:
            self.extend(old // WIDTH, whole, level + 1)

    def leaves(self, size: int) -> Iterator[bytes]:
        """The first ``size`` leaves, as far as they are there."""
        for index in range(-(-size // WIDTH)):
            tile = self._read(0, index, min(WIDTH, size - index * WIDTH))
            if tile is None:
                return
            yield from (tile[at : at + HASH] for at in range(0, len(tile), HASH))

    def _read(self, level: int, index: int, width: int) -> bytes | None:
        """The first ``width`` hashes of a tile: from the one of that width, else from the full one."""
        if not width:
            return b""
        for wide in dict.fromkeys((width, WIDTH)):
            try:
                tile = (self.folder / tile_path(level, index, wide)).read_bytes()
            except OSError:
                continue
            if len(tile) == wide * HASH:
                return tile[: width * HASH]
        return None

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, data)
        except OSError as error:
            raise StoreError("tiles_unwritable", errno=error.errno) from None


def write_whole(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Put a file in the place of whatever is there, whole or not at all, and durable when this returns."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_directory(path)


def _root(tile: bytes) -> bytes:
    tree = Frontier()
    for at in range(0, len(tile), HASH):
        tree.add(tile[at : at + HASH])
    return tree.root()
