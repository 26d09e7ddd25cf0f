"""Files of code and a check that a saved model comes back with its maps."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.models import zoo


@pytest.fixture(autouse=True)
def _new_process(tmp_path: Path) -> Iterator[None]:
    """Forgets what a test imported and registered, as a new process would have."""
    modules, paths = set(sys.modules), list(sys.path)
    objects = keras.saving.get_custom_objects()
    registered = dict(objects)
    yield
    for name in set(sys.modules) - modules:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.path[:] = paths
    objects.clear()
    objects.update(registered)


@pytest.fixture
def code(tmp_path: Path) -> Callable[..., str]:
    """Writes a Python file and gives its path."""

    def write(text: str, name: str = "my_code.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write


@pytest.fixture
def comes_back() -> Callable[..., keras.Model]:
    """Loads a file and holds values and gradient to those of the model that was saved."""
    x = tf.reshape(tf.linspace(-1.0, 1.0, 6), (2, 3))

    def check(path: Path | str, like: keras.Model, **how) -> keras.Model:
        model = zoo.load(path, **how)
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = like(x)[:, 0]
        true = tape.gradient(score, x)
        np.testing.assert_allclose(model(x), like(x), rtol=1e-6)
        found = tff.explain("gradient", model)(x, target=0)
        np.testing.assert_allclose(found, true, rtol=1e-5, atol=1e-6)
        assert np.abs(true).max() > 0
        return model

    return check
