"""The figures end to end, on a network and pictures that take milliseconds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.campaign import Campaign, runs
from tf_fragile.experiments.fragility.curves.comparison import Comparison, compare
from tf_fragile.experiments.fragility.curves.curves import COLUMNS
from tf_fragile.experiments.fragility.curves.paper import paper_curves
from tf_fragile.experiments.fragility.images.examples import attack_examples
from tf_fragile.experiments.fragility.images.request import Request
from tf_fragile.experiments.fragility.images.targeted import first_of_class, share, targeted
from tf_fragile.experiments.fragility.images.wanted import Region
from tf_fragile.experiments.fragility.presets import Budget, Preset
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.running import make
from tf_fragile.experiments.frame.subject import Subject, choose_correct

SIDE, COUNT = 12, 8
layers = keras.layers

TINY = Preset(
    Budget(3, 5, 4.0),
    {
        "deeplift_rescale": Budget(2, 4, 4.0, {"max_pool": "gradient"}),
        "integrated_gradients": Budget(2, 3, 4.0, {"steps": 2, "rule": "gauss_legendre"}),
    },
    epsilon=(2.0, 8.0),
    k=20,
    shard_size=2,
)
CURVES = Comparison("curves", "Curves", ("top_k_intersection", "spearman"), paper_curves())
SHIFTS = Comparison("shifts", "Shifts", ("center_shift",), paper_curves())


def pixels(count: int) -> np.ndarray:
    rng = np.random.default_rng(4)
    coarse = rng.uniform(20, 235, (count, 4, 4, 3))
    fine = coarse.repeat(3, axis=1).repeat(3, axis=2) + rng.normal(0, 8, (count, SIDE, SIDE, 3))
    return np.clip(fine, 0, 255).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    h = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(h)
    return keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))


@pytest.fixture(scope="module")
def subject(model: keras.Model) -> Subject:
    """Pictures whose labels the network gets right, but for every fourth one."""
    images = pixels(COUNT)
    labels = np.array(keras.ops.argmax(model(images), -1))
    labels[::4] = (labels[::4] + 1) % 3
    source = Source(
        name="tiny",
        class_names=("a", "b", "c"),
        image_shape=(SIDE, SIDE, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda i: Sample(images[i], int(labels[i])),
        digest=lambda: "0" * 64,
        size=COUNT,
    )
    return Subject("tiny", model, source)


@pytest.fixture(scope="module")
def made(subject: Subject, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The directory of a finished figure, and what was said."""
    out, said = tmp_path_factory.mktemp("figure"), []
    compared(subject, TINY, Place(out, command=("x.py",), progress=False, say=said.append))
    return out, said


def compared(
    subject: Subject, preset: Preset, place: Place, figure: Comparison = CURVES
) -> pd.DataFrame:
    """The table of a figure of curves, made at `place`."""
    return make(compare(figure, subject, preset, place), place).tables[".csv"]


def quiet(out: Path) -> Place:
    """A place that says nothing."""
    return Place(out, progress=False, say=lambda _: None)


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.format == "PNG" and min(picture.size) > 100 and bool(picture.getbbox())


def test_chosen_images_are_right_and_a_smaller_number_takes_the_first(subject: Subject) -> None:
    large, small = choose_correct(subject, 5), choose_correct(subject, 2)
    assert small.positions == large.positions[:2]
    assert not {0, 4} & set(large.positions)
    assert large.examined == len(large.positions) + large.misclassified


def test_asking_for_more_right_images_than_there_are_says_how_many_there_are(
    subject: Subject,
) -> None:
    with pytest.raises(InputError, match="gets only 6 right"):
        choose_correct(subject, 7)
    with pytest.raises(InputError, match=r"with a confidence of 1\.1"):
        choose_correct(subject, 1, confidence=1.1)


def test_a_comparison_writes_a_tidy_table_a_picture_and_a_manifest(
    made: tuple[Path, list[str]],
) -> None:
    out, _ = made
    table = pd.read_csv(out / "curves.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 3 * 3 * 2 * 2  # methods, attacks, radii, metrics
    assert set(table["n"] + table["n_failed"]) == {2, 3}
    assert is_png(out / "curves.png")
    manifest = json.loads((out / "curves.manifest.json").read_text("utf-8"))
    assert manifest["command"] == ["x.py"] and len(manifest["images"]["chosen"]) == 3
    assert manifest["runs"]["gradient"]["settings"]["steps"] == 5
    claims = pd.read_csv(out / "curves.orderings.csv")
    assert claims["holds"].dtype == bool and not claims["claim"].str.contains("shift").any()


def test_the_plan_is_said_before_the_work_and_the_orderings_after(
    made: tuple[Path, list[str]],
) -> None:
    _, said = made
    assert "tiny on tiny" in said[0] and "gradient: 3 images x 2 radii x 2 attacks" in said[1]
    assert "9 functions to build" in said[4] and "to go here" in said[4]
    assert "orderings of the paper that hold" in said[-2]
    assert said[-1].endswith("curves.csv, .orderings.csv, .png, .manifest.json")


def test_a_second_figure_reuses_the_records_of_the_first(
    made: tuple[Path, list[str]], subject: Subject
) -> None:
    out, _ = made
    parts = sorted((out / "runs").glob("*/records/*/*.parquet"))
    before = {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts}
    said: list[str] = []
    table = compared(subject, TINY, Place(out, progress=False, say=said.append), SHIFTS)
    assert before == {part: (part.stat().st_mtime_ns, part.read_bytes()) for part in parts}
    assert len(parts) == 4 and "nothing left to compute" in said[4]
    assert set(table["metric"]) == {"center_shift"} and is_png(out / "shifts.png")
    assert (out / "curves.csv").exists()


def test_a_lost_shard_is_computed_again_with_the_same_records(
    made: tuple[Path, list[str]], subject: Subject
) -> None:
    out, _ = made
    part = out / "runs" / "gradient" / "records" / "fragility" / "part-00001.parquet"
    before, table = part.read_bytes(), (out / "curves.csv").read_bytes()
    part.unlink()
    said: list[str] = []
    compared(subject, TINY, Place(out, progress=False, say=said.append))
    assert "2 images already there" in said[1]
    assert part.read_bytes() == before and (out / "curves.csv").read_bytes() == table


def test_other_settings_in_the_same_directory_are_refused(
    made: tuple[Path, list[str]], subject: Subject
) -> None:
    other = replace(TINY, k=30)
    with pytest.raises(InputError, match="k was 20 and is now 30"):
        compared(subject, other, quiet(made[0]))


def test_settings_that_cannot_work_are_refused_before_anything_is_written(
    subject: Subject, tmp_path: Path
) -> None:
    for wrong, said in (
        ({"k": 10**6}, "k=1000000"),
        ({"select": "worst"}, "selection rule"),
        ({"methods": ("gradint",)}, "did you mean gradient"),
    ):
        with pytest.raises(InputError, match=said):
            compared(subject, replace(TINY, **wrong), quiet(tmp_path))
    assert not list(tmp_path.rglob("manifest.json"))


def test_the_plan_grows_with_steps_and_with_gradients_a_map(
    subject: Subject, tmp_path: Path
) -> None:
    campaign = Campaign(subject, TINY, ("top_k",), (1, 2, 3), tmp_path)
    gradient, _, path = (run.work for run in runs(campaign))
    double = replace(TINY, budget=Budget(3, 10, 4.0))
    assert runs(replace(campaign, preset=double))[0].work.forwards > 1.9 * gradient.forwards
    assert path.forwards > gradient.forwards * (2 * 3) / (3 * 5)


def test_examples_show_every_image_before_and_after(subject: Subject, tmp_path: Path) -> None:
    preset = replace(TINY, epsilon=(8.0,), budget=Budget(2, 5, 4.0))
    place = quiet(tmp_path)
    table = make(attack_examples(Request(subject, preset, place, (1, 2))), place).tables[".csv"]
    assert set(table["sample"]) == {1, 2}
    assert set(table["explainer"]) == set(preset.methods)
    assert is_png(tmp_path / "attack_examples.png")
    with Image.open(tmp_path / "attack_examples.png") as picture:
        assert picture.width > 1.2 * picture.height  # two rows an image, six columns
    written = pd.read_csv(tmp_path / "attack_examples.csv")
    assert {"confidence_before", "confidence_after", "center_shift"} <= set(written.columns)


def test_a_targeted_attack_draws_the_map_into_the_region(subject: Subject, tmp_path: Path) -> None:
    preset = Preset(Budget(1, 30, 1.0), {}, ("gradient",), (16.0,), k=20)
    place, wanted = quiet(tmp_path), Region(2, (0, 0, 6, 4))
    table = make(targeted(subject, preset, place, wanted), place).tables[".csv"]
    (row,) = table.to_dict("records")
    assert row["success"] and row["area"] == pytest.approx(24 / 144)
    assert row["attacked"] > row["clean"] and row["attacked"] > row["random"]
    assert is_png(tmp_path / "targeted.png")
    manifest = json.loads((tmp_path / "targeted.manifest.json").read_text("utf-8"))
    assert manifest["region"] == "box 0,0,6,4"


def test_another_region_in_the_same_directory_is_refused(subject: Subject, tmp_path: Path) -> None:
    preset = Preset(Budget(1, 2, 4.0), {}, ("gradient",), (8.0,), k=20)
    place = quiet(tmp_path)
    make(targeted(subject, preset, place, Region(2, (0, 0, 6, 4))), place)
    with pytest.raises(InputError, match="region was"):
        make(targeted(subject, preset, place, Region(2, (0, 0, 6, 5))), place)


def test_the_first_image_of_a_class_is_found_or_missed_by_name(subject: Subject) -> None:
    labels = [subject.source.read(i).label for i in range(COUNT)]
    assert first_of_class(subject, "abc"[labels[3]]) == labels.index(labels[3])
    with pytest.raises(InputError, match="no image of class 'truck'"):
        first_of_class(subject, "truck")


def test_the_share_of_a_region_is_its_mass_over_all() -> None:
    map_ = np.array([[1.0, 3.0], [0.0, 0.0]])
    assert share(map_, np.array([[True, False], [True, False]])) == 0.25
    assert share(np.zeros((2, 2)), np.ones((2, 2), bool)) == 0.0
