"""The fragility probe: who is attacked, who is left out, what is written down."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

import tf_fragile as tff
from tf_fragile.attacks.halving import smallest_epsilon
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Batch
from tf_fragile.probes.fragility.names import KEYS, SEARCHED, SMALLEST
from tf_fragile.probes.fragility.pictures import from_arrays, to_arrays
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.seeds import sample_seed
from tf_fragile.runs.records import make_records

layers = keras.layers
NO_SOURCE: Any = None  # batches are given


@pytest.fixture
def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    x = keras.Input((10, 10, 3))
    h = layers.Conv2D(6, 3, activation="relu")(x)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


@pytest.fixture
def batch(model) -> Batch:
    """Four images; the second is labelled wrongly, the third has no label."""
    image = np.random.default_rng(0).uniform(30, 220, (4, 10, 10, 3)).astype(np.float32)
    label = model.predict(image, verbose=0).argmax(axis=1).astype(np.int64)
    label[1] = (label[1] + 1) % 3
    label[2] = -1
    return Batch(index=np.array([10, 11, 12, 13]), image=image, label=label)


def probe(model, **settings) -> FragilityProbe:
    return FragilityProbe(
        explainers={"gradient": tff.explain("gradient", model),
                    "ig": tff.explain("integrated_gradients", model, steps=3)},
        source=NO_SOURCE,
        attacks={"random_sign": tff.attack("top_k", k=10, optimizer="random_sign"),
                 "top_k": tff.attack("top_k", k=10, steps=4)},
        epsilon=(2.0, 4.0),
        limits=PREPROCESSINGS["raw"].range,
        **settings,
    )  # fmt: skip


def records_of(probe: FragilityProbe, batch: Batch) -> pd.DataFrame:
    return make_records(probe.attacked(batch).rows, KEYS)


def test_misclassified_images_are_excluded_and_said_so(model, batch) -> None:
    records = records_of(probe(model), batch)
    excluded = records[records.metric == "excluded"]
    assert excluded["sample"].tolist() == [11]
    assert excluded.note.tolist() == ["misclassified"]
    assert set(records[records.attack != ""]["sample"]) == {10, 12, 13}
    everyone = records_of(probe(model, only_correct=False), batch)
    assert set(everyone[everyone.attack != ""]["sample"]) == {10, 11, 12, 13}


def test_a_batch_of_misclassified_images_is_all_exclusions(model, batch) -> None:
    wrong = Batch(batch.index[1:2], batch.image[1:2], batch.label[1:2])
    records = records_of(probe(model), wrong)
    assert records.metric.tolist() == ["excluded"]


def test_records_hold_every_explainer_attack_radius_and_metric(model, batch) -> None:
    findings = probe(model).attacked(batch)
    records = make_records(findings.rows, KEYS)
    attacked = records[records.attack != ""]
    groups = attacked.groupby(["sample", "explainer", "attack", "epsilon"]).metric.agg(set)
    assert len(groups) == 3 * 2 * 2 * 2
    expected = {"top_k_intersection", "spearman", "center_shift", "ssim", "success", "linf",
                "steps_to_best", "gradient_evaluations", "confidence_after"}  # fmt: skip
    assert all(expected <= metrics for metrics in groups)
    result = findings.results["ig", "top_k"]
    row = attacked.query(
        "sample == 12 and explainer == 'ig' and attack == 'top_k' and epsilon == 4"
    )
    value = row[row.metric == "spearman"].value.item()
    np.testing.assert_equal(value, result.metrics["spearman"][1, 1])


def test_completeness_gaps_are_recorded_for_methods_that_have_one(model, batch) -> None:
    records = records_of(probe(model), batch)
    gaps = records[records.metric == "gap"]
    assert set(gaps.explainer) == {"ig"}
    assert len(gaps) == 3


def test_findings_do_not_depend_on_the_batch(model, batch) -> None:
    whole = records_of(probe(model), batch)
    last = Batch(batch.index[3:], batch.image[3:], batch.label[3:])
    alone = records_of(probe(model), last)
    keys = ["sample", "explainer", "attack", "epsilon", "metric"]
    joined = alone.merge(whole, on=keys, suffixes=("", "_whole"))
    assert len(joined) == len(alone)
    np.testing.assert_allclose(joined.value, joined.value_whole, rtol=1e-3, atol=1e-3)


def test_the_smallest_radius_that_halves_the_overlap_is_recorded(model, batch) -> None:
    searching = probe(model, smallest=1.0)
    steps: list[int] = []
    records = make_records(searching.attacked(batch, steps.append).rows, KEYS)
    found = records[records.metric == SMALLEST]
    assert set(found.attack) == {"top_k"} and set(found.variant) == {SEARCHED}
    assert set(found["sample"]) == {10, 12, 13}
    own = found[found.explainer == "gradient"].sort_values("sample").value
    kept = np.array([0, 2, 3])
    direct = smallest_epsilon(
        searching.attacks["top_k"],
        searching.explainers["gradient"],
        batch.image[kept],
        low=1.0,
        high=4.0,
        bounds=searching.limits,
        seed=[sample_seed(0, int(i)) for i in batch.index[kept]],
    )
    np.testing.assert_array_equal(own, direct.epsilon)
    assert sum(steps) == searching.row_steps([10, 12, 13])
    assert not (records_of(probe(model), batch).metric == SMALLEST).any()


def test_sample_seeds_differ_between_samples_and_between_seeds() -> None:
    seeds = {sample_seed(seed, index) for seed in range(20) for index in range(50)}
    assert len(seeds) == 1000
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_pictures_survive_storage(model, batch) -> None:
    findings = probe(model).attacked(batch)
    arrays = to_arrays(batch, findings, PREPROCESSINGS["raw"], samples={12})
    pictures = list(from_arrays(arrays))
    assert {(p.sample, p.explainer, p.attack) for p in pictures} == {
        (12, explainer, attack)
        for explainer in ("gradient", "ig")
        for attack in ("random_sign", "top_k")
    }
    picture = next(p for p in pictures if p.explainer == "ig" and p.attack == "top_k")
    result = findings.results["ig", "top_k"]
    np.testing.assert_allclose(picture.original, batch.image[2])
    np.testing.assert_allclose(
        picture.original + picture.change, result.perturbed[:, 1], atol=4 * 2.0**-9
    )
    np.testing.assert_allclose(picture.maps, result.map_after[:, 1] * 100, rtol=2e-3, atol=1e-4)
