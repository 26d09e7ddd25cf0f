"""All explainers under one attack: sorted, counted, refusals listed, taken up again."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.ranking.figure import explainer_ranking
from tf_fragile.experiments.fragility.ranking.presets import RANKINGS, Ranking, ranking
from tf_fragile.experiments.fragility.ranking.ranking import COLUMNS, Contestants
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.running import make as made_by
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.explainers.catalog import names

SIDE, COUNT = 10, 6
METHODS = ("gradient", "lrp_zbox", "pattern_net")
TINY = Ranking(2, METHODS, steps=2, epsilon=4.0, k=20, pattern_images=3)
layers = keras.layers


def make(activation: str) -> Subject:
    keras.utils.set_random_seed(2)
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(6, 3, padding="same", activation=activation)(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    rng = np.random.default_rng(4)
    images = rng.uniform(20, 235, (COUNT, SIDE, SIDE, 3)).round().astype(np.float32)
    labels = np.array(keras.ops.argmax(model(images), -1))
    source = Source(
        name="tiny",
        class_names=None,
        image_shape=(SIDE, SIDE, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda i: Sample(images[i], int(labels[i])),
        digest=lambda: "0" * 64,
        size=COUNT,
    )
    return Subject("tiny", model, source)


@pytest.fixture(scope="module")
def subject() -> Subject:
    return make("relu")


@pytest.fixture(scope="module")
def made(subject: Subject, tmp_path_factory: pytest.TempPathFactory):
    out, said = tmp_path_factory.mktemp("ranking"), []
    place = Place(out, command=("x.py",), progress=False, say=said.append)
    return ranked(TINY, subject, place), out, said


def ranked(chosen: Ranking, subject: Subject, place: Place) -> pd.DataFrame:
    """The table of a ranking, made at `place`."""
    return made_by(explainer_ranking(chosen, subject, place), place).tables[".csv"]


def telling(out: Path, said: list[str] | None = None) -> Place:
    """A place that tells a list."""
    return Place(out, progress=False, say=([] if said is None else said).append)


def test_every_explainer_has_a_row_and_the_one_with_most_left_is_first(made) -> None:
    found, out, _ = made
    assert tuple(found.columns) == COLUMNS and set(found["explainer"]) == set(METHODS)
    assert found["attacked"].is_monotonic_decreasing
    assert (
        (found["attacked_low"] <= found["attacked"]) & (found["n"] + found["n_failed"] == 2)
    ).all()
    written = pd.read_csv(out / "explainer_ranking.csv")
    assert list(written["explainer"]) == list(found["explainer"])
    assert (out / "explainer_ranking.png").read_bytes().startswith(b"\x89PNG")
    manifest = json.loads((out / "explainer_ranking.manifest.json").read_text("utf-8"))
    assert set(manifest["runs"]) == set(METHODS) and manifest["refused"] == {}


def test_a_map_that_does_not_follow_the_input_has_no_number_and_is_said_to_be_stuck(
    made, tmp_path: Path
) -> None:
    gradient = made[0].set_index("explainer").loc["gradient"]
    assert gradient["stuck"] == 0.0 and gradient["attacked"] < gradient["random"]
    chosen = ranking("quick", methods=("gradient",), k=20)
    found = ranked(chosen, make("linear"), telling(tmp_path))
    assert (found["stuck"][0], found["random"][0]) == (1.0, 1.0)
    assert (found["n"][0], found["n_failed"][0]) == (0, chosen.num_images)
    assert np.isnan(found["attacked"][0])  # nothing was tried, so nothing withstood it


def test_costs_of_one_attack_are_counted(made) -> None:
    gradient = made[0].set_index("explainer").loc["gradient"]
    assert (gradient["derivatives"], gradient["maps"]) == (2, 2)
    expected = 2 * (5.7 + 2.05 + 1) + 2.05 * gradient["model_gradients"]
    assert gradient["forwards"] == pytest.approx(expected)
    assert gradient["seconds"] > 0


def test_a_ranking_is_taken_up_again_without_computing_anything(made, subject: Subject) -> None:
    found, out, said = made
    assert "0 of them already there" in said[1] and "6 functions to build" in said[2]
    parts = sorted((out / "runs").glob("*/records/*/*.parquet"))
    before = {part: part.stat().st_mtime_ns for part in parts}
    again: list[str] = []
    same = ranked(TINY, subject, telling(out, again))
    assert len(parts) == 3 and before == {part: part.stat().st_mtime_ns for part in parts}
    assert "3 of them already there" in again[1] and "nothing left to compute" in again[2]
    pd.testing.assert_frame_equal(same.drop(columns="seconds"), found.drop(columns="seconds"))


def test_an_explainer_that_refuses_is_listed_last_with_its_sentence(tmp_path: Path) -> None:
    chosen = ranking("quick", methods=("guided_backprop", "gradient"), k=20)
    said: list[str] = []
    found = ranked(chosen, make("gelu"), telling(tmp_path, said))
    assert list(found["explainer"]) == ["gradient", "guided_backprop"]
    last = found.iloc[-1]
    assert np.isnan(last["attacked"]) and "gelu" in last["refused"]
    assert any(line.startswith("guided_backprop is left out:") for line in said)
    manifest = json.loads((tmp_path / "explainer_ranking.manifest.json").read_text("utf-8"))
    assert manifest["refused"] == {"guided_backprop": last["refused"]}
    with pytest.raises(InputError, match="Every explainer refuses"):
        alone = ranking("quick", methods=("deconvnet",), k=20)
        ranked(alone, make("gelu"), telling(tmp_path, said))


def test_patterns_come_from_images_that_are_not_attacked(subject: Subject) -> None:
    read: list[int] = []
    source = subject.source
    watched = Source(**{**vars(source), "read": lambda i: read.append(i) or source.read(i)})
    contestants = Contestants(TINY, Subject("tiny", subject.model, watched))
    assert contestants.data.patterns.samples == 3
    assert set(read) == set(np.random.default_rng(0).permutation(COUNT)[-3:])


def test_every_registered_explainer_is_ranked_with_few_points() -> None:
    cpu = RANKINGS["cpu"]
    assert cpu.explainers() == names()
    assert cpu.settings("integrated_gradients") == {"steps": 6, "rule": "gauss_legendre"}
    assert cpu.settings("vargrad") == cpu.settings("smoothgrad") == {"samples": 4}
    assert cpu.settings("gradient") == {}


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        ({"methods": ("gradent",)}, "did you mean gradient"),
        ({"methods": ("gradient", "gradient")}, "names one twice"),
        ({"num_images": 0}, "--num_images is 0"),
        ({"epsilon": -1.0}, "--epsilon is -1.0"),
    ],
)
def test_a_ranking_that_makes_no_sense_is_refused(overrides: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ranking("quick", **overrides)


def test_a_k_that_does_not_fit_is_refused_before_anything_is_written(
    subject: Subject, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="k=1000"):
        ranked(ranking("quick"), subject, telling(tmp_path))
    assert not list(tmp_path.iterdir())
