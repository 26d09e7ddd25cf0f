from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.runs.gallery import (
    gallery_path,
    image_path,
    names_of,
    read_gallery,
    read_pictures,
    write_gallery,
)
from tf_fragile.runs.identity import Origin

MADE = Origin("run", (3, 4))


def test_arrays_survive_and_parts_are_joined(tmp_path: Path) -> None:
    gallery_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    parts = [{"3/original": np.arange(6, dtype=np.uint8)}, {}, {"4/map": np.eye(3)}]
    for number, arrays in enumerate(parts):
        write_gallery(gallery_path(tmp_path, "toy", number), arrays, MADE)
        part = read_pictures(gallery_path(tmp_path, "toy", number))
        assert part is not None and part.origin == MADE
    read = read_gallery(tmp_path, "toy")
    assert list(read) == ["3/original", "4/map"]
    np.testing.assert_array_equal(read["3/original"], parts[0]["3/original"])
    assert read["4/map"].dtype == np.float64


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert read_gallery(tmp_path, "toy") == {}


def test_a_damaged_part_is_noticed_and_named(tmp_path: Path) -> None:
    path = gallery_path(tmp_path, "toy", 0)
    path.parent.mkdir(parents=True)
    write_gallery(path, {"a": np.random.default_rng(0).normal(size=50)}, MADE)
    flipped = bytearray(path.read_bytes())
    flipped[100] ^= 0xFF
    for content in (bytes(flipped), path.read_bytes()[:-30], b""):
        path.write_bytes(content)
        assert read_pictures(path) is None
        with pytest.raises(InputError, match=r"part-00000\.npz is damaged"):
            read_gallery(tmp_path, "toy")


def test_objects_are_never_pickled(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="the array 'a' holds Python objects"):
        write_gallery(tmp_path / "a.npz", {"a": np.array([{}], object)}, MADE)


def test_two_parts_may_not_share_a_name(tmp_path: Path) -> None:
    gallery_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    for number in (0, 1):
        write_gallery(gallery_path(tmp_path, "toy", number), {"same": np.zeros(1)}, MADE)
    with pytest.raises(InputError, match=r"part-00001\.npz repeats the array 'same'"):
        read_gallery(tmp_path, "toy")


def test_an_array_that_was_changed_renamed_or_added_is_noticed(tmp_path: Path) -> None:
    path, arrays = tmp_path / "a.npz", {"a": np.arange(3.0), "b": np.zeros(2)}
    write_gallery(path, arrays, MADE)
    with np.load(path) as stored:
        good = dict(stored)
    seal = good["tf_fragile"]
    for changed in (
        good | {"a": np.arange(3.0) + 1e-9},
        good | {"a": np.arange(3)},
        good | {"a": np.arange(3.0)[None]},
        good | {"c": np.zeros(1)},
        {"tf_fragile": seal, "c": good["a"], "b": good["b"]},
        {"tf_fragile": seal, "a": good["a"]},
        good | {"tf_fragile": seal[:-1]},
        good | {"tf_fragile": np.frombuffer(bytes(seal).replace(b"run", b"nur", 2), np.uint8)},
    ):
        np.savez(path, **changed)
        assert read_pictures(path) is None
    np.savez(path, **good)
    assert read_pictures(path) is not None


def test_pictures_of_another_run_are_no_pictures_of_this_one(tmp_path: Path) -> None:
    image_path(tmp_path, "toy", 3).parent.mkdir(parents=True)
    write_gallery(
        image_path(tmp_path, "toy", 3), {"3|original": np.zeros(1)}, Origin("other", (3,))
    )
    for read in (names_of, read_gallery):
        with pytest.raises(InputError, match=r"image-0000003\.npz was made by another run"):
            read(tmp_path, "toy", "run")
    assert names_of(tmp_path, "toy", "other") == {"3|original"}


def test_pictures_of_an_earlier_version_are_refused(tmp_path: Path) -> None:
    gallery_path(tmp_path, "toy", 0).parent.mkdir(parents=True)
    np.savez(gallery_path(tmp_path, "toy", 0), a=np.zeros(1))
    with pytest.raises(InputError, match=r"does not say which run made it: it was written by an e"):
        read_gallery(tmp_path, "toy", "run")
