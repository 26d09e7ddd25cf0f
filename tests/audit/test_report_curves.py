from __future__ import annotations

import math

import pandas as pd
import pytest

from tf_fragile.probes.fragility.curves import plots as plots_of
from tf_fragile.report import plots


def summary(values: dict[float, float], metric: str = "top_k_intersection") -> pd.DataFrame:
    rows = [
        {
            "explainer": "gradient", "role": "measured", "attack": "top_k", "epsilon": epsilon,
            f"{metric}_mean": mean, f"{metric}_low": mean - 0.1, f"{metric}_high": mean + 0.1,
            f"{metric}_n": 8,
        }
        for epsilon, mean in values.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


def panels(table: pd.DataFrame, explainer: str, chance: float | None) -> tuple[plots.Panel, ...]:
    drawn = [plots.panel(plot) for plot in plots_of(table, explainer, chance)]
    return tuple(panel for panel in drawn if panel is not None)


def test_one_is_at_the_top_zero_at_the_bottom_and_chance_between() -> None:
    (panel,) = panels(summary({1.0: 0.9, 8.0: 0.1}), "gradient", chance=0.5)
    ticks = {text: y for y, text in panel.y_ticks}
    assert ticks["1"] == plots.TOP
    assert ticks["0"] == plots.HEIGHT - plots.BOTTOM
    assert panel.level[0] == pytest.approx((ticks["0"] + ticks["1"]) / 2)
    first, last = panel.series[0].points
    assert first.y == pytest.approx(0.9 * ticks["1"] + 0.1 * ticks["0"], abs=0.1)
    assert last.y > first.y


def test_powers_of_two_are_evenly_spaced() -> None:
    (panel,) = panels(summary({1.0: 0.5, 2.0: 0.5, 4.0: 0.5}), "gradient", None)
    a, b, c = (x for x, _ in panel.x_ticks)
    assert b - a == pytest.approx(c - b, abs=0.1)
    assert [text for _, text in panel.x_ticks] == ["1", "2", "4"]


def test_everything_stays_inside_the_picture() -> None:
    for metric in ("spearman", "center_shift"):
        table = summary({0.5: -0.4, 1.0: 0.95, 16.0: 0.2}, metric)
        (panel,) = panels(table, "gradient", None)
        corners = [pair.split(",") for pair in panel.series[0].band.split()]
        assert len(corners) == 6
        assert all(0 <= float(x) <= plots.WIDTH for x, _ in corners)
        assert all(0 <= float(y) <= plots.HEIGHT - plots.BOTTOM + 0.1 for _, y in corners)


def test_a_single_epsilon_and_a_map_that_never_moved_can_be_drawn() -> None:
    table = summary({2.0: 0.0}, "center_shift").assign(center_shift_low=0.0, center_shift_high=0.0)
    (panel,) = panels(table, "gradient", None)
    assert len(panel.series[0].points) == 1


def test_a_mean_without_an_interval_is_a_point_without_a_band_and_says_so() -> None:
    table = summary({1.0: 3.0, 2.0: 5.0}, "center_shift")
    table.loc[1, ["center_shift_low", "center_shift_high"]] = math.nan
    (panel,) = panels(table, "gradient", None)
    assert panel.series[0].points[1].title == "top_k, ε = 2: 5 without an interval, 8 images"
    assert "nan" not in panel.series[0].band
    assert panel.series[0].points[1].y < panel.series[0].points[0].y
    everything = table.assign(center_shift_low=math.nan, center_shift_high=math.nan)
    assert len(panels(everything, "gradient", None)[0].series[0].points) == 2


def test_a_point_without_a_mean_is_left_out_and_a_metric_without_any_too() -> None:
    (panel,) = panels(summary({1.0: math.nan, 2.0: 0.5}), "gradient", None)
    assert [text for _, text in panel.x_ticks] == ["2"]
    assert panels(summary({1.0: math.nan}), "gradient", None) == ()


def test_a_point_tells_its_numbers() -> None:
    (panel,) = panels(summary({2.0: 0.5}), "gradient", None)
    assert panel.series[0].points[0].title == "top_k, ε = 2: 0.5 [0.4, 0.6], 8 images"
