"""Tiles: where they lie, what is in them, and that they can be gone on with from any size."""

import shutil
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stegvis.adapters.audit.tiles import WIDTH, Tiles, tile_path
from stegvis.adapters.audit.tree import HASH, Tree
from stegvis.routines.errors import StoreError

LEAVES = [sha256(b"%d" % number).digest() for number in range(WIDTH * 5)]
TREE = Tree(LEAVES)


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((3, 999, 1), "tile/3/999.p/1"),
        ((0, 1000), "tile/0/x001/000"),
        ((0, 1234067), "tile/0/x001/x234/067"),
        ((63, 1234067, 255), "tile/63/x001/x234/067.p/255"),
    ],
)
def test_a_tile_lies_where_the_format_says(place: tuple[int, ...], path: str) -> None:
    assert tile_path(*place) == path


@given(sizes=st.lists(st.integers(0, len(LEAVES)), max_size=4))
@settings(deadline=None, max_examples=10)
def test_however_they_grew_the_tiles_are_those_of_the_tree(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("tiles")
    tiles = Tiles(folder)
    for old, new in pairwise(sorted({0, *sizes})):
        tiles.extend(old, iter(LEAVES[old:new]))
        assert list(tiles.leaves(new)) == LEAVES[:new]
    size = max([0, *sizes])
    for index in range(size // WIDTH):
        tile = (folder / tile_path(0, index)).read_bytes()
        assert tile == b"".join(LEAVES[index * WIDTH : (index + 1) * WIDTH])
    above = size // WIDTH
    if above:
        tile = (folder / tile_path(1, 0, above)).read_bytes()
        assert [tile[at : at + HASH] for at in range(0, len(tile), HASH)] == [
            Tree(LEAVES[index * WIDTH : (index + 1) * WIDTH]).root(WIDTH) for index in range(above)
        ]
    for before in sizes:
        assert list(tiles.leaves(before)) == LEAVES[:before]
    shutil.rmtree(folder)


def test_what_is_missing_is_not_made_up(tmp_path: Path) -> None:
    tiles = Tiles(tmp_path)
    tiles.extend(0, LEAVES[:300])
    with pytest.raises(StoreError, match="tiles_missing"):
        tiles.extend(301, LEAVES[301:302])
    (tmp_path / tile_path(0, 1, 44)).write_bytes(b"x")
    assert list(tiles.leaves(300)) == LEAVES[:256]
    with pytest.raises(StoreError, match="tiles_missing"):
        tiles.extend(300, LEAVES[300:301])
    tiles.extend(0, LEAVES[:301])
    assert list(tiles.leaves(301)) == LEAVES[:301]
    (tmp_path / tile_path(0, 0)).unlink()
    assert list(tiles.leaves(301)) == []


def test_a_full_tile_stands_in_for_the_narrower_ones(tmp_path: Path) -> None:
    tiles = Tiles(tmp_path)
    tiles.extend(0, LEAVES[:10])
    tiles.extend(10, LEAVES[10:WIDTH])
    shutil.rmtree(tmp_path / "tile/0/000.p")
    assert list(tiles.leaves(10)) == LEAVES[:10]
    tiles.extend(WIDTH, LEAVES[WIDTH : WIDTH + 1])
    assert list(tiles.leaves(WIDTH + 1)) == LEAVES[: WIDTH + 1]


def test_a_folder_that_cannot_be_written_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "tile").write_bytes(b"")
    with pytest.raises(StoreError, match="tiles_unwritable"):
        Tiles(tmp_path).extend(0, LEAVES[:1])
