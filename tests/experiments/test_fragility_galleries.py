"""The figures that show single images: gallery, deep Taylor's page, metrics beside maps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.curves.comparison import compare
from tf_fragile.experiments.fragility.curves.imagenet import dtd_curves
from tf_fragile.experiments.fragility.images.dtd import dtd_examples
from tf_fragile.experiments.fragility.images.gallery import attack_gallery
from tf_fragile.experiments.fragility.images.panels import attacked_panels, clean_panels
from tf_fragile.experiments.fragility.images.request import Request
from tf_fragile.experiments.fragility.images.subjective import objective_vs_subjective, told
from tf_fragile.experiments.fragility.presets import Budget, Preset
from tf_fragile.experiments.frame.job import Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.running import make
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.probes.fragility.pictures import Picture

SIDE, COUNT = 12, 8
BOX = {"deep_taylor": Budget(2, 3, 4.0, {"first": "box"})}
TAYLOR = Preset(Budget(2, 3, 4.0), BOX, ("deep_taylor",), (8.0,), k=20, shard_size=2)
layers = keras.layers


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Pictures that a sure network gets right."""
    keras.utils.set_random_seed(2)
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    coarse = np.random.default_rng(4).uniform(20, 235, (COUNT, 4, 4, 3))
    images = coarse.repeat(3, axis=1).repeat(3, axis=2).astype(np.float32)
    labels = np.array(keras.ops.argmax(model(images), -1))
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


def size(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        assert picture.format == "PNG" and picture.getbbox()
        return picture.size


def quiet(out: Path) -> Place:
    """A place that says nothing."""
    return Place(out, progress=False, say=lambda _: None)


def made(figure: Callable[[Request], Job], request: Request) -> pd.DataFrame:
    """The table of a figure of single images."""
    return make(figure(request), request.place).tables[".csv"]


def test_the_gallery_has_a_picture_a_method_and_both_attacks_on_every_image(
    subject: Subject, tmp_path: Path
) -> None:
    own = {"deeplift_rescale": Budget(1, 3, 4.0)}
    preset = Preset(Budget(2, 3, 4.0), own, ("gradient", "deeplift_rescale"), (8.0,), k=20)
    table = made(attack_gallery, Request(subject, preset, quiet(tmp_path)))
    counts = table.groupby(["explainer", "attack"])["sample"].nunique().to_dict()
    for method, count in (("gradient", 2), ("deeplift_rescale", 1)):
        for attack in ("top_k", "mass_center", "random_sign"):
            assert counts[method, attack] == count
    tall, short = (size(tmp_path / f"attack_gallery.{method}.png") for method in preset.methods)
    assert tall[0] == short[0] and tall[1] > short[1]
    assert len(pd.read_csv(tmp_path / "attack_gallery.csv")) == len(table)
    manifest = json.loads((tmp_path / "attack_gallery.manifest.json").read_text("utf-8"))
    assert set(manifest["runs"]) == set(preset.methods)


def test_each_attack_on_deep_taylor_has_images_of_its_own(subject: Subject, tmp_path: Path) -> None:
    table = made(dtd_examples, Request(subject, TAYLOR, quiet(tmp_path)))
    images = {
        attack: set(table[table["attack"] == attack]["sample"])
        for attack in ("top_k", "mass_center")
    }
    assert len(images["top_k"]) == len(images["mass_center"]) == 2
    assert not images["top_k"] & images["mass_center"]
    width, height = size(tmp_path / "dtd_examples.png")
    assert width > 2 * height
    manifest = json.loads((tmp_path / "dtd_examples.manifest.json").read_text("utf-8"))
    assert set(manifest["runs"]) == {"deep_taylor, top_k", "deep_taylor, mass_center"}
    with pytest.raises(InputError, match="shows one method"):
        two = Preset(Budget(1, 1, 8.0), {}, ("gradient", "deep_taylor"), (8.0,), k=20)
        dtd_examples(Request(subject, two, quiet(tmp_path)))


def test_the_curves_of_deep_taylor_have_the_published_values_beside_them(
    subject: Subject, tmp_path: Path
) -> None:
    place = quiet(tmp_path)
    table = make(compare(dtd_curves(), subject, TAYLOR, place), place).tables[".csv"]
    beside = table.set_index(["metric", "attack"])["paper"]
    assert beside["top_k_intersection", "random_sign"] == 0.757
    assert beside["center_shift", "mass_center"] == 47.1
    assert table["paper"].notna().all() and len(table) == 3 * 3
    size(tmp_path / "dtd_curves.png")


def test_every_attack_on_an_image_has_every_metric_beside_its_map(
    subject: Subject, tmp_path: Path
) -> None:
    preset = Preset(Budget(1, 3, 4.0), {}, ("gradient",), (8.0,), k=20)
    said: list[str] = []
    place = Place(tmp_path, progress=False, say=said.append)
    table = made(objective_vs_subjective, Request(subject, preset, place))
    assert set(table["attack"]) == {"random_sign", "top_k", "mass_center", "distance"}
    shown = ["top_k_intersection", "spearman", "center_shift", "ssim", "lens_recall"]
    assert table.loc[table["success"] == 1, shown].notna().all(axis=None)
    assert "keep less than half" in "".join(said)
    size(tmp_path / "objective_vs_subjective.png")


def test_a_map_with_other_top_pixels_and_the_same_centre_counts_as_changed_and_still() -> None:
    table = pd.DataFrame(
        {
            "attack": ["random_sign", "top_k", "top_k", "distance"],
            "success": [1.0, 1.0, 1.0, 0.0],
            "top_k_intersection": [0.4, 0.2, 0.9, np.nan],
            "center_shift": [4.0, 6.0, 1.0, np.nan],
        }
    ).assign(spearman=0.5, ssim=0.5, lens_recall=0.5, lens_precision=0.5)
    text = told(table, side=100)
    assert "2 of 3 maps keep less than half" in text and "in 1 of these" in text
    (line,) = [line for line in text.splitlines() if line.startswith("top_k")]
    assert line.split()[1] == "0.55" and "distance" not in text


def test_a_failed_attack_is_said_in_its_place_and_the_clean_label_comes_from_another(
    subject: Subject,
) -> None:
    flat = np.ones((4, 4), np.float32)
    shown = [
        Picture(0, "gradient", attack, np.ones((4, 4, 3)), np.zeros((1, 4, 4, 3)), flat, flat[None])
        for attack in ("top_k", "mass_center")
    ]
    common = {"sample": 0, "explainer": "gradient", "predicted": 1, "epsilon": 8.0}
    metrics = {"top_k_intersection": 0.1, "spearman": 0.2, "center_shift": 3.0}
    table = pd.DataFrame(
        [
            {**common, "attack": "top_k", "success": 0.0},
            {**common, "attack": "mass_center", "success": 1.0, **metrics}
            | {"confidence_before": 0.9, "confidence_after": 0.6},
        ]
    )
    image, _ = clean_panels(shown, table, subject, 1.0)
    assert image.title == "b, 90.0 %"
    assert clean_panels(shown[:1], table, subject, 1.0)[0].title == "b"
    failed, moved = (attacked_panels(p, table, subject, 1.0, "an attack") for p in shown)
    assert failed[0].title == "an attack\nattack failed" and failed[1].title == ""
    assert moved[0].title == "an attack\nb, 60.0 %"
    assert moved[1].title == "top-k 0.10, rank 0.20, 3 px"
