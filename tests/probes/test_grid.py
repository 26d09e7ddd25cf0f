"""Whether a ball holds any image but its centre."""

from __future__ import annotations

import numpy as np
import pytest

from tf_fragile.probes.fragility.grid import finest_step, grid_doubt


def pictures(levels: int) -> np.ndarray:
    """Of 0 to 1 in so many steps, as float32 has them."""
    drawn = np.random.default_rng(0).integers(0, levels + 1, (4, 8, 8, 1))
    return (drawn / levels).astype(np.float32)


@pytest.mark.parametrize("levels", [1, 15, 255])
def test_the_finest_step_is_that_of_what_the_data_were_made_from(levels) -> None:
    assert finest_step(pictures(levels), 0, 1) >= (1 - 1e-4) / levels


def test_rounding_is_no_step_and_equal_values_have_none() -> None:
    values = np.array([[0.2, 0.2 + 1e-8, 0.7]])
    assert finest_step(values, 0, 1) == pytest.approx(0.5, abs=1e-6)
    assert finest_step(np.zeros((2, 3)), 0, 1) == np.inf


def test_a_ball_below_the_step_holds_no_other_image() -> None:
    assert grid_doubt(0.001, 1 / 255) == (
        "no other image lies within epsilon = 0.001, for no two values of the data differ by less "
        "than 0.00392"
    )
    assert grid_doubt(1e-12, finest_step(np.random.default_rng(1).random((2, 9)), 0, 1))
    assert grid_doubt(1 / 255, 1 / 255) == ""
    assert grid_doubt(0.5, np.inf)
