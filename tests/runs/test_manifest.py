from __future__ import annotations

import dataclasses
import json
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
    stored = json.loads((tmp_path / "manifest.json").read_text())["settings_hash"]
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
            "the model changed: other layers or weights: their digest was aa and is now cc",
        ),
        (
            {"data_hash": "cc", "data_size": 12},
            "the data changed: as many images, but other pixels, names or labels: their digest "
            "was bb and is now cc",
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
    manifests.open_run(tmp_path, example())
    with pytest.raises(InputError, match=told) as caught:
        manifests.open_run(tmp_path, example(**change))
    assert "choose another --out or delete it" in str(caught.value)


def test_other_library_versions_are_another_run(tmp_path: Path) -> None:
    manifest = example()
    older = dataclasses.replace(manifest, versions={**manifest.versions, "keras": "3.0"})
    with pytest.raises(InputError, match=r'versions\.keras was "3\.0"'):
        manifests.check_same_settings(older, manifest, tmp_path)


def test_the_same_run_is_taken_up_with_its_start_and_time(tmp_path: Path) -> None:
    first = manifests.finish(manifests.open_run(tmp_path, example()), 10.0)
    manifests.write(tmp_path, first)
    second = manifests.open_run(tmp_path, example())
    assert (second.started, second.resumed) == (first.started, 1)
    assert manifests.finish(second, 2.5).wall_time_s == 12.5


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"settings_hash": 1, "command": []}', "\x00"])
def test_a_foreign_or_broken_manifest_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(InputError, match="is not a manifest of tf_fragile; choose another --out"):
        manifests.read(tmp_path)


def test_an_empty_directory_holds_no_run(tmp_path: Path) -> None:
    assert manifests.read(tmp_path) is None
