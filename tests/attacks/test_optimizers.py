"""Annealed momentum and the secant: what they promise beyond what every attack does."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.kept import margin
from tf_fragile.attacks.problem import clean, make_problem, radii
from tf_fragile.attacks.secant import secant_gradient
from tf_fragile.attacks.state import initial_state
from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.metrics.readouts import read_out

RANGE = (0.0, 255.0)
FIELDS = {
    "gradient": {},
    "gradient_x_input": {},
    "integrated_gradients": {"steps": 4, "baseline": 0.3},
    "smoothgrad": {"samples": 3, "noise_level": 0.05},
}


def loop_and_problem(attack, explainer, x, epsilon=4.0):
    """What an attack makes of a batch before its first step."""
    label = explainer.network.predict(x)
    seeds = sample_seeds(0, x.shape[0])
    reference = read_out(explainer(x, label, seeds))
    loop = attack.loop(explainer, 20)
    limits = InputRange.of(*RANGE)
    margins, scales = clean(loop, x, label)
    return loop, make_problem(
        attack.objective, limits, radii(epsilon), x, label, label, reference, seeds, margins, scales
    )


@pytest.mark.parametrize("name", FIELDS)
def test_the_secant_is_the_objectives_gradient_where_the_network_is_smooth(
    name, make_net, make_images
) -> None:
    net = make_net("softplus", "float64")
    explainer = tff.explain(name, net, **FIELDS[name])
    x = tf.constant(make_images(2, "float64") / 50)
    exact, _ = loop_and_problem(tff.attack("top_k", k=20, surrogate="none"), explainer, x)
    _, problem = loop_and_problem(tff.attack("top_k", k=20), explainer, x)
    expected = exact.step_gradient(x, problem).numpy()
    found = secant_gradient(explainer, exact.objective, x, problem, 1e-5).numpy()
    if name == "smoothgrad":  # its noise grows with the sample's range: not quite symmetric
        cosine = np.sum(found * expected) / np.linalg.norm(found) / np.linalg.norm(expected)
        assert cosine > 0.99
    else:
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ["guided_backprop", "lrp_zplus", "vargrad", "grad_cam"])
def test_the_secant_refuses_maps_without_a_symmetric_jacobian(name, net, images) -> None:
    attack = tff.attack("top_k", k=20, optimizer="secant", steps=2)
    with pytest.raises(InputError, match=f"that of {name} is not: use annealed_momentum"):
        attack(tff.explain(name, net), images, epsilon=4, bounds=RANGE)


def test_the_secant_attacks_models_that_have_no_graph(net, images) -> None:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.inner = net

        def call(self, x):
            return self.inner(x)

    model = Own()
    model(images)
    settings = {"k": 20, "steps": 8}
    found = tff.attack("top_k", optimizer="secant", h=2.0, **settings)(
        tff.explain("gradient", model), images, epsilon=8, bounds=RANGE
    )
    random = tff.attack("top_k", optimizer="random_sign", k=20)(
        tff.explain("gradient", model), images, epsilon=8, bounds=RANGE
    )
    left = [np.nanmean(r.metrics["top_k_intersection"]) for r in (found, random)]
    assert left[0] < left[1] - 0.1


def test_annealed_momentum_does_more_in_fewer_steps_than_signs(net, images) -> None:
    explainer = tff.explain("gradient", net)
    annealed = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=10)
    sign = tff.attack("top_k", k=20, steps=20, step_size=0.5)
    a, b = (
        attack(explainer, images, epsilon=4, bounds=RANGE).metrics["top_k_intersection"]
        for attack in (annealed, sign)
    )
    assert np.nanmean(a) < np.nanmean(b)


def test_the_way_back_keeps_labels_that_a_large_step_loses(net, images) -> None:
    explainer = tff.explain("gradient", net)
    settings = {"k": 20, "optimizer": "annealed_momentum", "steps": 8}
    pulled = tff.attack("top_k", pull=2.0, **settings)(explainer, images, epsilon=64, bounds=RANGE)
    free = tff.attack("top_k", pull=0.0, **settings)(explainer, images, epsilon=64, bounds=RANGE)
    assert (free.model_gradients == 0).all()
    assert pulled.model_gradients.sum() > 0
    assert (pulled.history > -np.inf).sum() > (free.history > -np.inf).sum()
    more = pulled.forward_equivalents - free.forward_equivalents
    np.testing.assert_allclose(more, 2.05 * pulled.model_gradients)


def test_the_margin_is_the_lead_over_the_runner_up() -> None:
    logits = tf.constant([[1.0, 4.0, 2.0], [5.0, 4.0, 5.5]])
    np.testing.assert_allclose(margin(logits, tf.constant([1, 0])), [2.0, -0.5])


def test_the_first_step_goes_to_the_face_of_the_ball_and_the_last_ones_hardly_move(
    net, images
) -> None:
    attack = tff.attack("top_k", k=20, optimizer="annealed_momentum", steps=10)
    x = tf.constant(np.clip(images, 10, 245))
    loop, problem = loop_and_problem(attack, tff.explain("gradient", net), x)
    state, _ = loop.run(problem, initial_state(problem), 0, 1)
    moved = np.abs(state.x - x)
    assert (moved > 3.99).mean() > 0.99  # a few entries have no gradient
    before, _ = loop.run(problem, state, 1, 8)
    after, _ = loop.run(problem, before, 9, 1)
    assert np.abs(after.x - before.x).max() <= 0.4 + 1e-4


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"momentum": 1.0}, "momentum of AnnealedMomentum is 1.0; give .* at least 0 and below 1"),
        ({"pull": -1.0}, "pull of AnnealedMomentum is -1.0; give"),
        ({"steps": 0}, "steps of AnnealedMomentum is 0; give"),
        ({"optimizer": "secant", "h": 0.0}, "h of Secant is 0.0; give"),
        ({"start": 5.0, "stop": 1.0}, "0 < start <= stop, got 5.0 and 1.0"),
        ({"norm": "l3"}, "Unknown attack norm 'l3'; did you mean"),
        ({"restarts": 0}, "restarts of an attack is 0; give"),
        ({"grid": -1.0}, "grid of an attack is -1.0; give"),
    ],
)
def test_bad_settings(settings, sentence) -> None:
    with pytest.raises(InputError, match=sentence):
        tff.attack("top_k", **{"optimizer": "annealed_momentum", **settings})
