"""The derivative gate in front of attacks from Python."""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks import trusting
from tf_fragile.attacks.given import given_to
from tf_fragile.attacks.optimizers import AnnealedMomentum, Secant, Sign
from tf_fragile.attacks.remembered import Remembered
from tf_fragile.attacks.trusting import UNCHECKED, as_secant
from tf_fragile.backprop.network import as_network
from tf_fragile.errors import InputError

layers = keras.layers
RANGE = (0.0, 1.0)


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(2, 12, 12, 3)).astype("float32")


def resizing() -> keras.Model:
    """Second derivatives of resizing are wrong in TensorFlow: zero."""
    keras.utils.set_random_seed(3)
    x = keras.Input((12, 12, 3))
    h = layers.Resizing(16, 16, name="resizing")(x)
    for _ in range(2):
        h = layers.Conv2D(6, 3, activation="relu")(h)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


@tf.custom_gradient
def _half_right(z):
    """The right first derivative, the derivative of which is nobody's."""

    def gradient(upstream):
        return upstream * tf.stop_gradient(2 * z)

    return z * z, gradient


class Beyond(layers.Layer):
    """A layer that no rewriting helps."""

    def call(self, z):
        return _half_right(z)


def hopeless() -> keras.Model:
    keras.utils.set_random_seed(3)
    x = keras.Input((12, 12, 3))
    h = Beyond(name="beyond")(layers.Conv2D(4, 3)(x))
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


def attack(**settings) -> tff.attacks.Attack:
    return tff.attack("top_k", **{"k": 14, "optimizer": "annealed_momentum", "steps": 4} | settings)


@pytest.mark.usefixtures("gated")
def test_wrong_second_derivatives_are_corrected_as_in_an_audit(x) -> None:
    model = resizing()
    r = attack()(tff.explain("gradient", model), x, epsilon=0.05, bounds=RANGE)
    (note,) = r.notes
    assert note.startswith("Second derivatives of 'resizing' are wrong in TensorFlow and were rew")
    assert r.success.any()
    assert not r.stuck.any()
    repaired = tff.derivatives.correct_derivatives(as_network(model))
    expected = attack(gate="off")(tff.explain("gradient", repaired), x, epsilon=0.05, bounds=RANGE)
    np.testing.assert_allclose(
        r.metrics["top_k_intersection"], expected.metrics["top_k_intersection"], atol=0.08
    )


@pytest.mark.usefixtures("gated")
def test_a_declined_gate_is_said_and_what_never_moved_is_no_success(x) -> None:
    r = attack(gate="off", surrogate="none")(
        tff.explain("gradient", resizing()), x, epsilon=0.05, bounds=RANGE
    )
    assert r.notes[0] == UNCHECKED
    assert r.notes[1].startswith("Layers 'conv2d")
    assert r.notes[2].startswith("2 of 2 attacks never moved")
    assert r.stuck.all()
    assert not r.success.any()


@pytest.mark.usefixtures("gated")
def test_the_secant_takes_over_where_nothing_can_be_corrected(x) -> None:
    model = hopeless()
    r = attack()(tff.explain("gradient", model), x, epsilon=0.05, bounds=RANGE)
    (note,) = r.notes
    assert "'beyond'" in note
    assert note.endswith("The secant optimizer took 4 steps in its place.")
    assert (r.gradient_evaluations == 0).all()
    assert r.success.any()
    with pytest.raises(InputError, match="which lrp_zplus is not; attack gradient, integrated_gra"):
        attack()(tff.explain("lrp_zplus", model), x, epsilon=0.05, bounds=RANGE)


@pytest.mark.usefixtures("gated")
def test_the_gate_runs_once_a_model_and_only_for_who_follows_derivatives(x, monkeypatch) -> None:
    asked = []

    def counted(network, *given, **settings):
        asked.append(network)
        return tff.derivatives.Decision("as_is", network, (), None, None, "")

    monkeypatch.setattr(trusting, "trusted", counted)
    model, other = hopeless(), hopeless()

    def run(model, name="gradient", **settings):
        explainer = tff.explain(name, model)
        asking = attack(steps=1, **{"optimizer": "annealed_momentum"} | settings)
        data = given_to(explainer, x, None, 0.05, RANGE, 0, tolerance=None, channel_axis=None,
                        chunked=lambda function, rows: function(rows))  # fmt: skip
        trusting.course(asking.optimizer, asking.surrogate, asking.gate, explainer, data)

    run(model)
    run(model, "gradient_x_input", optimizer="sign")
    assert len(asked) == 1
    run(model, optimizer="random_sign")
    run(model, optimizer="secant")
    run(model, gate="off")
    assert len(asked) == 1
    run(model, surrogate="none")
    run(other)
    assert len(asked) == 3


def test_what_is_remembered_dies_with_its_model_and_is_little() -> None:
    remembered: Remembered[int] = Remembered(most=2)
    model = hopeless()
    found = [remembered.get(as_network(model), question, lambda: 1) for question in "abcab"]
    assert found == [1] * 5
    made = []
    for question in "ab":
        remembered.get(as_network(model), question, lambda: made.append(1) or 1)
    assert made == []
    remembered.get(as_network(model), "c", lambda: made.append(1) or 1)
    assert made == [1]  # forgotten for the two used since
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_a_rewritten_network_is_another_one() -> None:
    remembered: Remembered[int] = Remembered()
    network = as_network(resizing())
    repaired = tff.derivatives.correct_derivatives(network)
    assert remembered.get(network, None, lambda: 1) == 1
    assert remembered.get(repaired, None, lambda: 2) == 2
    assert remembered.get(as_network(network.model), None, lambda: 3) == 1


def test_the_secant_keeps_steps_and_momentum() -> None:
    assert as_secant(AnnealedMomentum(7, 0.5, 1.0, 0.1), 0.25) == Secant(7, 0.25, 0.5, 1.0, 0.1)
    assert as_secant(Sign(9), 0.5) == Secant(9, 0.5)


def test_a_gate_is_auto_or_off() -> None:
    with pytest.raises(InputError, match="Unknown gate of an attack 'on'; known: auto, off"):
        tff.attack("top_k", gate="on")
