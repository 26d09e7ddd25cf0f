"""Three words and their reasons: what evidence each needs, and what takes it away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tf_fragile.audit.plateau import plateaus
from tf_fragile.audit.summary import summarize, without_extras
from tf_fragile.audit.verdict import Verdict, random_beats, verdicts
from tf_fragile.probes.fragility import DOUBLED
from tf_fragile.runs.records import make_records

IMAGES = 8


def rows(attack: str, overlaps, *, failed: int = 0, stuck: int = 0, epsilon: float = 8.0):
    base = {"label": 1, "predicted": 1, "explainer": "gradient", "probe": "fragility"}
    for sample, overlap in enumerate(overlaps):
        for metric, value in (
            ("success", float(sample >= failed)),
            ("stuck", float(sample < stuck)),
            ("top_k_intersection", overlap if sample >= failed else np.nan),
        ):
            yield base | {
                "sample": sample,
                "attack": attack,
                "epsilon": epsilon,
                "metric": metric,
                "value": float(value),
            }


def around(mean: float) -> np.ndarray:
    return mean + 0.02 * np.linspace(-1, 1, IMAGES)


def judge(
    attacked, *, longer=None, random=None, derivatives="", bare=(), feeding="", **how
) -> Verdict:
    longer = attacked if longer is None else longer
    random = around(0.95) if random is None else random
    records = make_records(
        [
            *rows("random_sign", random),
            *rows("top_k", attacked, **how),
            *rows("top_k" + DOUBLED, longer),
        ]
    )
    proper = without_extras(records)
    (verdict,) = verdicts(
        summarize(proper),
        proper,
        10,
        plateaus=plateaus(records),
        derivatives=derivatives,
        bare=bare,
        feeding=feeding,
    )
    return verdict


def test_a_low_overlap_is_fragile_whatever_else_is_in_doubt() -> None:
    assert judge(around(0.1)).word == "FRAGILE"
    found = judge(around(0.1), longer=around(0.0), failed=2, derivatives="nothing is right")
    assert found.word == "FRAGILE"
    assert "leave 0.1" in found.text and "random signs of the same size 0.95" in found.text


def test_a_high_overlap_passes_only_with_all_the_evidence() -> None:
    assert judge(around(0.9)).word == "PASS"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"longer": around(0.7)}, r"twice the steps lower the overlap by 0\.20 \["),
        ({"longer": around(0.9)[:3]}, "on 3 images"),
        ({"longer": []}, "twice the steps were not tried"),
        ({"failed": 1}, "it lost the label on 1 images"),
        ({"stuck": 2}, "no derivative to follow on 2 images"),
        ({"derivatives": "derivatives can't be believed: x"}, "derivatives can't be believed: x"),
        ({"bare": ("own",)}, "no surrogate stands in for 'own', which may hide its fragility"),
        ({"bare": tuple("abcdef")}, "for 'a', 'b', 'c', 'd' and 2 more, which may hide"),
        ({"random": around(0.7)}, "ALARM: random signs"),
    ],
)
def test_without_one_piece_of_it_nothing_is_concluded_and_the_reason_is_said(how, reason) -> None:
    found = judge(around(0.9), **how)
    assert found.word == "INCONCLUSIVE"
    assert pd.Series([found.text]).str.contains(reason).all(), found.text


def test_a_mean_near_the_threshold_is_inconclusive() -> None:
    assert judge(np.linspace(0.2, 0.8, IMAGES)).word == "INCONCLUSIVE"


def test_the_alarm_sounds_where_random_signs_beat_the_attack_even_if_both_are_damning() -> None:
    weak = judge(around(0.3), random=around(0.2))
    assert weak.word == "FRAGILE"
    assert random_beats(weak.text)
    assert not random_beats(judge(around(0.1)).text)


def test_an_attack_that_never_kept_the_label_found_nothing() -> None:
    found = judge(around(0.1), failed=IMAGES)
    assert found.word == "INCONCLUSIVE"
    assert "found nothing on 8 images" in found.text


def test_what_never_moved_is_told_apart_from_what_lost_its_label() -> None:
    mixed = judge(around(0.9), stuck=2, failed=5)
    assert "no derivative to follow on 2 images; it lost the label on 3 images" in mixed.text
    assert "(3 images)" in mixed.text
    stuck = judge(around(0.9), stuck=IMAGES, failed=IMAGES, bare=("own",))
    assert stuck.word == "INCONCLUSIVE"
    assert "found nothing on 8 images; the attack had no derivative to follow on 8" in stuck.text
    assert "no surrogate stands in for 'own'" in stuck.text
    assert "lost the label" not in stuck.text


def test_an_attack_that_never_moved_is_no_success_whatever_an_old_record_says() -> None:
    """Records of before counted it, and its untouched map as robust."""
    found = judge(around(1.0), stuck=IMAGES)
    assert found.word == "INCONCLUSIVE"
    assert "found nothing on 8 images" in found.text


@pytest.mark.parametrize("mean", [0.1, 0.9])
def test_of_a_wrongly_fed_model_nothing_is_concluded_either_way(mean) -> None:
    found = judge(around(mean), feeding="the model seems to be fed wrongly: x")
    assert found.word == "INCONCLUSIVE"
    assert "; the model seems to be fed wrongly: x" in found.text
    assert [doubt.kind for doubt in found.doubts] == ["feeding"]
    nothing = judge(around(mean), failed=IMAGES, feeding="the model seems to be fed wrongly: x")
    assert "found nothing on 8 images; the model seems to be fed wrongly: x; " in nothing.text
