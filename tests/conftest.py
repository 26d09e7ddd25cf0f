"""What every test stands on: quiet TensorFlow, fixed seeds, and the shared data where it exists."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

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
