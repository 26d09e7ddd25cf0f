from __future__ import annotations

import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.metrics.similarity import ssim

RNG = np.random.default_rng(5)


def slow_ssim(a: np.ndarray, b: np.ndarray, window: int, data_range: float) -> float:
    """Wang et al. 2004 as a loop over windows with sample covariance."""
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for i in range(a.shape[0] - window + 1):
        for j in range(a.shape[1] - window + 1):
            x = a[i : i + window, j : j + window].ravel()
            y = b[i : i + window, j : j + window].ravel()
            (vx, cxy), (_, vy) = np.cov(x, y)
            means = (2 * x.mean() * y.mean() + c1) / (x.mean() ** 2 + y.mean() ** 2 + c1)
            values.append(means * (2 * cxy + c2) / (vx + vy + c2))
    return float(np.mean(values))


@pytest.mark.parametrize(("side", "window"), [(10, 7), (4, 3), (5, 5)])
def test_agrees_with_a_slow_reference_and_shrinks_its_window(side: int, window: int) -> None:
    a, b = RNG.uniform(size=(2, side, side + 2))
    scale = max(a.max(), b.max())
    expected = slow_ssim(a / scale, b / scale, window, 1.0)
    np.testing.assert_allclose(ssim(a[None], b[None]), [expected], rtol=1e-9)


def test_a_signed_pair_uses_a_range_of_two() -> None:
    a, b = RNG.normal(size=(2, 9, 9))
    scale = max(np.abs(a).max(), np.abs(b).max())
    np.testing.assert_allclose(
        ssim(a[None], b[None]), [slow_ssim(a / scale, b / scale, 7, 2.0)], rtol=1e-9
    )


def test_is_one_for_equal_maps_and_does_not_depend_on_their_common_scale() -> None:
    a, b = RNG.uniform(size=(2, 2, 8, 8))
    np.testing.assert_allclose(ssim(a, a), 1.0)
    np.testing.assert_allclose(ssim(1e-6 * a, 1e-6 * b), ssim(a, b), rtol=1e-9)


def test_two_empty_maps_have_no_structure_to_compare() -> None:
    assert np.isnan(ssim(np.zeros((1, 8, 8)), np.zeros((1, 8, 8))))


def test_maps_too_small_or_of_two_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="sides of at least 3"):
        ssim(np.ones((1, 2, 9)), np.ones((1, 2, 9)))
    with pytest.raises(InputError, match=r"not \(1, 5, 5\) and \(1, 5, 6\)"):
        ssim(np.ones((1, 5, 5)), np.ones((1, 5, 6)))
