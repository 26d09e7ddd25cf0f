"""What attacks refuse: settings that no chosen part has, and calls that mean nothing."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.attacks.given import check_call
from tf_fragile.attacks.halving import smallest_epsilon
from tf_fragile.attacks.objectives import TargetMap, TargetRegion
from tf_fragile.attacks.problem import as_limits, on_channels, radii
from tf_fragile.errors import InputError


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"optimizer": "annealed_momentum", "step_size": 0.5},
            "step_size is a setting of optimizer 'random_sign' or 'sign', and this attack has "
            "'annealed_momentum', which takes none; leave step_size out.",
        ),
        (
            {"optimizer": "annealed_momentum", "beta": 1.0},
            "beta is a setting of surrogate 'softplus', and this attack has 'scaled_softplus'",
        ),
        (
            {"temperature": 0.3},
            "temperature is a setting of objective 'soft_rank', and this attack",
        ),
        ({"mask": np.eye(3)}, "mask is a setting of objective 'target_region', and this attack"),
        (
            {"optimizer": "random_sign", "step_size": 0.25},
            "random_sign with mode 'one_shot' moves by the whole radius and takes no step_size",
        ),
        (
            {"optimizer": "annealed_momentum", "pull": 0.0, "kappa": 0.2},
            "kappa says when an attack is drawn back to its label, and pull=0 never draws it back",
        ),
        ({"steps": True}, "steps of Sign is True; give a whole number from 1 to 1,000,000."),
        ({"beta": float("inf")}, "beta of Softplus is inf; give a finite number"),
        ({"rows": 10**9}, "rows of an attack is 1000000000; give a whole number from 1 to 65,536"),
        ({"norm": 2}, "norm of an attack is 2; give one of l2, linf."),
        ({"fixed_chunks": "no"}, "fixed_chunks of an attack is 'no'; give True or False."),
        ({"k": 2.5}, "k of "),
    ],
)
def test_settings_that_can_not_be_or_that_nothing_takes(settings: dict, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        tff.attack("top_k", **settings)
    assert str(error.value).startswith(sentence)


@pytest.mark.parametrize("part", ["objective", "optimizer", "surrogate"])
def test_a_part_that_is_a_name_is_refused_where_a_part_is_meant(part: str) -> None:
    parts = {"objective": tff.attacks.TopK(5), part: "top_k"}
    with pytest.raises(
        InputError, match=f"The {part} of an attack is 'top_k'; make it of names by"
    ):
        tff.attacks.Attack(**parts)


def test_what_is_attacked_is_an_explainer_and_progress_is_told() -> None:
    with pytest.raises(InputError, match="The explainer to attack is 'gradient'; give one, as tff"):
        check_call("gradient", None)
    with pytest.raises(InputError, match="The explainer to attack is 3; give one"):
        tff.attack("top_k")(3, np.ones((1, 2)), epsilon=1, bounds=(0, 1))


@pytest.mark.parametrize(
    "epsilon", ["4", True, None, [1, "2"], [[1], [1, 2]], {"a": 1}, 1e-60, 1e300, 1 + 1j, []]
)
def test_radii_are_positive_numbers_that_float32_holds(epsilon) -> None:
    with pytest.raises(InputError, match=r"epsilon must be positive \(in input units\), got"):
        radii(epsilon)


@pytest.mark.parametrize(
    "bounds", [None, 3, "01", (0,), (0, 1, 2), ("a", "b"), (1, 0), (0, np.nan)]
)
def test_bounds_that_are_no_range(bounds) -> None:
    with pytest.raises(InputError, match=r"(bounds is .*; give \(low, high\)|input range)"):
        as_limits(bounds)


def test_bounds_have_the_inputs_channels() -> None:
    limits = as_limits(([0.0, 0.0, 0.0], 1.0))
    with pytest.raises(InputError, match="names 3 channels, the inputs have 1; give one number"):
        on_channels(limits, -1, _shape(2, 4, 4, 1))
    assert on_channels(limits, 1, _shape(2, 3, 4, 4)).low.shape == (3, 1, 1)


def _shape(*sides: int) -> tf.TensorShape:
    return tf.TensorShape(sides)


def test_arrays_of_objectives_are_numbers_and_masks_of_0_and_1() -> None:
    with pytest.raises(InputError, match=r"mask of TargetRegion is \{'a': 'b'\}; give finite"):
        TargetRegion({"a": "b"})
    with pytest.raises(InputError, match="The target region has entries besides 0 and 1"):
        TargetRegion(np.full((4, 4), 2.0)).check(_shape(2, 4, 4))
    with pytest.raises(InputError, match=r"The target map is .*; give an array of the map's shape"):
        TargetMap({"a": 1}).check(_shape(2, 4, 4))


def test_a_search_needs_an_attack_and_a_batch() -> None:
    with pytest.raises(InputError, match=r"The attack is 'top_k'; give one, as tff.attack makes"):
        smallest_epsilon("top_k", None, np.ones((1, 2)), low=1, high=2, bounds=(0, 1))
    with pytest.raises(InputError, match=r"The batch is 3; give inputs \[B, ...\]"):
        smallest_epsilon(print, None, 3, low=1, high=2, bounds=(0, 1))
    with pytest.raises(InputError, match="between low=2 and high=1; give low < high"):
        smallest_epsilon(print, None, np.ones((1, 2)), low=2, high=1, bounds=(0, 1))
