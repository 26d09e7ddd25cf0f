"""What an attack keeps: the user's own label, set of labels, or numbers to within a tolerance."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.kept import Kept, kept_by, labels_margin
from tf_fragile.errors import InputError

layers = keras.layers
RANGE = (0.0, 1.0)


def net(units: int, activation: str | None = None, inputs: int = 10) -> keras.Model:
    keras.utils.set_random_seed(3)
    x = keras.Input((inputs,))
    h = layers.Dense(8, activation="relu")(x)
    return keras.Model(x, layers.Dense(units, activation=activation)(h))


def rows(count: int = 3) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.3, 0.7, (count, 10)).astype("float32")


def of_task(explainer, told, task: str):
    """The explainer on a network of a task, which predicts as one of that task does."""
    network = told(
        explainer.network,
        task=task,
        predict=lambda x: outputs(x) > 0.5 if task == "labels" else outputs(x),
    )
    outputs = network.outputs
    return explainer.on(network)


HEADS = {
    "softmax": (3, "softmax"),
    "logits": (3, None),
    "one sigmoid": (1, "sigmoid"),
    "one logit": (1, None),
}


@pytest.mark.parametrize("head", HEADS)
def test_confidence_and_label_are_those_of_the_users_own_output(head) -> None:
    units, activation = HEADS[head]
    model, x = net(units, activation), rows()
    said = {"head": "logits"} if head == "one logit" else {}
    r = tff.attack("top_k", k=3, optimizer="random_sign")(
        tff.explain("gradient", model, **said), x, epsilon=0.05, bounds=RANGE
    )
    out = model.predict(r.perturbed[0], verbose=0)
    if units == 1:
        p = out if activation else 1 / (1 + np.exp(-out))
        shares = np.concatenate([1 - p, p], axis=1)
    else:
        shares = out if activation else np.exp(out) / np.exp(out).sum(1, keepdims=True)
    ok = r.success[0]
    assert ok.any()
    confidence = shares[np.arange(len(x)), r.label]
    np.testing.assert_allclose(r.metrics["confidence_after"][0][ok], confidence[ok], rtol=1e-5)
    np.testing.assert_array_equal(r.predicted[0][ok], shares.argmax(1)[ok])


def test_a_success_is_judged_by_the_model_and_not_by_the_recorded_graph(told) -> None:
    """Whatever the graph says, a label that the user's model does not give is not kept."""
    model, x = net(3), rows()
    explainer = tff.explain("gradient", model)
    clean = explainer.network.predict(x)

    def predict(given):
        same = tf.reduce_all(tf.abs(given - x[: given.shape[0]]) < 1e-6, -1)
        return tf.where(same, clean[: given.shape[0]], (clean[: given.shape[0]] + 1) % 3)

    r = tff.attack("top_k", k=3, optimizer="random_sign")(
        explainer.on(told(explainer.network, predict=predict)), x, epsilon=0.01, bounds=RANGE
    )
    assert not r.success.any()
    np.testing.assert_array_equal(r.label, clean)


def test_a_set_of_labels_is_kept_and_not_its_arg_max(told) -> None:
    model, x = net(4, "sigmoid"), rows(6)
    explainer = of_task(tff.explain("gradient", model), told, "labels")
    r = tff.attack("top_k", k=3, optimizer="annealed_momentum", steps=6)(
        explainer, x, epsilon=0.1, bounds=RANGE
    )
    clean = model.predict(x, verbose=0)
    np.testing.assert_array_equal(r.label, clean > 0.5)
    after = model.predict(r.perturbed[0], verbose=0)
    ok = r.success[0]
    assert ok.any()
    assert ((after > 0.5) == (clean > 0.5))[ok].all()
    assert r.predicted.shape == (1, 6, 4)
    decided = np.where(clean > 0.5, after, 1 - after).mean(1)
    np.testing.assert_allclose(r.metrics["confidence_after"][0][ok], decided[ok], rtol=1e-5)


def test_a_label_that_leaves_the_set_is_no_success_though_the_arg_max_stays() -> None:
    kept = Kept("labels")
    logits = tf.constant([[3.0, 0.2, -1.0], [3.0, -0.2, -1.0]])
    label = tf.constant([[True, True, False]] * 2)
    np.testing.assert_allclose(labels_margin(logits, label), [0.2, -0.2], rtol=1e-6)
    np.testing.assert_array_equal(kept.same(logits.numpy() > 0, label.numpy()), [True, False])


def test_a_regression_stays_within_its_tolerance(told) -> None:
    model, x = net(2), rows(6)
    explainer = of_task(tff.explain("gradient", model), told, "regression")
    attack = tff.attack("top_k", k=3, optimizer="annealed_momentum", steps=6, tolerance=0.02)
    r = attack(explainer, x, target=1, epsilon=0.1, bounds=RANGE)
    clean, after = (model.predict(values, verbose=0) for values in (x, r.perturbed[0]))
    np.testing.assert_allclose(r.label, clean, rtol=1e-5)
    ok = r.success[0]
    assert ok.any()
    moved = np.abs(after - clean).max(1)
    assert moved[ok].max() <= 0.02 + 1e-6
    assert moved[ok].max() > 0.002  # it is used
    np.testing.assert_allclose(r.metrics["output_after"][0][ok], after[ok, 1], rtol=1e-4)
    np.testing.assert_allclose(r.metrics["output_before"][0][ok], clean[ok, 1], rtol=1e-4)
    assert "confidence_after" not in r.metrics


@pytest.mark.parametrize(
    ("task", "tolerance", "sentence"),
    [
        ("regression", None, "predicts numbers, so an attack on it has no label to keep; give tol"),
        ("classes", 0.1, "predicts labels, which an attack keeps; leave it out"),
        ("labels", 0.1, "predicts labels, which an attack keeps; leave it out"),
    ],
)
def test_a_tolerance_is_for_regressions_alone(task, tolerance, sentence, told) -> None:
    network = told(tff.explain("gradient", net(2)).network, task=task)
    with pytest.raises(InputError, match=sentence):
        kept_by(network, tolerance)


def test_a_tolerance_is_positive() -> None:
    with pytest.raises(InputError, match="tolerance of an attack is 0; give"):
        tff.attack("top_k", tolerance=0)


@pytest.mark.parametrize("axis", [1, 2])
def test_channels_are_summed_wherever_they_are(axis: int) -> None:
    """The same attack on the same pictures, held with their channels on another axis."""
    keras.utils.set_random_seed(1)
    last = [0, 1, 2, 3]
    last.insert(axis % 4, last.pop())  # channels-last order, channels moved to `axis`
    back = np.argsort(last)
    x = np.random.default_rng(0).uniform(0.2, 0.8, (2, 5, 6, 2)).astype("float32")
    given = keras.Input((5, 6, 2))
    h = layers.Conv2D(4, 3, activation="relu")(given)
    plain = keras.Model(given, layers.Dense(3)(layers.Flatten()(h)))
    moved_in = keras.Input(tuple(x.transpose(last).shape[1:]))
    order = tuple(int(i) for i in back[1:])
    moved = keras.Model(moved_in, plain(layers.Permute(order)(moved_in)))
    attack = tff.attack("top_k", k=6, optimizer="random_sign", channel_axis=axis)
    r = attack(tff.explain("gradient", moved), x.transpose(last), epsilon=0.05, bounds=RANGE)
    assert r.map_before.shape == (2, 5, 6)
    maps = np.abs(tff.explain("gradient", plain)(x, target=r.label)).sum(-1)
    expected = maps / maps.sum((1, 2), keepdims=True)
    np.testing.assert_allclose(r.map_before, expected, rtol=1e-4)


def test_limits_of_each_channel_go_with_the_channels() -> None:
    keras.utils.set_random_seed(1)
    x = np.stack([np.full((4, 4), 0.5), np.full((4, 4), 50.0)])[None].astype("float32")
    given = keras.Input((2, 4, 4))
    model = keras.Model(given, layers.Dense(3)(layers.Flatten()(given)))
    limits = tff.data.ranges.InputRange.of([0, 0], [1, 100], [0.01, 1.0])
    attack = tff.attack("top_k", k=4, optimizer="random_sign", channel_axis=1)
    r = attack(tff.explain("gradient", model), x, epsilon=2, bounds=limits)
    assert r.success.all()
    moved = np.abs(r.perturbed[0] - x)[0]
    np.testing.assert_allclose(moved[0], 0.02, rtol=1e-3)
    np.testing.assert_allclose(moved[1], 2.0, rtol=1e-3)


@pytest.mark.parametrize("axis", [0, 4, -4])
def test_an_axis_of_channels_that_is_none_is_refused(axis: int, net, images) -> None:
    attack = tff.attack("top_k", k=4, optimizer="random_sign", channel_axis=axis)
    with pytest.raises(InputError, match=f"channel_axis={axis} is no axis of inputs of shape"):
        attack(tff.explain("gradient", net), images, epsilon=1, bounds=(0, 255))


def test_float64_inputs_of_a_float32_model_are_attacked_in_the_models_precision() -> None:
    x = rows().astype("float64")
    attack = tff.attack("top_k", k=3, optimizer="annealed_momentum", steps=2)
    r = attack(tff.explain("gradient", net(3)), x, epsilon=0.05, bounds=RANGE)
    assert r.perturbed.dtype == np.float32
    assert r.success.any()
