"""What came out twice is compared to the bit, and the first difference is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tf_fragile.testing.same import demand, difference

NAN = float("nan")


@dataclass(frozen=True)
class Found:
    value: float
    parts: tuple[Any, ...] = ()


@pytest.mark.parametrize(
    "value",
    [
        NAN,
        1.5,
        "text",
        None,
        np.array([1.0, NAN]),
        {"a": [1, Found(NAN)]},
        Found(1.0, (np.arange(3), "x")),
        pd.DataFrame({"a": [1.0, NAN], "b": ["x", "y"]}),
    ],
)
def test_equal_values_have_no_difference(value: Any) -> None:
    import copy

    assert difference(value, copy.deepcopy(value)) == ""


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (1, 1.0, "it is of type int and then float"),
        (1.0, 2.0, "it is 1.0 and then 2.0"),
        (0.1 + 0.2, 0.3, "it is 0.30000000000000004 and then 0.3"),
        ([1, 2], [1], "it has 2 entries and then 1"),
        ([1, [2, 3]], [1, [2, 4]], "it[1][1] is 3 and then 4"),
        ({"a": 1}, {"b": 1}, "it has the keys ['a'] and then ['b']"),
        ({"a": NAN}, {"a": 1.0}, "it['a'] is nan and then 1.0"),
        (Found(1.0), Found(2.0), "it.value is 1.0 and then 2.0"),
        (Found(1.0, ("x",)), Found(1.0, ("y",)), "it.parts[0] is 'x' and then 'y'"),
        (np.zeros(2), np.zeros(3), "it is of another dtype or shape"),
        (np.zeros(2), np.zeros(2, np.float32), "it is of another dtype or shape"),
        (np.zeros((2, 2)), np.eye(2), "it at (0, 0) is np.float64(0.0) and then np.float64(1.0)"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"b": [1]}), "it has other columns"),
        (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [1, 2]}), "it has 1 rows and then 2"),
        (
            pd.DataFrame({"a": [1.0, NAN]}),
            pd.DataFrame({"a": [1.0, 2.0]}),
            "it, column 'a', at 1 is np.float64(nan) and then np.float64(2.0)",
        ),
    ],
)
def test_the_first_difference_is_named(first: Any, second: Any, said: str) -> None:
    assert difference(first, second) == said


def test_a_demand_that_does_not_hold_is_its_sentence() -> None:
    demand(True, "no")
    with pytest.raises(AssertionError, match=r"^Yes\.$"):
        demand(False, "Yes.")
