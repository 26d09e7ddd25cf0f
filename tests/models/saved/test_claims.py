"""A file that claims to hold more than it does is refused before room is made for it."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.models import zoo

layers = keras.layers
HUGE = 2 * 10**8


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    """A copy of a `.keras` file whose configuration says something else."""
    with zipfile.ZipFile(source) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    text = content["config.json"].decode()
    assert old in text
    content["config.json"] = text.replace(old, new).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return target


def _dense() -> keras.Model:
    return keras.Sequential([keras.Input((10,)), layers.Dense(7)])


def _nested() -> keras.Model:
    return keras.Sequential([keras.Input((10,)), keras.Sequential([layers.Dense(7)])])


def _conv() -> keras.Model:
    return keras.Sequential([keras.Input((9, 9, 3)), layers.Conv2D(7, 3, use_bias=False)])


def _embedding() -> keras.Model:
    return keras.Sequential([keras.Input((4,)), layers.Embedding(7, 3)])


def _recurrent() -> keras.Model:
    return keras.Sequential([keras.Input((4, 2)), layers.LSTM(7)])


@pytest.mark.parametrize(
    ("make", "setting"),
    [
        (_dense, '"units": {}'),
        (_nested, '"units": {}'),
        (_conv, '"filters": {}'),
        (_embedding, '"input_dim": {}'),
        (_recurrent, '"units": {}'),
    ],
    ids=["dense", "nested", "convolution", "embedding", "recurrent"],
)
def test_layers_described_as_huge_are_refused_before_they_are_made(make, setting, tmp_path) -> None:
    make().save(tmp_path / "small.keras")
    path = changed(
        tmp_path / "small.keras", tmp_path / "huge.keras", setting.format(7), setting.format(HUGE)
    )
    with pytest.raises(InputError) as caught:
        zoo.load(path)
    assert re.fullmatch(
        rf"The model file '{path}' has [\d.]+ kB that take [\d.]+ GB in memory, more than the "
        r"1\.2 GB that a file may; if it is to be trusted, allow it by --file_limit=[\d.]+; or its "
        r"layers are described larger than they are\.",
        str(caught.value),
    )


def test_the_limit_that_the_sentence_names_is_enough(tmp_path) -> None:
    model = keras.Sequential([keras.Input((300,)), layers.Dense(400, kernel_initializer="zeros")])
    path = tmp_path / "zeros.keras"
    model.save(path)
    with zipfile.ZipFile(path) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    with pytest.raises(
        InputError, match=r"'model\.weights\.h5' in .* has .* allow it by"
    ) as caught:
        zoo.load(path, file_limit=1e-4)
    enough = float(re.search(r"--file_limit=([\d.e-]+)\.", str(caught.value))[1])
    assert zoo.load(path, file_limit=enough).count_params() == model.count_params()


def test_a_model_that_is_as_large_as_it_looks_needs_no_limit(tmp_path) -> None:
    model = _dense()
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        zoo.load(tmp_path / "model.keras", file_limit=1e-9).get_weights()[0], model.get_weights()[0]
    )


def test_arrays_without_content_are_refused(tmp_path) -> None:
    model = _dense()
    model.save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5", "a") as file:
        config = json.loads(file.attrs["model_config"])
        file.create_dataset("model_weights/more", (HUGE, 10), "f4", chunks=(1000, 10))
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(
        InputError,
        match=r"^The array 'model_weights/more' in '.*model\.h5' has 0 bytes that take 8",
    ):
        zoo.load(tmp_path / "model.h5")


def test_an_archive_of_weights_that_expands_is_refused(tmp_path) -> None:
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, **{"dense/kernel": np.zeros((300, 400))})
    with pytest.raises(InputError, match=r"^'dense/kernel\.npy' in '.*weights\.npz' has .* that"):
        zoo.load("mnist_cnn", weights=path, file_limit=1e-4)
