"""A fingerprint changes with what a model computes, and with nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest

from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.models.saved.loading import load_file

layers = keras.layers


def net(
    *,
    activation: Any = "relu",
    padding: str = "valid",
    epsilon: float = 1e-3,
    factor: float = 1 / 255,
    policy: str | None = None,
    added: float = 1.0,
    lam: Callable[[Any], Any] = lambda v: v * 2,
    swapped: bool = False,
    second: str | None = None,
    scale: float = 0.1,
) -> keras.Model:
    """A small net with two branches; its weights depend on nothing but `scale`."""
    x = keras.Input((6, 6, 2))
    h = layers.Rescaling(factor)(x)
    conv = {"activation": activation, "padding": padding, "dtype": policy}
    a, b = layers.Conv2D(2, 3, **conv)(h), layers.Conv2D(2, 3, **conv, name=second)(h)
    h = keras.ops.subtract(*((b, a) if swapped else (a, b))) + added
    h = layers.Lambda(lam)(layers.BatchNormalization(epsilon=epsilon)(h))
    out = layers.Dense(2)(layers.GlobalAveragePooling2D()(h))
    return filled(keras.Model(x, out), scale)


def filled(model: keras.Model, scale: float = 0.1) -> keras.Model:
    rng = np.random.default_rng(0)
    model.set_weights([scale * rng.random(w.shape) for w in model.get_weights()])
    return model


@pytest.fixture(scope="module")
def plain() -> str:
    return fingerprint(net())


def test_a_model_that_is_built_again_has_the_same_one_whatever_keras_calls_its_layers(
    plain,
) -> None:
    first, again = net(), net()
    assert first.layers[-1].name != again.layers[-1].name
    assert fingerprint(first) == fingerprint(again) == plain


def test_using_and_compiling_a_model_changes_nothing(plain) -> None:
    model = net()
    model.compile(optimizer="sgd", loss="mse")
    x = np.ones((2, 6, 6, 2), np.float32)
    model(x)
    keras.Model(model.input, layers.Activation("relu")(model.layers[2].output))
    assert fingerprint(model) == plain


def leaky(v: Any) -> Any:
    return keras.ops.maximum(v, 0.1 * v)


def steeper(v: Any) -> Any:
    return keras.ops.maximum(v, SLOPE * v)


SLOPE = 0.2


@pytest.mark.parametrize(
    "changes",
    [
        {"activation": "tanh"},
        {"activation": leaky},
        {"padding": "same"},
        {"epsilon": 1e-2},
        {"factor": 1 / 127.5},
        {"policy": "mixed_float16"},
        {"policy": "float64"},
        {"added": 2.0},
        {"lam": lambda v: v * 3},
        {"lam": lambda v: v + 2},
        {"swapped": True},
        {"second": "chosen"},  # settings such as `layer=chosen` mean it
        {"scale": 0.2},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_it_changes_with_whatever_changes_the_function(plain, changes) -> None:
    assert fingerprint(net(**changes)) != plain
    assert fingerprint(net(**changes)) == fingerprint(net(**changes))


def test_code_counts_with_what_it_names_and_encloses(monkeypatch: pytest.MonkeyPatch) -> None:
    def times(factor: float) -> Callable[[Any], Any]:
        return lambda v: v * factor

    prints = [fingerprint(net(lam=times(factor))) for factor in (2.0, 2.0, 3.0)]
    assert prints[0] == prints[1] != prints[2]
    before = fingerprint(net(activation=steeper))
    monkeypatch.setattr(sys.modules[__name__], "SLOPE", 0.3)
    assert fingerprint(net(activation=steeper)) != before


def test_order_of_layers_that_share_a_stem_is_not_lost() -> None:
    """`layer=conv_1` would be another layer."""

    def named(*names: str) -> str:
        sizes = [layers.Dense(3, name=name) for name in names]
        return fingerprint(filled(keras.Sequential([keras.Input((3,)), *sizes])))

    assert named("dense", "dense_1") == named("dense_7", "dense_8") == named("dense_9", "dense_10")
    assert named("dense_1", "dense") != named("dense", "dense_1")


CODE = """
    import keras
    FACTOR = {factor}
    def helper(v):
        {comment}
        return v * FACTOR
    class Gain(keras.layers.Layer):
        def __init__(self, gain, **kwargs):
            super().__init__(**kwargs)
            self._gain = gain
        def call(self, x):
            return helper(x) * self._gain
        {config}
    class Net(keras.Model):
        def __init__(self, gain):
            super().__init__()
            self.first, self.second = keras.layers.Dense(3), keras.layers.Dense(3)
            self.gain = Gain(gain)
        def call(self, x):
            return self.{order[0]}(self.{order[1]}(self.gain(x)))
"""
NO_CONFIG = "def get_config(self): raise NotImplementedError"


def module(gain: float = 2.0, **changes: Any) -> ModuleType:
    given = {"factor": 2, "comment": "pass", "order": ("first", "second"), "config": ""} | changes
    made = ModuleType("users_code")
    exec(textwrap.dedent(CODE).format(**given), vars(made))
    return made


def subclassed(gain: float = 2.0, **changes: Any) -> keras.Model:
    model = module(**changes).Net(gain)
    model(np.ones((1, 3), np.float32))
    return filled(model)


def around(gain: float = 2.0, **changes: Any) -> keras.Model:
    x = keras.Input((3,))
    return filled(keras.Model(x, layers.Dense(2)(module(**changes).Gain(gain)(x))))


@pytest.mark.parametrize("make", [subclassed, around])
@pytest.mark.parametrize("config", ["", NO_CONFIG])
def test_code_of_subclasses_counts_and_what_they_hold(make, config: str) -> None:
    before = fingerprint(make(config=config))
    assert fingerprint(make(config=config, comment="pass  # said otherwise")) == before
    assert fingerprint(make(config=config, factor=3)) != before
    assert fingerprint(make(3.0, config=config)) != before


def test_the_order_in_which_a_subclass_calls_its_layers_counts() -> None:
    assert fingerprint(subclassed()) != fingerprint(subclassed(order=("second", "first")))


def test_shared_and_nested_layers_count_as_they_are_wired() -> None:
    def inside(factor: float) -> keras.Model:
        return keras.Sequential([keras.Input((3,)), layers.Rescaling(factor), layers.Dense(3)])

    def nested(shared: bool, factor: float = 1.0) -> str:
        inner, x = inside(factor), keras.Input((3,))
        model = keras.Model(x, (inner if shared else inside(factor))(inner(x)))
        model.set_weights([np.ones(w.shape) for w in model.get_weights()])
        return fingerprint(model)

    assert nested(True) == nested(True) != nested(False) == nested(False)
    assert nested(True, 2.0) != nested(True)


def test_a_model_file_with_code_in_it_has_one_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    with pytest.warns(UserWarning, match="lambda"):
        net(activation=lambda v: v * v).save(path)
    assert fingerprint(load_file(path, unsafe=True)) == fingerprint(load_file(path, unsafe=True))


IN_ANOTHER_PROCESS = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("tests_of_fingerprints", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = tests
spec.loader.exec_module(tests)
print(json.dumps(tests.of_each_kind()))
"""


def of_each_kind() -> list[str]:
    sets = {"lam": lambda v: v if v.dtype in {"float32", "a", "b", "c"} else v * 2}
    return [fingerprint(m) for m in (net(), net(**sets), subclassed(), around(config=NO_CONFIG))]


@pytest.mark.slow
def test_it_is_the_same_in_every_process() -> None:
    found = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS, __file__],
        env={**os.environ, "PYTHONHASHSEED": "5", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(found.stdout.splitlines()[-1]) == of_each_kind()
