"""How an audit reads pictures and names classes: settings, zoo entry and network together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from PIL import Image

from tf_fragile.audit import inputs
from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import run_audit
from tf_fragile.audit.subject import open_subject
from tf_fragile.data import PREPROCESSINGS, Reading, Source, open_source
from tf_fragile.data.class_index import imagenet
from tf_fragile.data.source import Sample
from tf_fragile.errors import InputError
from tf_fragile.models import zoo

FILE = replace(zoo.entry("embedded"), name="m.keras", class_index=None)
SQUEEZENET = zoo.entry("squeezenet_v1.0")


def network(task: str = "classes", units: int | None = 3) -> SimpleNamespace:
    return SimpleNamespace(task=task, units=units)


def test_model_files_see_pictures_as_keras_shows_them() -> None:
    assert inputs.reading_of(asked(), FILE) == Reading("stretch", "bilinear", "ignore")
    own = asked(resize="pad", interpolation="area", orientation="exif")
    assert inputs.reading_of(own, FILE) == Reading("pad", "area", "exif")


def test_networks_of_the_zoo_see_them_as_they_were_evaluated() -> None:
    for name, side in (("squeezenet_v1.0", 256), ("mobilenet_v2", 256), ("InceptionV3", 342)):
        found = inputs.reading_of(asked(), zoo.entry(name))
        assert found == Reading("imagenet", short_side=side)
    turned = inputs.reading_of(asked(orientation="exif"), SQUEEZENET)
    assert turned == Reading("imagenet", orientation="exif", short_side=256)
    assert inputs.reading_of(asked(resize="imagenet"), SQUEEZENET).short_side == 256
    assert inputs.reading_of(asked(resize="stretch"), SQUEEZENET) == Reading()
    assert inputs.reading_of(asked(), zoo.entry("cifar10_fragility")) == Reading()


def test_an_interpolation_that_would_not_be_used_is_refused_and_the_advice_works() -> None:
    with pytest.raises(InputError) as error:
        inputs.reading_of(asked(interpolation="bilinear"), SQUEEZENET)
    assert str(error.value) == (
        "Pictures for 'squeezenet_v1.0' are resized as ImageNet networks are evaluated, which is "
        "bicubic; leave out --interpolation=bilinear, or choose --resize=stretch."
    )
    advised = asked(interpolation="bilinear", resize="stretch")
    assert inputs.reading_of(advised, SQUEEZENET) == Reading("stretch", "bilinear")


@pytest.mark.parametrize(
    ("task", "units", "outputs"),
    [
        ("classes", 3, 3),
        ("classes", 1, 2),
        ("labels", 5, 5),
        ("classes", None, None),
        ("regression", 1, None),
    ],
)
def test_one_output_tells_two_classes_apart(task: str, units: int, outputs: int | None) -> None:
    assert inputs.outputs_of(network(task, units)) == outputs


def test_names_come_from_a_file_or_the_zoo_and_never_in_another_number(tmp_path: Path) -> None:
    assert inputs.classes_of(asked(), SQUEEZENET, network(units=1000)) is imagenet()
    assert inputs.classes_of(asked(), SQUEEZENET, network(units=6)) is None
    assert inputs.classes_of(asked(), FILE, network(units=1000)) is None
    (tmp_path / "names.txt").write_text("a\nb\nc\n")
    given = asked(classes=str(tmp_path / "names.txt"))
    found = inputs.classes_of(given, SQUEEZENET, network(units=1000))
    assert found is not None and found.names == ("a", "b", "c")


def source(**settings: object) -> Source:
    sample = Sample(np.zeros((4, 4, 3), np.uint8), 0)
    plain = Source("x", None, (4, 4, 3), PREPROCESSINGS["raw"], lambda i: sample, str, 1)
    return replace(plain, **settings)  # type: ignore[arg-type]


def test_the_plan_and_the_report_say_how_pictures_are_read_and_classes_named() -> None:
    full = source(
        class_names=tuple("abcdefg"),
        classes_from="the order of x",
        geometry="stretched",
        notes=("One.", "Two."),
    )
    assert inputs.plan_lines(full) == [
        "pictures: stretched",
        "classes: 0 a, 1 b, 2 c, …, 6 g (the order of x)",
        "note: One.",
        "note: Two.",
    ]
    assert inputs.facts(full) == {
        "Pictures": "stretched",
        "Classes": "0 a, 1 b, 2 c, …, 6 g (the order of x)",
        "Notes": "One. Two.",
    }
    assert inputs.plan_lines(source()) == [] and inputs.facts(source()) == {}
    assert inputs.classes_in_words(source(class_names=("a",))) == ""
    numbers = source(classes_from="labels are the outputs' own numbers")
    assert inputs.plan_lines(numbers) == ["classes: labels are the outputs' own numbers"]


def test_the_embedded_data_are_for_networks_of_ten_classes() -> None:
    with pytest.raises(InputError) as error:
        open_source(
            "embedded", preprocessing=PREPROCESSINGS["raw"], image_shape=(64, 64, 3), outputs=3
        )
    assert "The embedded data has 10 classes" in str(error.value)
    assert "but the model tells 3 classes apart" in str(error.value)


def test_pictures_of_a_zoo_network_are_not_resized_where_their_short_side_is_right(
    tmp_path: Path,
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (256, 300, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    opened = open_source(
        f"folder:{tmp_path}",
        preprocessing=PREPROCESSINGS["raw"],
        image_shape=(224, 224, 3),
        reading=inputs.reading_of(asked(), zoo.entry("mobilenet_v1")),
    )
    np.testing.assert_array_equal(opened.load([0]).image[0], pixels[16:240, 38:262])


def test_too_few_class_folders_are_refused_and_a_file_of_names_puts_them_right(
    tmp_path: Path,
) -> None:
    names = ("a_red", "b_green", "c_blue")
    conv = keras.layers.Conv2D(3, 3, activation="softplus")
    model = keras.Sequential(
        [
            keras.Input((12, 12, 3)),
            keras.layers.Rescaling(1 / 255),
            conv,
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Activation("softmax"),
        ]
    )
    conv.set_weights([np.full((3, 3, 1, 1), 4 / 9) * np.eye(3), np.full(3, -2.0)])
    model.save(tmp_path / "m.keras")
    for colour in (1, 2):
        folder = tmp_path / "data" / names[colour]
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(0).integers(40, 110, (2, 12, 20, 3))
        pixels[..., colour] += 90
        for i in range(2):
            Image.fromarray(pixels[i].astype(np.uint8)).save(folder / f"{i}.png")
    settings = asked(
        model=str(tmp_path / "m.keras"),
        data=f"folder:{tmp_path / 'data'}",
        num_images=None,
        steps=1,
        epsilon=(4.0,),
        explainers=("gradient",),
        plateau=0,
    )
    with pytest.raises(InputError) as error:
        open_subject(settings)
    assert str(error.value) == (
        f"The folder '{tmp_path}/data' has 2 class folders (b_green, c_blue), but the model tells "
        "3 classes apart; name the class of each output, in their order, with --classes=FILE, one "
        "a line."
    )
    (tmp_path / "names.txt").write_text("\n".join(names))
    advised = replace(settings, classes=str(tmp_path / "names.txt"))
    said: list[str] = []
    result = run_audit(advised, tmp_path / "out", say=said.append, progress=False)
    records = result["fragility"].records
    assert set(records[records["sample"] >= 0]["label"]) == {1, 2}
    assert (records["label"] == records["predicted"]).all()
    lines = "\n".join(said)
    assert "pictures: stretched to 12x12, bilinear, as keras.utils.image_dataset" in lines
    how = f"0 a_red, 1 b_green, 2 c_blue (by name, from --classes={tmp_path}/names.txt)"
    assert f"classes: {how}" in lines
    page = result.report.read_text("utf-8")
    assert how in page and "stretched to 12x12" in page
    assert "<h3>b_green" in page and "<h3>c_blue" in page and "<h3>a_red" not in page


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"resize": "crop"},
            "--resize is for pictures that are brought to the model's size, and --data=embedded "
            "draws them in it; leave it out.",
        ),
        ({"data": "embedded/val", "interpolation": "area"}, "--interpolation is for pictures that"),
        (
            {"data": "npz:a.npz", "orientation": "exif"},
            "--orientation=exif follows tags of picture files (folder:DIR), and --data=npz:a.npz "
            "has none; leave it out.",
        ),
    ],
)
def test_what_is_said_of_pictures_that_are_not_read_so_is_refused(settings, sentence) -> None:
    with pytest.raises(InputError) as error:
        inputs.check_used(asked(**settings))
    assert str(error.value).startswith(sentence)


def test_what_is_said_of_folders_is_used() -> None:
    inputs.check_used(asked(data="folder:a", resize="crop", orientation="exif"))
    inputs.check_used(asked(data="npz:a.npz", resize="crop"))
