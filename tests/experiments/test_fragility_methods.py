"""What an explainer of a figure gets: bounds from the data, a surrogate that suits it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.experiments.fragility.campaign import Campaign, probes
from tf_fragile.experiments.fragility.methods import explainer_of, surrogate_of
from tf_fragile.experiments.fragility.presets import Budget, Preset
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.surrogates import NoSurrogate, Softplus

SIDE = 8
layers = keras.layers


@pytest.fixture(scope="module")
def subject() -> Subject:
    keras.utils.set_random_seed(2)
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    images = np.random.default_rng(0).uniform(0, 255, (4, SIDE, SIDE, 3)).astype(np.float32)
    source = Source(
        name="tiny",
        class_names=None,
        image_shape=(SIDE, SIDE, 3),
        preprocessing=PREPROCESSINGS["caffe"],
        read=lambda i: Sample(images[i], -1),
        digest=lambda: "0" * 64,
        size=4,
    )
    return Subject("tiny", model, source)


@pytest.mark.parametrize(
    ("name", "settings"), [("deep_taylor", {"first": "box"}), ("lrp_zbox", {})]
)
def test_the_box_rule_gets_the_range_of_the_data(
    subject: Subject, name: str, settings: dict
) -> None:
    explainer = explainer_of(subject, name, settings)
    low, high = explainer.method.conventions.low, explainer.method.conventions.high
    np.testing.assert_array_equal(low, subject.source.range.low)
    np.testing.assert_array_equal(high, subject.source.range.high)
    maps = explainer(subject.source.load([0, 1, 2, 3]).image)
    # Relevance within the bounds has the sign of what is explained, which may be negative.
    sums = maps.sum(axis=(1, 2, 3))
    np.testing.assert_allclose(abs(maps).sum(axis=(1, 2, 3)), abs(sums), rtol=1e-4)
    assert sums.all()


def test_bounds_that_are_given_stay_and_other_rules_get_none(subject: Subject) -> None:
    wide = explainer_of(subject, "lrp_zbox", {"low": -500.0, "high": 500.0}).method.conventions
    assert (wide.low, wide.high) == (-500.0, 500.0)
    assert explainer_of(subject, "deep_taylor", {}).method.conventions.low is None


def test_settings_of_other_methods_are_left_out(subject: Subject) -> None:
    lift = explainer_of(subject, "deeplift_rescale", {"max_pool": "gradient", "rule_of_none": 1})
    assert lift.method.max_pool == "gradient"
    assert explainer_of(subject, "gradient", {"steps": 3, "first": "box"}).name == "gradient"


def test_attacks_take_the_papers_surrogate_for_gradients_and_none_for_propagation_rules(
    subject: Subject, tmp_path: Path
) -> None:
    lift = {"deeplift_rescale": Budget(1, 2, 4.0)}
    preset = Preset(Budget(1, 2, 4.0), lift, k=20, beta=3.0)
    found = {
        method: probe.attacks["top_k"].surrogate
        for method, probe in probes(Campaign(subject, preset, ("top_k",), (0,), tmp_path)).items()
    }
    assert found == {
        "gradient": Softplus(3.0),
        "deeplift_rescale": NoSurrogate(),
        "integrated_gradients": Softplus(3.0),
    }


@pytest.mark.parametrize("name", ["deeplift_rescale", "lrp_epsilon", "deep_taylor", "gradient"])
def test_methods_without_a_surrogate_are_those_whose_map_follows_the_input(
    subject: Subject, name: str
) -> None:
    attack = tff.attack("top_k", surrogate="none", steps=1, step_size=2.0, k=10)
    result = attack(
        explainer_of(subject, name, {}),
        subject.source.load([0, 1]).image,
        epsilon=2.0,
        bounds=subject.source.range,
    )
    follows = not result.stuck.any()
    assert follows == (surrogate_of(name) == "none")


def test_every_registered_explainer_has_a_surrogate() -> None:
    none = {name for name in tff.explainers() if surrogate_of(name) == "none"}
    assert {"deep_taylor", "lrp_cmp", "grad_cam", "deeplift_ablation"} <= none
    assert not none & {"gradient", "guided_grad_cam", "vargrad", "pattern_net", "rectgrad"}


def test_the_sharpness_is_a_setting_of_methods_with_a_surrogate_only(
    subject: Subject, tmp_path: Path
) -> None:
    preset = Preset(Budget(1, 1, 8.0), {}, ("deeplift_rescale", "gradient"), (8.0,), k=20, beta=3.0)
    campaign = Campaign(subject, preset, ("top_k",), (0,), tmp_path)
    sharper = replace(campaign, preset=replace(preset, beta=9.0))
    for method, changes in (("deeplift_rescale", False), ("gradient", True)):
        made = [probes(c)[method].attacks["top_k"].surrogate for c in (campaign, sharper)]
        assert (made[0] != made[1]) is changes
