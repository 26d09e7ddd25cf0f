"""What an audit's sentences advise is done to the letter, and ends in a right audit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from colours import by_colour, picture
from PIL import Image

from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import run_audit
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.audit.subject import open_subject
from tf_fragile.errors import InputError
from tf_fragile.probes.fragility.verdict import sentence as said_of

L = keras.layers
FAST = {"steps": 1, "explainers": ("gradient",), "epsilon": (4.0,), "num_images": 2, "plateau": 0}


def settings(root: Path, model: keras.Model, **more) -> AuditSettings:
    model.save(root / "m.keras")
    given = {"model": str(root / "m.keras"), "data": f"folder:{root / 'data'}", **FAST, **more}
    return asked(**given)


def folders(root: Path, names, count: int = 8) -> None:
    """The folder with that number has pictures of that class."""
    for colour, name in enumerate(names):
        (root / "data" / name).mkdir(parents=True)
        for seed in range(count):
            Image.fromarray(picture(colour, seed)).save(root / "data" / name / f"{seed}.png")


def feeding(given: AuditSettings) -> tuple[str, float]:
    """The doubt, and the accuracy."""
    found = open_subject(given).feeding
    assert found.accuracy is not None
    return found.doubt, found.accuracy.mean


def listed(sentence: str, path: Path) -> str:
    """A file of the names that a sentence lists."""
    names = re.search(r"one a line, and give --classes=FILE: ([^)]*)\)", sentence)
    assert names is not None, sentence
    path.write_text("\n".join(names[1].split(", ")))
    return str(path)


# Which class is which output ----------------------------------------------------------------------


def test_names_in_the_order_that_is_advised_end_in_a_right_audit(tmp_path: Path) -> None:
    folders(tmp_path, ("c", "b", "a"))
    given = settings(tmp_path, by_colour())
    (wrong,) = run_audit(given, tmp_path / "wrong", say=str, progress=False).verdicts
    assert wrong.word == "INCONCLUSIVE" and wrong.reasons[0].kind == "feeding"
    assert "with the classes in reverse order it is 100 % [86, 100] (write their" in said_of(wrong)
    given = replace(given, classes=listed(said_of(wrong), tmp_path / "names.txt"))
    result = run_audit(given, tmp_path / "right", say=str, progress=False)
    assert "feeding" not in [doubt.kind for doubt in result.verdicts[0].reasons]
    assert (result["fragility"].records["label"] == result["fragility"].records["predicted"]).all()
    # A file in the wrong order is put right in the same way.
    (tmp_path / "names.txt").write_text("a\nb\nc")
    doubt, accuracy = feeding(given)
    assert accuracy < 0.5 and "order of the outputs, one a line, and give" in doubt
    listed(doubt, tmp_path / "names.txt")
    assert feeding(given) == ("", 1)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("a", "c", "b"), "another order"),
        (("b", "c", "a"), "one lower"),
        (("c", "a", "b"), "one higher"),
        (("0 red", "2 blue", "1 green"), "another order"),  # lines that look like a table
        (("n01440764", "n01484850", "n01443537"), "another order"),  # said by their names
    ],
)
def test_any_order_of_folders_is_put_right_by_the_names_that_are_listed(
    tmp_path: Path, names, told
) -> None:
    folders(tmp_path, names)
    given = settings(tmp_path, by_colour(), only_correct=False)
    doubt, accuracy = feeding(given)
    assert accuracy < 0.5 and told in doubt
    given = replace(given, classes=listed(doubt, tmp_path / "names.txt"))
    assert feeding(given) == ("", 1)


def test_names_in_an_archive_are_put_right_by_the_names_that_are_listed(tmp_path: Path) -> None:
    names = np.array(["red", "blue", "green"])
    images = np.stack([picture(i % 3, i) for i in range(24)])
    np.savez(tmp_path / "a.npz", images=images, labels=names[np.arange(24) % 3])
    data = f"npz:{tmp_path / 'a.npz'}"
    given = settings(tmp_path, by_colour(), only_correct=False, data=data)
    with pytest.raises(InputError, match="with --classes=FILE, one a line") as error:
        feeding(given)
    alphabetical = re.search(r"has 3 labels \((.*?)\)", str(error.value))[1]
    (tmp_path / "names.txt").write_text(alphabetical.replace(", ", "\n"))
    given = replace(given, classes=str(tmp_path / "names.txt"))
    doubt, accuracy = feeding(given)
    assert accuracy < 0.5
    listed(doubt, tmp_path / "names.txt")
    assert feeding(given) == ("", 1)
    assert (tmp_path / "names.txt").read_text().split() == names.tolist()


def by_brightness(classes: int) -> keras.Model:
    """Outputs are bins of the mean grey level."""
    centres = (np.arange(classes) + 0.5) / classes
    head = L.Dense(classes, activation="softmax")
    layers = [keras.Input((8, 8, 1)), L.Rescaling(1 / 255), L.GlobalAveragePooling2D(), head]
    model = keras.Sequential(layers)
    head.set_weights([2000 * centres[None], -1000 * centres**2])
    return model


def brightnesses(classes: int, count: int) -> list[np.ndarray]:
    """Pictures of each class in turn."""
    rng = np.random.default_rng(0)
    levels = 255 * (np.arange(count) % classes + 0.5) / classes
    return [(level + rng.integers(-3, 4, (8, 8))).astype(np.uint8) for level in levels]


MANY = 14


@pytest.mark.parametrize("name", ["kind {:02}", "kind {:02}, of many"])
def test_an_order_of_many_classes_is_listed_whole(tmp_path: Path, name: str) -> None:
    order = np.random.default_rng(1).permutation(MANY)
    for i, pixels in enumerate(brightnesses(MANY, 6 * MANY)):
        path = tmp_path / "data" / name.format(order[i % MANY]) / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    given = settings(tmp_path, by_brightness(MANY), only_correct=False)
    doubt, accuracy = feeding(given)
    assert accuracy < 0.5 and "in another order it is" in doubt
    told = re.search(r"one a line, and give --classes=FILE: ([^)]*)\)", doubt)[1]
    names = told.split("; " if "; " in told else ", ")
    assert names == [name.format(kind) for kind in order]
    (tmp_path / "names.txt").write_text("\n".join(names))
    assert feeding(replace(given, classes=str(tmp_path / "names.txt"))) == ("", 1)


def test_numbers_of_many_classes_are_put_right_by_the_expression(tmp_path: Path) -> None:
    order = np.random.default_rng(1).permutation(MANY)
    images = np.stack(brightnesses(MANY, 6 * MANY))
    labels = order[np.arange(6 * MANY) % MANY]
    np.savez(tmp_path / "a.npz", images=images, labels=labels)
    data = f"npz:{tmp_path / 'a.npz'}"
    given = settings(tmp_path, by_brightness(MANY), only_correct=False, data=data)
    doubt, accuracy = feeding(given)
    assert accuracy < 0.5
    told = re.search(r"in another order it is .* \(store (.*)\)$", doubt)
    assert told is not None, doubt
    stored = eval(told[1], {"numpy": np, "labels": labels})
    np.savez(tmp_path / "a.npz", images=images, labels=stored)
    assert feeding(given) == ("", 1)


# The size of pictures -----------------------------------------------------------------------------


def striped() -> keras.Model:
    """Tells stripes of different width apart, which another size turns into each other."""
    conv, head = L.Conv2D(3, (1, 9), padding="same", activation="relu"), L.Dense(3)
    pooled = L.GlobalAveragePooling2D()
    layers = [keras.Input((None, None, 1)), L.Rescaling(1 / 127.5, -1), conv, pooled, head]
    model = keras.Sequential([*layers, L.Softmax()])
    place = np.arange(9) - 4
    kernel = np.stack([np.cos(2 * np.pi * place / width) for width in WIDTHS], -1)
    conv.set_weights([kernel[None, :, None, :].astype("float32"), np.zeros(3)])
    head.set_weights([8 * np.eye(3), np.zeros(3)])
    return model


WIDTHS = (4, 8, 16)


def test_the_size_that_a_model_was_trained_at_is_found_and_the_flag_works(tmp_path: Path) -> None:
    column = np.arange(64)
    for label, width in enumerate(WIDTHS):
        (tmp_path / "data" / f"{label}").mkdir(parents=True)
        for seed in range(12):
            wave = 127.5 + 120 * np.cos(2 * np.pi * column / width + seed)
            pixels = np.tile(wave, (64, 1)).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / f"{label}" / f"{seed}.png")
    given = settings(tmp_path, striped(), image_size=(32, 32), only_correct=False)
    doubt, accuracy = feeding(given)
    assert accuracy < 0.7, doubt
    flag = re.search(r"with --image_size=(\d+)x(\d+) it is 100 %", doubt)
    assert flag is not None, doubt
    assert (flag[1], flag[2]) == ("64", "64")
    assert feeding(replace(given, image_size=(64, 64))) == ("", 1)
