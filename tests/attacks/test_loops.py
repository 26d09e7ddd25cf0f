"""An attack's compiled loops: never another attack's, never many, never longer than their model."""

from __future__ import annotations

import gc
import weakref
from dataclasses import fields, is_dataclass, replace

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.attacks.loops import Loops
from tf_fragile.attacks.objectives import TopK

layers = keras.layers
RANGE = (0.0, 1.0)


def table_net() -> keras.Model:
    stack = [keras.Input((12,)), layers.Dense(8, activation="relu"), layers.Dense(3)]
    return keras.Sequential(stack)


@pytest.fixture
def rows() -> np.ndarray:
    return np.random.default_rng(0).uniform(0.2, 0.8, (2, 12)).astype("float32")


CHANGES = {
    "norm": {"norm": "l2"},
    "objective": {"objective": TopK(k=5)},
    "k": {"k": 4},
    "surrogate": {"surrogate": tff.attacks.Softplus(7.0)},
    "grid": {"grid": 0.01},
    "select": {"select": "correlation"},
    "optimizer": {"optimizer": tff.attacks.AnnealedMomentum(3)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_replaced_setting_is_that_of_the_loop(name: str) -> None:
    """The old loop ran: `replace` handed on what it had compiled."""
    explainer = tff.explain("gradient", table_net())
    old = tff.attack("top_k", k=3, steps=2)
    first = old.loop(explainer, 3)
    new = replace(old, **CHANGES[name])
    loop = new.loop(explainer, new.k or 3)
    assert loop is not first
    for setting, value in CHANGES[name].items():
        assert getattr(loop, setting) == value
    assert old.loop(explainer, 3) is first


def test_an_attack_with_another_norm_stays_in_the_other_ball(rows) -> None:
    explainer = tff.explain("gradient", table_net())
    box = tff.attack("top_k", k=3, optimizer="random_sign")
    wide = box(explainer, rows, epsilon=0.1, bounds=RANGE)
    ball = replace(box, norm="l2")(explainer, rows, epsilon=0.1, bounds=RANGE)
    assert wide.metrics["l2"].max() > 0.3
    assert ball.metrics["l2"].max() <= 0.1 + 1e-6


def test_loops_go_with_their_explainers_and_are_few() -> None:
    """Thirty explainers used to leave thirty models and loops behind."""
    attack, model = tff.attack("top_k", k=3, optimizer="random_sign"), table_net()
    explainers = [tff.explain("gradient", model) for _ in range(30)]
    loops = [weakref.ref(attack.loop(explainer, 3)) for explainer in explainers]
    gc.collect()
    alive = [loop() for loop in loops if loop() is not None]
    assert len(alive) == 8
    assert alive[-1] is attack.loop(explainers[-1], 3)
    del alive, explainers
    gc.collect()
    assert not [loop for loop in loops if loop() is not None]


def test_a_model_dies_while_an_attack_on_it_lives(rows) -> None:
    attack = tff.attack("top_k", k=3, optimizer="random_sign")
    model = table_net()
    attack(tff.explain("gradient", model), rows, epsilon=0.1, bounds=RANGE)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_the_least_recently_used_loop_goes_first() -> None:
    loops, explainer = Loops(most=2), tff.explain("gradient", table_net())
    made: list[int] = []

    def get(k: int):
        return loops.get(explainer, k, lambda: made.append(k) or object())

    first = get(1)
    get(2)
    assert get(1) is first
    get(3)  # 2 goes
    assert get(1) is first
    get(2)
    assert made == [1, 2, 3, 2]


def test_no_setting_of_an_attack_is_a_cache() -> None:
    """Whatever `replace` hands on has to be a setting: hidden fields are where caches sat."""
    attack = tff.attack("top_k", optimizer="annealed_momentum")
    for part in (attack, attack.objective, attack.optimizer, attack.surrogate):
        assert is_dataclass(part)
        assert all(field.init and field.repr for field in fields(part))
        assert not any(field.name.startswith("_") for field in fields(part))
