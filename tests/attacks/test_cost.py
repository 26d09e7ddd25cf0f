"""What evaluations are worth in forward passes, explainer by explainer."""

from __future__ import annotations

import pytest

import tf_fragile as tff
from tf_fragile.attacks.cost import PULL, Cost, forward_equivalents, price
from tf_fragile.explainers.catalog import EXPLAINERS

RANGE = (0, 255)


@pytest.mark.parametrize("name", tff.explainers())
def test_every_registered_explainer_has_a_price_of_its_own_or_is_made_of_gradients(name) -> None:
    same = price(name) == price("gradient")
    assert same == (not EXPLAINERS[name].graph)
    assert price(name).derivative > price(name).map


def test_what_is_not_registered_costs_what_the_gradient_does() -> None:
    assert price("mine:of=me") == price("gradient")


def test_settings_behind_a_name_and_evaluations() -> None:
    assert price("lrp_epsilon:epsilon=0.1") == price("lrp_epsilon")
    once, many = price("gradient"), price("integrated_gradients", 7)
    assert many == (7 * once.map, 7 * once.derivative)


def test_each_kind_of_evaluation_counts() -> None:
    own = price("deep_taylor")
    label, gradient = 1.0, price("gradient").map
    assert forward_equivalents(Cost(derivatives=2), own) == 2 * own.derivative
    assert forward_equivalents(Cost(maps=3), own) == pytest.approx(3 * (own.map + label))
    assert forward_equivalents(PULL, own) == gradient


def test_an_attack_is_paid_at_its_explainers_price_and_its_steps_at_the_thinned_rule(net) -> None:
    attack = tff.attack("top_k", k=20, steps=5)
    gradient, taylor = (tff.explain(name, net) for name in ("gradient", "deep_taylor"))
    assert attack.forwards(taylor) > 1.3 * attack.forwards(gradient)
    path = tff.explain("integrated_gradients", net, steps=8)
    thinned = tff.attack("top_k", k=20, steps=5, points=2)
    assert thinned.price(path).map == attack.price(path).map == 8 * price("gradient").map
    assert thinned.price(path).derivative == 2 * price("gradient").derivative


def test_results_carry_the_cost(net, images) -> None:
    taylor = tff.explain("deep_taylor", net)
    attack = tff.attack("top_k", k=20, steps=3)
    result = attack(taylor, images[:2], epsilon=4.0, bounds=RANGE)
    assert result.forward_equivalents == pytest.approx(attack.forwards(taylor))
