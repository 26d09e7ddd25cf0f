"""What every test stands on: quiet TensorFlow, fixed seeds, and the shared data where it exists."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

if TYPE_CHECKING:
    import keras
    import numpy as np

PROJECT = Path(__file__).resolve().parent.parent

# Before the first import of TensorFlow, which reads these once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
os.environ.setdefault("MPLBACKEND", "Agg")
# What XLA compiles here is run once or twice: its code need not be fast.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
# What the programs that tests start say is UTF-8, whatever the locale of whoever started pytest.
os.environ["PYTHONUTF8"] = "1"
if "PYTEST_XDIST_WORKER" in os.environ:  # the processes share the cores: one thread each
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
    os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_collection_finish() -> None:
    """What is there before the first test stays: no collection of garbage need look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """What a test calls when something it needs is absent: it skips, or in CI fails."""

    def stop(reason: str) -> NoReturn:
        if _in_ci():
            pytest.fail(reason)
        pytest.skip(reason)

    return stop


@pytest.fixture(scope="session")
def shared_data(missing: Callable[[str], NoReturn]) -> Path:
    """The directory of real images and weights; absent, the test skips, or in CI fails."""
    path = Path(os.environ.get("TF_FRAGILE_DATA") or PROJECT.parent / "shared" / "data")
    if path.is_dir():
        return path.resolve()
    return missing(f"needs the data of TF_FRAGILE_DATA; {path} is not a directory")


@pytest.fixture(autouse=True)
def tiny_seed() -> None:
    """Fixes the global seeds, so that fresh weights are the same in every run and order."""
    keras = sys.modules.get("keras")  # a test without Keras does not wait for its import
    if keras is not None:
        keras.utils.set_random_seed(0)


def convnet(activation: str = "relu", dtype: str = "float32") -> keras.Model:
    """A 12x12 three-class net with random weights; margins are wide enough to attack within."""
    import keras  # here, for tests that need none

    layers = keras.layers
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        keras.utils.set_random_seed(2)
        x = keras.Input((12, 12, 3))
        h = layers.Conv2D(8, 3, padding="same", activation=activation)(x)
        h = layers.Conv2D(8, 3, strides=2, padding="same", activation=activation)(h)
        h = layers.Conv2D(8, 3, padding="same", activation=activation)(h)
        return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    finally:
        keras.config.set_dtype_policy(before)


def pictures(count: int = 6, dtype: str = "float32") -> np.ndarray:
    """Smooth pictures in 0..255."""
    import numpy as np

    rng = np.random.default_rng(4)
    coarse = rng.uniform(20, 235, (count, 4, 4, 3))
    fine = coarse.repeat(3, axis=1).repeat(3, axis=2) + rng.normal(0, 8, (count, 12, 12, 3))
    return np.clip(fine, 0, 255).astype(dtype)


@pytest.fixture
def net() -> keras.Model:
    return convnet()


@pytest.fixture
def images() -> np.ndarray:
    return pictures()


@pytest.fixture(scope="session")
def make_net():
    return convnet


@pytest.fixture(scope="session")
def make_images():
    return pictures


@pytest.fixture(scope="session")
def upsampling() -> Callable[[], keras.Model]:
    """Makes a net with a layer whose second derivative TensorFlow has wrong."""

    def build() -> keras.Model:
        import keras

        keras.utils.set_random_seed(5)
        layers = keras.layers
        x = keras.Input((12, 12, 3))
        h = layers.Conv2D(5, 3, strides=2, padding="same", activation="relu")(x)
        h = layers.UpSampling2D(2, interpolation="bilinear")(h)
        h = layers.Conv2D(5, 3, padding="same", activation="relu")(h)
        h = layers.MaxPooling2D(3, strides=1, padding="same")(h)
        return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))

    return build
