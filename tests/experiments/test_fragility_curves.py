from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records

from tf_fragile.experiments.fragility.curves.curves import COLUMNS, curves, for_people
from tf_fragile.experiments.fragility.curves.orderings import orderings
from tf_fragile.experiments.fragility.curves.paper import CURVES, paper_curves

FAILED = "attack failed"


def record(sample: int, method: str, attack: str, epsilon: float, metric: str, value: float):
    return {
        "sample": sample,
        "label": 0,
        "predicted": 0,
        "explainer": method,
        "attack": attack,
        "epsilon": epsilon,
        "metric": metric,
        "value": value,
        "note": FAILED if np.isnan(value) else "",
    }


def published(change: dict[tuple[str, str, str], float] | None = None) -> pd.DataFrame:
    """Records of three images whose means are the published curves, some of them changed."""
    rows = []
    for point in paper_curves().itertuples():
        value = (change or {}).get((point.metric, point.method, point.attack), point.paper)
        rows += [
            record(i, point.method, point.attack, point.epsilon, point.metric, value + noise)
            for i, noise in enumerate((-0.001, 0.0, 0.001))
        ]
    return attack_records(rows)


def test_a_mean_leaves_failed_attacks_out_and_counts_them() -> None:
    values = [0.1, 0.3, np.nan]
    rows = [
        record(i, "gradient", "top_k", 2.0, "top_k_intersection", v) for i, v in enumerate(values)
    ]
    (row,) = curves(attack_records(rows), paper_curves()).to_dict("records")
    assert tuple(row) == COLUMNS
    assert row["mean"] == pytest.approx(0.2)
    assert (row["n"], row["n_failed"]) == (2, 1)
    assert row["low"] <= 0.2 <= row["high"]
    assert row["paper"] == 0.005


def test_without_published_values_the_column_is_empty() -> None:
    rows = [record(0, "vargrad", "top_k", 3.0, "spearman", 0.5)]
    for paper in (None, paper_curves()):
        assert curves(attack_records(rows), paper)["paper"].isna().all()


def test_curves_do_not_depend_on_the_order_of_the_records() -> None:
    records = published()
    shuffled = records.sample(frac=1, random_state=0)
    pd.testing.assert_frame_equal(curves(records), curves(shuffled))


def test_the_text_has_every_radius_and_the_published_value() -> None:
    text = for_people(curves(published(), paper_curves()), "center_shift")
    assert "gradient, mass_center, n = 3" in text
    assert "ε = 8: 74.3 [-, -] (74.3)" in text


def test_the_published_curves_satisfy_the_claims_about_them() -> None:
    table = orderings(published(), paper_curves())
    broken = table[~table["holds"]]
    # The exceptions that the published values are known to have.
    assert set(zip(broken["claim"], broken["method"], broken["epsilon"], strict=True)) == {
        (
            "rank correlation under top_k, deeplift_rescale minus gradient, above 0",
            "gradient, deeplift_rescale",
            8.0,
        ),
    }
    np.testing.assert_allclose(table["value"], table["paper"].fillna(table["value"]), atol=1e-2)


def test_the_gap_to_random_signs_is_measured_on_the_images_of_both() -> None:
    rows = [
        record(0, "gradient", "random_sign", 1.0, "top_k_intersection", 0.5),
        record(0, "gradient", "top_k", 1.0, "top_k_intersection", 0.2),
        record(1, "gradient", "random_sign", 1.0, "top_k_intersection", 0.9),
        record(1, "gradient", "top_k", 1.0, "top_k_intersection", np.nan),
    ]
    table = orderings(attack_records(rows), paper_curves())
    gap = table[table["claim"].str.startswith("gap in overlap")].iloc[0]
    assert gap["value"] == pytest.approx(0.3) and gap["n"] == 1
    assert gap["paper"] == pytest.approx(0.5)
    assert gap["holds"]


@pytest.mark.parametrize(
    ("change", "claim"),
    [
        ({("top_k_intersection", "gradient", "top_k"): 0.5}, "gap in overlap"),
        ({("spearman", "gradient", "top_k"): 0.9}, "gap in rank"),
        ({("top_k_intersection", "gradient", "random_sign"): 0.4}, "overlap under random sign"),
        ({("center_shift", "gradient", "random_sign"): 7.0}, "centre shift under random"),
        ({("center_shift", "gradient", "mass_center"): 5.0}, "centre shift, center attack over"),
        ({("top_k_intersection", "gradient", "mass_center"): 0.001}, "overlap, center minus"),
        (
            {("top_k_intersection", "deeplift_rescale", "top_k"): 0.0},
            "overlap under top_k, deeplift",
        ),
        ({("top_k_intersection", "deeplift_rescale", "top_k"): 0.5}, "gap in overlap"),
        (
            {("spearman", "deep_taylor", "random_sign"): 0.5},
            "rank correlation under random_sign, d",
        ),
        (
            {("spearman", "deeplift_rescale", "mass_center"): 0.1},
            "rank correlation under mass_center, d",
        ),
    ],
)
def test_a_claim_that_the_records_break_does_not_hold(change: dict, claim: str) -> None:
    table = orderings(published(change), paper_curves())
    assert not table[table["claim"].str.startswith(claim)]["holds"].all()


def test_every_pair_of_methods_is_compared_at_every_radius_and_under_both_attacks() -> None:
    table = orderings(published(), paper_curves())
    ranked = table[table["claim"].str.contains("minus") & table["method"].str.contains(",")]
    attacked = ranked[~ranked["claim"].str.contains("random_sign")]
    assert attacked["method"].value_counts().to_dict() == {
        "gradient, deeplift_rescale": 2 * 2 * 4,
        "gradient, integrated_gradients": 2 * 2 * 4,
        "deeplift_rescale, integrated_gradients": 2 * 2 * 4,
    }
    noisy = ranked[ranked["claim"].str.contains("random_sign")]
    assert len(noisy) == 3 * 2 * 4 and noisy["method"].str.endswith(", deep_taylor").all()
    point = attacked[attacked["claim"].str.startswith("overlap under top_k, deeplift_rescale")]
    by_radius = point.set_index("epsilon")["value"]
    assert by_radius[2.0] == pytest.approx(0.041 - 0.005)


def test_half_of_the_published_gap_is_asked_of_the_gradient_and_of_deeplift_only() -> None:
    table = orderings(published(), paper_curves())
    half = table[table["claim"].str.contains("at least half")]
    assert set(half["method"]) == {"gradient", "deeplift_rescale"}


def test_a_curve_that_rises_with_the_radius_is_not_monotone() -> None:
    rows = [
        record(i, "gradient", "top_k", epsilon, "spearman", value)
        for i in range(2)
        for epsilon, value in ((1.0, 0.2), (2.0, 0.3), (4.0, 0.31))
    ]
    table = orderings(attack_records(rows))
    steps = table[table["claim"].str.contains("change from the radius before")]
    assert dict(zip(steps["epsilon"], steps["holds"], strict=True)) == {2.0: False, 4.0: True}


def test_an_attack_that_still_gains_from_four_to_eight_is_not_saturated() -> None:
    rows = [
        record(0, "deeplift_rescale", attack, epsilon, "top_k_intersection", value)
        for attack, low in (("top_k", 0.25), ("mass_center", 0.29))
        for epsilon, value in ((4.0, 0.3), (8.0, low))
    ]
    table = orderings(attack_records(rows), paper_curves())
    last = table[table["claim"].str.contains("from ε = 4 to 8")].set_index("claim")["holds"]
    assert list(last) == [False, True]


def test_without_published_values_only_claims_without_sizes_are_made() -> None:
    rows = [
        record(0, "gradient", attack, 8.0, "top_k_intersection", value)
        for attack, value in (("random_sign", 0.8), ("top_k", 0.7))
    ]
    claims = orderings(attack_records(rows))["claim"]
    assert not claims.str.contains("0.30|half").any()
    assert set(CURVES) == {"top_k_intersection", "spearman", "center_shift"}
