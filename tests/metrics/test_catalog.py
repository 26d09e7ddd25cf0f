"""The registered metrics: what they say of themselves, and that one more is in every title."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.catalog import (
    METRICS,
    Metric,
    heading_of,
    is_share,
    limits_of,
    similarities,
    summarised,
    titles,
)
from tf_fragile.metrics.similarity import above_chance, top_k_intersection
from tf_fragile.probes.fragility.cards import metric_text
from tf_fragile.probes.fragility.curves import plots
from tf_fragile.probes.fragility.names import KEYS
from tf_fragile.probes.fragility.summary import summarize
from tf_fragile.probes.fragility.table import table_of
from tf_fragile.report.terminal import draw_table
from tf_fragile.runs.records import make_records

SIDE, K = 6, 5


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> str:
    """A metric of a user's, for as long as a test."""
    for table in ("_entries", "_places"):
        monkeypatch.setattr(METRICS, table, dict(getattr(METRICS, table)))
    METRICS.register(
        "mass_left",
        Metric(
            "mass left",
            unit="parts",
            text="How much there is of the map.",
            of=lambda clean, perturbed, k: tf.reduce_sum(perturbed, [1, 2]),
            summarised=True,
        ),
    )
    return "mass_left"


def maps(seed: int, rank: int = 3) -> tf.Tensor:
    shape = (4, SIDE, SIDE)[:rank] if rank < 4 else (4, SIDE, SIDE, 2)
    return tf.constant(np.random.default_rng(seed).uniform(0, 1, shape), tf.float32)


def records(metrics: list[str]) -> pd.DataFrame:
    rows = [
        {
            "sample": sample, "label": 0, "predicted": 0, "explainer": "gradient",
            "role": "control" if attack == "random_sign" else "measured", "attack": attack,
            "epsilon": 2.0, "metric": metric,
            "value": 7.0 + sample,
        }
        for sample in range(8) for attack in ("random_sign", "top_k") for metric in metrics
    ]  # fmt: skip
    return make_records(rows, KEYS)


def test_the_titles_of_today() -> None:
    assert summarised() == ("top_k_intersection", "spearman", "center_shift")
    assert [heading_of(name) for name in summarised()] == [
        "top-k overlap",
        "rank correlation",
        "centre shift (px)",
    ]
    assert titles()["ssim"] == "SSIM" and heading_of("nobodys") == "nobodys"


def test_two_maps_have_what_their_shape_allows_in_the_order_of_registration() -> None:
    found = similarities(maps(0), maps(1), K)
    assert list(found) == [
        "top_k_intersection", "spearman", "cosine", "top_k_chance_corrected", "lens_recall",
        "lens_precision", "center_shift", "ssim",
    ]  # fmt: skip
    overlap = top_k_intersection(maps(0), maps(1), K).numpy()
    np.testing.assert_array_equal(found["top_k_intersection"], overlap)
    corrected = above_chance(overlap, SIDE * SIDE, K)
    np.testing.assert_array_equal(found["top_k_chance_corrected"], corrected)
    rows = similarities(maps(0, 2), maps(1, 2), 2)
    assert list(rows) == ["top_k_intersection", "spearman", "cosine", "top_k_chance_corrected"]
    assert "top_k_chance_corrected" not in similarities(maps(0), maps(1), SIDE * SIDE)
    assert "ssim" not in similarities(maps(0)[:, :2], maps(1)[:, :2], K)


def test_a_map_and_itself_have_what_the_entry_says() -> None:
    for name, found in similarities(maps(0), maps(0), K).items():
        np.testing.assert_allclose(found, METRICS[name].same, atol=1e-6)


def test_values_lie_within_the_limits_and_unrelated_maps_are_at_chance() -> None:
    rng = np.random.default_rng(0)
    a, b = (tf.constant(rng.uniform(0, 1, (2000, SIDE, SIDE)), tf.float32) for _ in range(2))
    for name, found in similarities(a, b, K).items():
        limits, chance = limits_of(name), METRICS[name].chance
        if limits is not None:
            assert limits[0] <= np.nanmin(found) and np.nanmax(found) <= limits[1]
        if chance is not None:
            assert abs(found.mean() - chance(SIDE * SIDE, K)) < 5 * found.std() / np.sqrt(2000)


def test_a_metric_of_a_users_is_measured_summarised_and_drawn_by_its_title(toy: str) -> None:
    found = similarities(maps(0), maps(1), K)
    np.testing.assert_allclose(found[toy], tf.reduce_sum(maps(1), [1, 2]))
    assert titles()[toy] == "mass left (parts)" and not is_share(toy)
    table = summarize(records([toy]))
    assert table[f"{toy}_mean"].tolist() == [10.5, 10.5]
    assert "mass left (parts)" in draw_table(table_of(table))
    (plot,) = plots(table, "gradient", chance=0.1)
    assert plot.title == "mass left (parts)" and plot.level is None
    assert metric_text(toy, 10.46) == "10.5"


def test_a_metric_may_be_undefined_for_some_maps(toy: str, monkeypatch) -> None:
    nothing = Metric("nothing", of=lambda clean, perturbed, k: None)
    monkeypatch.setitem(METRICS._entries, toy, nothing)
    assert toy not in similarities(maps(0), maps(1), K)


def test_what_is_no_metric_is_refused_when_it_is_made() -> None:
    with pytest.raises(InputError, match="Unknown way of a metric to be better 'more'; did you"):
        Metric("mine", better="more")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="of of a Metric is 3; give a function of clean maps"):
        Metric("mine", of=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [lambda a: a, lambda a: 3.0, lambda a: ["x"] * 4])
def test_a_metric_that_gives_no_number_a_pair_is_refused(wrong, toy: str, monkeypatch) -> None:
    entry = Metric("wrong", of=lambda clean, perturbed, k: wrong(clean))
    monkeypatch.setitem(METRICS._entries, toy, entry)
    with pytest.raises(InputError, match=r"'mass_left' gives an array .* 4 pairs of maps; it has"):
        similarities(maps(0), maps(1), K)
