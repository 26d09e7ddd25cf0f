"""Three words and their reasons: what evidence each needs, and what takes it away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records

from tf_fragile.probes.fragility.doubts import surrogate_doubt
from tf_fragile.probes.fragility.family import evidence
from tf_fragile.probes.fragility.names import DOUBLED
from tf_fragile.probes.fragility.summary import summarize, without_extras
from tf_fragile.probes.fragility.verdict import sentence, verdicts
from tf_fragile.report.verdict import Verdict

IMAGES = 12


def rows(attack: str, overlaps, *, failed: int = 0, stuck: int = 0, epsilon: float = 8.0,
         moved: bool = True):  # fmt: skip
    base = {"label": 1, "predicted": 1, "explainer": "gradient"}
    for sample, overlap in enumerate(overlaps):
        for metric, value in (
            ("success", float(sample >= failed)),
            ("stuck", float(sample < stuck)),
            ("linf", epsilon if moved else 0.0),
            ("top_k_intersection", overlap if sample >= failed else np.nan),
        ):
            yield base | {
                "sample": sample,
                "attack": attack,
                "epsilon": epsilon,
                "metric": metric,
                "value": float(value),
            }


def around(mean: float, images: int = IMAGES) -> np.ndarray:
    return mean + 0.02 * np.linspace(-1, 1, images)


def doubts(**told: str):
    for kind, clause in told.items():
        row = {"sample": -1, "label": -1, "predicted": -1, "role": "doubt", "value": 1.0}
        yield from [row | {"metric": kind, "note": clause}] if clause else []


def judge(
    attacked, *, longer=None, random=None, derivatives="", bare=(), feeding="", grid="", **how
) -> Verdict:
    longer = attacked if longer is None else longer
    random = around(0.95, len(attacked)) if random is None else random
    records = attack_records(
        [
            *rows("random_sign", random),
            *rows("top_k", attacked, **how),
            *(row | {"variant": DOUBLED} for row in rows("top_k", longer)),
            *doubts(
                derivatives=derivatives, surrogate=surrogate_doubt(bare), feeding=feeding, ball=grid
            ),
        ]
    )
    (verdict,) = verdicts(summarize(without_extras(records)), records)
    return verdict


def test_a_low_overlap_is_fragile_whatever_else_is_in_doubt() -> None:
    assert judge(around(0.1)).word == "FRAGILE"
    found = judge(around(0.1), longer=around(0.0), failed=2, derivatives="nothing is right")
    assert found.word == "FRAGILE"
    assert "leave 0.1" in sentence(found) and "random signs of the same size 0.95" in sentence(
        found
    )


def test_a_high_overlap_passes_only_with_all_the_evidence() -> None:
    assert judge(around(0.9)).word == "PASS"


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"longer": around(0.7)[::-1]}, r"twice the steps lower the overlap by 0\.20 \[0\.1"),
        ({"longer": around(0.7)}, r"twice the steps lower the overlap by 0\.20 on each of 12"),
        ({"longer": around(0.9)[:3]}, "on each of 3 images"),
        ({"longer": around(0.9)[:1]}, "on 1 image"),
        ({"grid": "no other image lies within epsilon = 8"}, "; no other image lies within eps"),
        ({"moved": False}, "the image itself is all that was found on 12 images"),
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
    assert pd.Series([sentence(found)]).str.contains(reason).all(), sentence(found)


def test_a_mean_near_the_threshold_is_inconclusive() -> None:
    assert judge(np.linspace(0.2, 0.8, IMAGES)).word == "INCONCLUSIVE"


def test_the_alarm_sounds_where_random_signs_beat_the_attack_even_if_both_are_damning() -> None:
    weak = judge(around(0.2), random=around(0.1))
    assert weak.word == "FRAGILE"
    assert "ALARM: random signs" in sentence(weak)
    assert "ALARM" not in sentence(judge(around(0.1)))


def test_an_attack_that_never_kept_the_label_found_nothing() -> None:
    found = judge(around(0.1), failed=IMAGES)
    assert found.word == "INCONCLUSIVE"
    assert "found nothing on 12 images" in sentence(found)


def test_what_never_moved_is_told_apart_from_what_lost_its_label() -> None:
    mixed = judge(around(0.9), stuck=2, failed=5)
    assert "no derivative to follow on 2 images; it lost the label on 3 images" in sentence(mixed)
    assert f"({IMAGES - 5} images)" in sentence(mixed)
    stuck = judge(around(0.9), stuck=IMAGES, failed=IMAGES, bare=("own",))
    assert stuck.word == "INCONCLUSIVE"
    assert "found nothing on 12 images; the attack had no derivative to follow on 12" in sentence(
        stuck
    )
    assert "no surrogate stands in for 'own'" in sentence(stuck)
    assert "lost the label" not in sentence(stuck)


def test_an_attack_that_never_moved_is_no_success_whatever_an_old_record_says() -> None:
    """Records of before counted it, and its untouched map as robust."""
    found = judge(around(1.0), stuck=IMAGES)
    assert found.word == "INCONCLUSIVE"
    assert "found nothing on 12 images" in sentence(found)


@pytest.mark.parametrize("mean", [0.1, 0.9])
def test_of_a_wrongly_fed_model_nothing_is_concluded_either_way(mean) -> None:
    found = judge(around(mean), feeding="the model seems to be fed wrongly: x")
    assert found.word == "INCONCLUSIVE"
    assert "; the model seems to be fed wrongly: x" in sentence(found)
    assert [reason.kind for reason in found.reasons] == ["feeding"]
    nothing = judge(around(mean), failed=IMAGES, feeding="the model seems to be fed wrongly: x")
    assert "found nothing on 12 images; the model seems to be fed wrongly: x; " in sentence(nothing)


def test_one_image_is_neither_fragile_nor_a_pass_and_how_many_it_takes_is_said() -> None:
    for overlap in (0.0, 1.0):
        found = judge(np.array([overlap]))
        assert found.word == "INCONCLUSIVE"
        assert (
            "; 1 image can't carry a verdict, whatever they show: --num_images=6 or more"
            in sentence(found)
        )


def test_what_is_not_surely_below_a_half_says_so_and_how_many_images_would_tell() -> None:
    found = judge(around(0.35))
    assert found.word == "INCONCLUSIVE"
    assert "; the mean is not surely below 0.5 (P = 0.043); more images like these" in sentence(
        found
    )
    assert "--num_images=24" in sentence(found)


def test_a_word_among_many_takes_more_than_alone() -> None:
    names = ("gradient", *(f"other_{i}" for i in range(9)))

    def with_names(chosen):
        overlaps = around(0.25)
        found = [
            row | {"explainer": name}
            for name in chosen
            for attack in ("random_sign", "top_k")
            for row in rows(attack, overlaps)
        ]
        records = attack_records(found)
        return verdicts(summarize(records, resamples=200), records)

    assert [v.word for v in with_names(names[:1])] == ["FRAGILE"]
    many = with_names(names)
    assert {v.word for v in many} == {"INCONCLUSIVE"}
    assert "corrected for 10 verdicts" in sentence(many[0])
    assert many[0].facts["evidence"].below == pytest.approx(
        10 * with_names(names[:1])[0].facts["evidence"].below
    )


def test_words_of_verdicts_are_those_whose_levels_were_measured() -> None:
    """`bench/levels.py` draws overlaps and asks `evidence`; a verdict says the same of records."""
    rng = np.random.default_rng(0)
    seen = set()
    for a, b in [(1, 9), (2, 6), (5, 5), (8, 2)] * 3:
        samples = [rng.beta(a, b, size) for size in (6, 9, 16)]
        rows = [
            {
                "sample": sample, "label": 0, "predicted": 0, "explainer": f"e{number}",
                "attack": "top_k", "epsilon": 8.0, "metric": "top_k_intersection", "value": value,
            }
            for number, overlaps in enumerate(samples)
            for sample, value in enumerate(overlaps)
        ]  # fmt: skip
        records = attack_records(rows)
        found = verdicts(summarize(records, resamples=50), records)
        for verdict, tested in zip(found, evidence(samples), strict=True):
            assert (verdict.state == "bad") == tested.is_fragile
            assert verdict.state != "good" or tested.is_robust
            assert verdict.facts["evidence"] == tested
            seen.add(verdict.state)
    assert "bad" in seen and "unknown" in seen
