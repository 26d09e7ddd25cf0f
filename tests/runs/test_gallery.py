from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.gallery import gallery_path, has_gallery, read_gallery, write_gallery


def test_arrays_survive_and_parts_are_joined(tmp_path: Path) -> None:
    gallery_path(tmp_path, 0).parent.mkdir()
    parts = [{"3/original": np.arange(6, dtype=np.uint8)}, {}, {"4/map": np.eye(3)}]
    for number, arrays in enumerate(parts):
        write_gallery(gallery_path(tmp_path, number), arrays)
        assert has_gallery(gallery_path(tmp_path, number))
    read = read_gallery(tmp_path)
    assert list(read) == ["3/original", "4/map"]
    np.testing.assert_array_equal(read["3/original"], parts[0]["3/original"])
    assert read["4/map"].dtype == np.float64


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert read_gallery(tmp_path) == {}


def test_a_damaged_part_is_noticed_and_named(tmp_path: Path) -> None:
    path = gallery_path(tmp_path, 0)
    path.parent.mkdir()
    write_gallery(path, {"a": np.random.default_rng(0).normal(size=50)})
    flipped = bytearray(path.read_bytes())
    flipped[100] ^= 0xFF
    for content in (bytes(flipped), path.read_bytes()[:-30], b""):
        path.write_bytes(content)
        assert not has_gallery(path)
        with pytest.raises(InputError, match=r"part-00000\.npz is damaged"):
            read_gallery(tmp_path)


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the array 'a' holds Python objects"):
        write_gallery(tmp_path / "a.npz", {"a": np.array([{}], object)})


def test_two_parts_may_not_share_a_name(tmp_path: Path) -> None:
    gallery_path(tmp_path, 0).parent.mkdir()
    for number in (0, 1):
        write_gallery(gallery_path(tmp_path, number), {"same": np.zeros(1)})
    with pytest.raises(InputError, match=r"part-00001\.npz repeats the array 'same'"):
        read_gallery(tmp_path)
