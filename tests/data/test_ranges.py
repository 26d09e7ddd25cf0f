from __future__ import annotations

import numpy as np
import pytest

from tf_fragile.data.ranges import InputRange
from tf_fragile.errors import InputError


def test_fields_are_read_only_float32_of_the_given_shape() -> None:
    found = InputRange.of([0, -1], 2, 0.5)
    assert found.low.dtype == found.high.dtype == found.unit.dtype == np.float32
    assert found.low.shape == (2,) and found.high.shape == ()
    with pytest.raises(ValueError, match="read-only"):
        found.low[0] = 5


@pytest.mark.parametrize(
    ("low", "high", "unit", "said"),
    [
        (1, 1, 1, "low must lie below high"),
        ([0, 3], [1, 2], 1, "low must lie below high"),
        (0, 1, 0, "above 0"),
        (0, 1, [1, -1], "above 0"),
        (np.nan, 1, 1, "low is nan"),
        (0, np.inf, 1, "high is inf"),
        (0, 1, [[1]], "unit is"),
        ([0, 0], [1, 1, 1], 1, "2 and 3 channels"),
    ],
)
def test_impossible_ranges_are_refused(low: object, high: object, unit: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        InputRange.of(low, high, unit)  # type: ignore[arg-type]
