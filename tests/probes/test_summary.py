from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records

from tf_fragile.audit.counts import exclusions
from tf_fragile.metrics.statistics import bootstrap_mean
from tf_fragile.probes.fragility.summary import compare, successes, summarize
from tf_fragile.probes.fragility.table import format_interval, table_of
from tf_fragile.report.terminal import WIDTH, draw_table


def row(sample: int, attack: str, metric: str, value: float, **more: Any) -> dict[str, Any]:
    fields = {"sample": sample, "label": 0, "predicted": 0, "explainer": "gradient"}
    return {**fields, "attack": attack, "epsilon": 2.0, "metric": metric, "value": value, **more}


def toy_records() -> pd.DataFrame:
    """Four images: 0 to 2 attacked, the attack failing on 2, and image 3 excluded."""
    rows = [row(3, "", "excluded", 1.0, note="misclassified", explainer="", epsilon=0.0)]
    for sample, random, attacked in [(0, 0.5, 0.1), (1, 0.7, 0.2), (2, 0.9, 1.0)]:
        for attack, value in [("random_sign", random), ("top_k", attacked)]:
            failed = sample == 2 and attack == "top_k"
            rows += [
                row(sample, attack, "success", float(not failed)),
                row(sample, attack, "top_k_intersection", value),
                row(sample, attack, "spearman", math.nan if sample == 1 else value),
                row(sample, attack, "center_shift", 10 * value),
            ]
    return attack_records(rows)


def test_a_failed_attack_is_counted_and_left_out_of_the_means() -> None:
    summary = summarize(toy_records(), resamples=200).set_index("attack")
    assert list(summary["n"]) == [3, 2]
    assert list(summary["n_failed"]) == [0, 1]
    assert summary.loc["top_k", "top_k_intersection_mean"] == pytest.approx(0.15)
    assert summary.loc["random_sign", "top_k_intersection_mean"] == pytest.approx(0.7)


def test_an_undefined_value_is_left_out_and_the_rest_counted() -> None:
    summary = summarize(toy_records(), resamples=200).set_index("attack")
    assert list(summary["spearman_n"]) == [2, 1]
    assert summary.loc["random_sign", "spearman_mean"] == pytest.approx(0.7)


def test_intervals_are_the_bootstrap_over_images() -> None:
    summary = summarize(toy_records(), confidence=0.9, resamples=300, seed=5).iloc[0]
    expected = bootstrap_mean([0.5, 0.7, 0.9], 0.9, 300, 5, (0, 1))
    assert summary["top_k_intersection_low"] == expected.low
    assert summary["top_k_intersection_high"] == expected.high


def test_the_order_of_records_does_not_matter() -> None:
    records = toy_records()
    shuffled = records.sample(frac=1.0, random_state=0)
    for table in (summarize, compare):
        pd.testing.assert_frame_equal(table(shuffled, resamples=200), table(records, resamples=200))


def test_random_comes_first_and_epsilons_rise() -> None:
    rows = [
        row(s, attack, "spearman", 0.5, epsilon=epsilon, explainer=explainer)
        for s in (0, 1)
        for attack in ("mass_center", "random_sign")
        for epsilon in (10.0, 2.0)
        for explainer in ("b", "a")
    ]
    summary = summarize(attack_records(rows))
    keys = list(zip(summary["explainer"], summary["epsilon"], summary["attack"], strict=True))
    assert keys[:4] == [
        ("a", 2.0, "random_sign"),
        ("a", 2.0, "mass_center"),
        ("a", 10.0, "random_sign"),
        ("a", 10.0, "mass_center"),
    ]


def format_table(summary: pd.DataFrame, width: int = WIDTH) -> str:
    return draw_table(table_of(summary), width)


def test_exclusions_count_images_by_reason() -> None:
    rows = [
        row(s, "", "excluded", 1.0, note=note, explainer=explainer)
        for s, note in [(0, "misclassified"), (1, "misclassified"), (2, "not finite")]
        for explainer in ("a", "b")
    ]
    assert exclusions(attack_records(rows)) == {"misclassified": 2, "not finite": 1}
    assert exclusions(attack_records([])) == {}


def test_an_attack_without_a_verdict_counts_as_successful() -> None:
    assert list(successes(attack_records([row(0, "top_k", "spearman", 0.5)]))["success"]) == [True]


def test_an_attack_that_failed_on_every_image_has_no_mean_but_is_there() -> None:
    rows = [row(s, "top_k", metric, 0.0) for s in (0, 1) for metric in ("success", "spearman")]
    summary = summarize(attack_records(rows)).iloc[0]
    assert (summary["n"], summary["n_failed"]) == (0, 2)
    assert math.isnan(summary["spearman_mean"])


def test_comparison_pairs_the_images_on_which_both_succeeded() -> None:
    table = compare(toy_records(), resamples=200)
    assert list(table["attack"]) == ["top_k"]
    assert table.loc[0, "n"] == 2
    assert table.loc[0, "difference_mean"] == pytest.approx(((0.1 - 0.5) + (0.2 - 0.7)) / 2)


def test_comparison_adjusts_for_the_family() -> None:
    rng = np.random.default_rng(0)
    rows = [
        row(s, attack, "top_k_intersection", base + rng.normal(scale=0.01), epsilon=epsilon)
        for s in range(9)
        for epsilon, drop in [(1.0, 0.0), (2.0, 0.5)]
        for attack, base in [("random_sign", 0.8), ("top_k", 0.8 - drop)]
    ]
    table = compare(attack_records(rows), resamples=2000).set_index("epsilon")
    assert table.loc[2.0, "p_value"] == pytest.approx(2 / 2**9)
    assert table.loc[2.0, "p_holm"] == pytest.approx(2 * 2 / 2**9)
    assert table.loc[1.0, "p_value"] > 0.05


def test_nothing_to_compare_is_an_empty_table() -> None:
    assert compare(attack_records([row(0, "top_k", "spearman", 0.5)])).empty


@pytest.mark.parametrize(
    ("values", "is_share", "text"),
    [
        ((0.5, 0.404, 1.0), True, "0.50 [.40,1.00]"),
        ((-0.5, -0.999, 0.04), True, "-0.50 [-1.00,.04]"),
        ((-0.06, -0.1, -0.02), True, "-0.06 [-.10,-.02]"),
        ((12.34, 9.96, 104.2), False, "12.3 [10.0,104]"),
        ((0.04, 0.0, 0.5), False, "0.0 [0.0,0.5]"),
        ((12.3, math.nan, math.nan), False, "12.3 [-]"),
        ((math.nan, math.nan, math.nan), True, "-"),
    ],
)
def test_intervals_are_short(values: tuple[float, float, float], is_share: bool, text: str) -> None:
    assert format_interval(*values, is_share) == text


def wide_summary() -> pd.DataFrame:
    """512 images, negative correlations and long names: the widest real table."""
    rows = []
    for explainer in ("smoothgrad_of_integrated_gradients", "gradient"):
        for epsilon in (0.5, 1.0, 16.0):
            for attack in ("random_sign", "mass_center", "top_k"):
                rows.append({
                    "explainer": explainer, "attack": attack, "epsilon": epsilon,
                    "role": "control" if attack == "random_sign" else "measured",
                    "n": 500, "n_failed": 12,
                    "top_k_intersection_mean": 0.123, "top_k_intersection_low": 0.1,
                    "top_k_intersection_high": 0.2,
                    "spearman_mean": -0.06, "spearman_low": -0.1, "spearman_high": -0.02,
                    "center_shift_mean": 74.3, "center_shift_low": 70.1, "center_shift_high": 78.9,
                })  # fmt: skip
    return pd.DataFrame(rows)


def test_the_table_fits_120_ascii_columns() -> None:
    text = format_table(wide_summary())
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120
    assert "512" in text


@pytest.mark.parametrize("width", [60, 80, 100])
def test_a_narrow_table_has_its_metrics_below_each_other(width: int) -> None:
    text = format_table(wide_summary(), width)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= width
    lines = [line.split() for line in text.splitlines()]
    assert ["16", "images", "500/512", "500/512"] in lines
    assert ["rank", "correlation", "-0.06", "[-.10,-.02]", "-0.06", "[-.10,-.02]"] in lines
    assert " ".join(text.split()).endswith("[-] where they are too few or too alike for one.")


def test_a_very_narrow_table_leaves_intervals_to_the_report() -> None:
    text = format_table(wide_summary(), 40)
    assert max(map(len, text.splitlines())) <= 40
    lines = [line.split() for line in text.splitlines()]
    assert ["centre", "shift", "(px)", "74.3", "74.3"] in lines
    assert "[" not in text
    assert " ".join(text.split()).endswith("over the former; intervals are in the report.")
    assert format_table(wide_summary(), 1).count("-0.06") == 24


def test_every_width_tells_the_same_numbers() -> None:
    tables = [format_table(wide_summary(), width) for width in (120, 60, 40)]
    for number, times in [("500/512", 24), ("0.12", 24), ("-0.06", 24), ("74.3", 24)]:
        assert [table.count(number) for table in tables] == [times] * 3


def test_the_table_has_random_and_attack_side_by_side() -> None:
    text = format_table(summarize(toy_records(), resamples=200))
    line = next(line for line in text.splitlines() if line.lstrip().startswith("2 "))
    assert line.split()[:3] == ["2", "3/3", "2/3"]
    assert line.index("0.70 [") < line.index("0.15 [")
    assert "gradient: random_sign | top_k" in text


def test_the_table_does_without_a_baseline_or_an_attack() -> None:
    records = toy_records()
    for attack, told in [("top_k", "- | top_k"), ("random_sign", "random_sign | -")]:
        text = format_table(summarize(records[records["attack"] == attack], resamples=100))
        assert f"gradient: {told}" in text
    assert format_table(summarize(attack_records([]))) == "No attack was run."
