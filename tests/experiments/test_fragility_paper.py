from __future__ import annotations

import pandas as pd
import pytest

from tf_fragile.experiments.fragility.curves.paper import (
    APPROXIMATE,
    ATTACKS,
    EPSILON,
    paper_curves,
)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return paper_curves().set_index(["metric", "method", "attack", "epsilon"]).sort_index()


@pytest.mark.parametrize(
    ("metric", "method", "attack", "epsilon", "value"),
    [
        ("top_k_intersection", "gradient", "top_k", 2, 0.005),
        ("top_k_intersection", "deeplift_rescale", "top_k", 2, 0.041),
        ("top_k_intersection", "integrated_gradients", "top_k", 2, 0.215),
        ("top_k_intersection", "deep_taylor", "random_sign", 8, 0.757),
        ("spearman", "gradient", "random_sign", 1, 0.784),
        ("spearman", "deeplift_rescale", "top_k", 8, 0.273),
        ("center_shift", "gradient", "mass_center", 8, 74.3),
        ("center_shift", "integrated_gradients", "top_k", 1, 9.9),
    ],
)
def test_points_of_the_published_curves(
    table: pd.DataFrame, metric: str, method: str, attack: str, epsilon: float, value: float
) -> None:
    assert table.loc[(metric, method, attack, epsilon), "paper"] == value


def test_every_curve_is_complete(table: pd.DataFrame) -> None:
    assert len(table) == 3 * 4 * len(ATTACKS) * len(EPSILON)
    assert table.index.is_unique and table["paper"].notna().all()


def test_the_marks_of_hidden_points_belong_to_points(table: pd.DataFrame) -> None:
    assert int(table["approximate"].sum()) == len(APPROXIMATE) == 7


def test_gaps_to_random_signs_are_those_stated_beside_the_figure(table: pd.DataFrame) -> None:
    overlap = table.loc["top_k_intersection"]["paper"]
    for method, stated in {
        "gradient": (0.50, 0.42, 0.30, 0.20),
        "deeplift_rescale": (0.41, 0.40, 0.31, 0.21),
        "integrated_gradients": (0.31, 0.26, 0.16, 0.07),
    }.items():
        gaps = overlap.loc[method, "random_sign"] - overlap.loc[method, "top_k"]
        assert gaps.to_numpy() == pytest.approx(stated, abs=0.0101)
