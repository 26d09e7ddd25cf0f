from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile._version
from tf_fragile.errors import InputError
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.manifest import Manifest


def example(**changes: Any) -> Manifest:
    arguments: dict[str, Any] = {
        "command": ["tf_fragile", "audit", "--seed=3"],
        "settings": {"epsilon": (1.0, 2.0), "data": Path("folder"), "attack": {"k": 10}},
        "probes": {"fragility": {"k": 5}},
        "seed": 3,
        "model_hash": "aa",
        "data_hash": "bb",
        "device": "CPU",
        "data_size": 12,
    }
    return manifests.begin(**arguments | changes)


def test_survives_writing_and_reading(tmp_path: Path) -> None:
    manifest = manifests.finish(example(), 1.23456)
    manifests.write(tmp_path, manifest)
    assert manifests.read(tmp_path) == manifest
    assert manifest.wall_time_s == 1.235
    assert manifest.finished is not None
    assert manifest.started.endswith("+00:00")


def test_holds_the_versions_that_decide_the_numbers() -> None:
    versions = example().versions
    assert versions["tensorflow"] == tf.__version__
    assert versions["keras"] == keras.__version__
    assert versions["numpy"] == np.__version__
    assert versions["tf_fragile"] == tf_fragile._version.__version__


def test_the_hash_is_stored_and_ignores_time_command_and_device(tmp_path: Path) -> None:
    manifest = example()
    manifests.write(tmp_path, manifest)
    stored = json.loads((tmp_path / "manifest.json").read_text("utf-8"))["settings_hash"]
    other = dataclasses.replace(manifest, command=("x",), device="GPU", started="", resumed=2)
    assert stored == manifests.settings_hash(other)
    assert stored != manifests.settings_hash(example(seed=4))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"settings": {"epsilon": [1.0, 4.0]}}, r"attack\.k was 10 and is now not set"),
        (
            {"settings": {"epsilon": [1.0, 4.0], "data": "folder", "attack": {"k": 10}}},
            r"epsilon was \[1.0, 2.0\] and is now \[1.0, 4.0\]",
        ),
        ({"seed": 4}, "seed was 3 and is now 4"),
        (
            {"model_hash": "cc"},
            "the model changed: other layers, weights or code: their digest was aa and is now cc",
        ),
        (
            {"data_hash": "cc", "data_size": 12},
            "the data changed: as many images, but other pixels, names, labels or "
            "classes: their digest was bb and is now cc",
        ),
        ({"data_hash": "cc", "data_size": 13}, "the data changed: 12 images then, 13 now;"),
        (
            {"data_hash": "cc", "data_size": 13, "settings": {"data": "npz:x"}},
            r"the data changed \(folder then, npz:x now\): 12 images then, 13 now;",
        ),
    ],
)
def test_a_directory_with_another_run_is_refused_by_its_first_difference(
    tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    manifests.write(tmp_path, example())
    with pytest.raises(InputError, match=told) as caught:
        manifests.taken_up(tmp_path, example(**change))
    assert "choose another --out or delete it" in str(caught.value)


def test_other_library_versions_are_another_run(tmp_path: Path) -> None:
    manifest = example()
    older = dataclasses.replace(manifest, versions={**manifest.versions, "keras": "3.0"})
    with pytest.raises(InputError, match=r'versions\.keras was "3\.0"'):
        manifests.check_same_settings(older, manifest, tmp_path)


def test_the_same_run_is_taken_up_with_its_start_and_time(tmp_path: Path) -> None:
    first = manifests.finish(manifests.taken_up(tmp_path, example()), 10.0)
    manifests.write(tmp_path, first)
    second = manifests.taken_up(tmp_path, example())
    assert (second.started, second.resumed) == (first.started, 1)
    assert manifests.finish(second, 2.5).wall_time_s == 12.5


def test_settings_are_told_before_the_digest_that_they_are_part_of(tmp_path: Path) -> None:
    settings = {"data": "folder", "attack": {"k": 10}, "epsilon": [1.0, 2.0], "resize": "crop"}
    manifests.write(tmp_path, example())
    with pytest.raises(InputError, match='resize was not set and is now "crop"'):
        manifests.taken_up(tmp_path, example(settings=settings, data_hash="cc"))


@pytest.mark.parametrize("positions", [[0, 1], [0, 2]])
def test_other_images_of_the_same_data_are_another_run(tmp_path: Path, positions) -> None:
    manifests.write(tmp_path, example(settings={"positions": [0, 1]}))
    again = example(settings={"positions": positions})
    if positions == [0, 1]:
        assert manifests.taken_up(tmp_path, again).resumed == 1
    else:
        with pytest.raises(InputError, match=r"positions was \[0, 1\] and is now \[0, 2\]"):
            manifests.taken_up(tmp_path, again)


def test_a_model_or_data_that_moved_are_the_same_run(tmp_path: Path) -> None:
    manifests.write(tmp_path, example(settings={"model": "a.keras", "data": "folder:here"}))
    moved = example(settings={"model": "b.keras", "data": "folder:there"})
    assert manifests.taken_up(tmp_path, moved).resumed == 1


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"[]", b"{}", b'{"settings_hash": 1, "command": []}', b"\x00", b"\xff\xfe", b"null"),
        b"[" * 100_000,
    ],
)
def test_a_foreign_or_broken_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match="is not a manifest of tf_fragile; delete it, and the com"):
        manifests.read(tmp_path)


def test_what_is_no_file_is_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "manifest.json"
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to(path)):
        make()
        with pytest.raises(InputError, match="is not a manifest of tf_fragile"):
            manifests.read(tmp_path)
        path.rmdir() if path.is_dir() else path.unlink()


FIELDS = [*(field.name for field in dataclasses.fields(Manifest)), "settings_hash", "digest"]


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", ["x", 7, None, "left out"])
def test_a_manifest_that_was_edited_is_refused(tmp_path: Path, name: str, value: object) -> None:
    manifests.write(tmp_path, manifests.finish(example(), 1.0))
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    if value == "left out":
        del content[name]
    else:
        content[name] = value
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"was edited|earlier version|is not a manifest"):
        manifests.read(tmp_path)


def test_a_manifest_of_other_settings_with_its_own_digest_is_refused(tmp_path: Path) -> None:
    manifests.write(tmp_path, example())
    path = tmp_path / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    del content["digest"]
    content["seed"] = 4
    path.write_text(json.dumps(content | {"digest": manifests._digest(content)}))
    with pytest.raises(InputError, match="its settings are not those of its settings_hash"):
        manifests.read(tmp_path)


def test_a_manifest_of_an_earlier_version_says_so(tmp_path: Path) -> None:
    content = dataclasses.asdict(example())
    hashed = {"settings_hash": manifests.settings_hash(example())}
    (tmp_path / "manifest.json").write_text(json.dumps(content | hashed, default=str))
    with pytest.raises(InputError, match=r"manifest\.json was written by an earlier version of tf"):
        manifests.read(tmp_path)


def test_an_empty_directory_holds_no_run(tmp_path: Path) -> None:
    assert manifests.read(tmp_path) is None
