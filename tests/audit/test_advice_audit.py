"""Sentences about a model and its pictures: done to the letter, they end in a right audit."""

from __future__ import annotations

import base64
import io
import re
import runpy
from pathlib import Path

import in_process
import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import tf_fragile as tff

L = keras.layers
FAST = ("--explainers=gradient", "--steps=1", "--epsilon=4", "--plateau=0", "--progress=off")


def saved(root: Path, *layers: keras.layers.Layer, shape=(8, 8, 3)) -> str:
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input(shape), *layers], name="net")
    model.save(root / "m.keras")
    return f"--model={root / 'm.keras'}"


def convolved(units: int = 3, *head: keras.layers.Layer) -> tuple[keras.layers.Layer, ...]:
    hidden = (L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="relu"), L.Flatten())
    return (*hidden, L.Dense(units), *head)


def archive(root: Path, count: int = 4, channels: int = 3, **arrays: np.ndarray) -> str:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, channels)).astype(np.uint8)
    np.savez(root / "a.npz", images=images, **arrays)
    return f"--data=npz:{root / 'a.npz'}"


def audit(root: Path, *flags: str) -> in_process.Answer:
    return in_process.audit(*FAST, f"--out={root / 'out'}", *flags)


def originals(root: Path) -> list[np.ndarray]:
    """The pictures that the report shows, by image."""
    page = (root / "out" / "report.html").read_text("utf-8")
    found = re.findall(
        r'aria-label="Image (\d+), .*?src="data:image/png;base64,([^"]*)" alt="Original', page, re.S
    )
    pictures = {
        int(sample): np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))
        for sample, content in found
    }
    return [pictures[sample] for sample in sorted(pictures)]


# Bands --------------------------------------------------------------------------------------------


def three_of(said: str) -> str:
    assert re.search(r"give one \(drawn as grey\) or three \(as red, green and blue\)\.$", said)
    return "3,2,0"


def within(said: str) -> str:
    low, high = re.search(r"give numbers from (\d) to (\d)\.$", said).groups()
    return f"{high},{low},{high}"


@pytest.mark.parametrize(("asked", "obeyed"), [("0,1", three_of), ("0,1,5", within)])
def test_bands_given_as_advised_are_what_the_report_shows(tmp_path: Path, asked, obeyed) -> None:
    flags = (saved(tmp_path, *convolved(), shape=(8, 8, 5)), archive(tmp_path, channels=5))
    answer = audit(tmp_path, *flags, f"--bands={asked}")
    assert answer.code == 2
    bands = obeyed(answer.sentence)
    assert audit(tmp_path, *flags, f"--bands={bands}").code == 0
    images = np.load(tmp_path / "a.npz")["images"]
    expected = images[..., [int(band) for band in bands.split(",")]]
    np.testing.assert_array_equal(originals(tmp_path), expected)


# Images that the model gets wrong -----------------------------------------------------------------


def test_all_wrong_images_are_attacked_by_the_flag_that_is_advised(tmp_path: Path) -> None:
    model = saved(tmp_path, *convolved())
    data = archive(tmp_path, count=1)
    images = np.load(tmp_path / "a.npz")["images"]
    own = keras.models.load_model(tmp_path / "m.keras").predict(images, verbose=0).argmax(-1)
    archive(tmp_path, count=1, labels=(own + 1) % 3)
    answer = audit(tmp_path, model, data)
    assert answer.code == 2
    flag = re.search(r"or set (--only_correct=\w+)\.$", answer.sentence)
    assert flag is not None, answer.sentence
    answer = audit(tmp_path, model, data, flag[1])
    assert answer.code == 0
    counted = "1 image; 1 looked at, 1 misclassified, none passed over, 1 audited"
    assert answer.out.count(counted) == 2  # in the plan and at the end
    assert counted in (tmp_path / "out" / "report.html").read_text("utf-8")
    table = pd.read_csv(tmp_path / "out" / "samples.csv")
    assert table["outcome"].tolist() == ["audited"]
    np.testing.assert_array_equal(table["label"], (own + 1) % 3)
    np.testing.assert_array_equal(table["predicted"], own)


# Sizes --------------------------------------------------------------------------------------------


def test_another_size_is_chosen_as_advised(tmp_path: Path) -> None:
    layers = (L.Conv2D(4, 3, activation="relu"), L.GlobalAveragePooling2D(), L.Dense(3))
    flags = (saved(tmp_path, *layers, shape=(None, None, 3)), archive(tmp_path))
    said = audit(tmp_path, *flags, "--image_size=2x2").sentence
    assert said.endswith("; choose another --image_size.")
    assert audit(tmp_path, *flags, "--image_size=8x8").code == 0
    np.testing.assert_array_equal(originals(tmp_path), np.load(tmp_path / "a.npz")["images"])


# Explainers ---------------------------------------------------------------------------------------

BENT = """
import keras, tensorflow as tf

@keras.saving.register_keras_serializable("advice")
class Bent(keras.layers.Layer):
    def call(self, x):
        @tf.custom_gradient
        def slope(x):
            return 2 * x, lambda up: 0 * up  # it is 2

        @tf.custom_gradient
        def square(x):
            return x * x, lambda up: up * slope(x)

        return square(x)
"""


def test_an_explainer_that_can_not_be_attacked_is_left_out_as_advised(tmp_path: Path) -> None:
    (tmp_path / "bent.py").write_text(BENT)
    made = runpy.run_path(str(tmp_path / "bent.py"))
    layers = (L.Rescaling(1 / 255), L.Conv2D(4, 3, name="conv"), made["Bent"](), L.Flatten())
    flags = (
        saved(tmp_path, *layers, L.Dense(3)),
        archive(tmp_path),
        f"--import={tmp_path / 'bent.py'}",
    )
    asked = ["gradient", "grad_cam:layer=conv"]
    said = audit(tmp_path, *flags, f"--explainers={','.join(asked)}").sentence
    told = re.search(r"leave (\S+) out of --explainers\.$", said)
    assert told is not None, said
    asked.remove(told[1])
    answer = audit(tmp_path, *flags, f"--explainers={','.join(asked)}")
    assert answer.code == 0 and "use the secant optimizer." in answer.out


# Models that no audit takes -----------------------------------------------------------------------


def followed(said: str, model: keras.Model, x, bounds, **head: str):
    """The Python interface, as a sentence names it."""
    named = re.search(r"from Python \(tff\.(\w+), tff\.(\w+)\)\.$", said)
    names = named.groups() if named else ("explain", "attack")
    assert named or said.endswith("use the Python interface for other models.")
    explain, attack = (getattr(tff, name) for name in names)
    explainer = explain("gradient", model, **head)
    numbers = head.get("head") == "regression"
    made = attack("top_k", k=2, steps=2, **({"tolerance": 0.5} if numbers else {}))
    target = np.zeros(len(x), np.int32) if numbers else None  # of several numbers one is asked for
    return made(explainer, x, target, epsilon=0.1, bounds=bounds)


def test_a_model_of_vectors_is_audited_on_rows_as_advised(tmp_path: Path) -> None:
    flag = saved(tmp_path, L.Dense(5, activation="relu"), L.Dense(3), shape=(6,))
    said = audit(tmp_path, flag, archive(tmp_path)).sentence
    told = re.search(r"the model takes \[N, (\d+)\]; give samples of that shape\.$", said)
    assert told is not None, said
    rows = np.random.default_rng(0).random((4, int(told[1]))).astype(np.float32)
    np.savez(tmp_path / "rows.npz", x=rows)
    answer = audit(tmp_path, flag, f"--data=npz:{tmp_path / 'rows.npz'}", "--epsilon=0.1")
    assert answer.code == 0, answer.sentence


def test_a_model_of_two_inputs_is_audited_on_arrays_of_their_names_as_advised(
    tmp_path: Path,
) -> None:
    left, right = keras.Input((4, 4, 1), name="left"), keras.Input((4, 4, 1), name="right")
    joined = L.Concatenate()([L.Flatten()(left), L.Flatten()(right)])
    model = keras.Model([left, right], L.Dense(3)(L.Dense(5, activation="relu")(joined)))
    model.save(tmp_path / "m.keras")
    flag = f"--model={tmp_path / 'm.keras'}"
    said = audit(tmp_path, flag, archive(tmp_path)).sentence
    assert "has no array 'left', which is an input of the model" in said
    assert said.endswith("store each input under its name.")
    rng = np.random.default_rng(0)
    arrays = {n: rng.random((4, 4, 4, 1)).astype(np.float32) for n in ("left", "right")}
    np.savez(tmp_path / "two.npz", **arrays)
    answer = audit(tmp_path, flag, f"--data=npz:{tmp_path / 'two.npz'}", "--epsilon=0.1")
    assert answer.code == 0, answer.sentence


@pytest.mark.parametrize(
    ("head", "layers", "flags"),
    [
        ("regression", (), ("--head=regression",)),
        ("probabilities", (L.Activation("sigmoid"),), ()),
    ],
)
def test_numbers_and_sets_of_labels_are_attacked_from_python_as_advised(
    tmp_path: Path, head: str, layers, flags
) -> None:
    flag = saved(tmp_path, *convolved(3, *layers))
    (tmp_path / "names.txt").write_text("a\nb")  # what is wrong besides is not said first
    said = audit(
        tmp_path, flag, archive(tmp_path), *flags, f"--classes={tmp_path / 'names.txt'}"
    ).sentence
    model = keras.models.load_model(tmp_path / "m.keras")
    x = np.load(tmp_path / "a.npz")["images"].astype(np.float32)
    result = followed(said, model, x, (0, 255), head=head)
    assert np.asarray(result.perturbed).size == x.size


# How many images ----------------------------------------------------------------------------------


def test_as_many_images_as_advised_carry_a_verdict_and_never_more_than_there_are(
    tmp_path: Path,
) -> None:
    flags = (saved(tmp_path, *convolved()), archive(tmp_path, count=6))
    asked = audit(tmp_path, *flags, "--num_images=2").out
    told = re.findall(
        r"can't carry a verdict, whatever they show: (--num_images=\d+) or more", asked
    )
    assert len(told) == 2  # in the plan and in the verdict
    assert (
        "can't carry"
        not in in_process.audit(*FAST, f"--out={tmp_path / 'more'}", *flags, told[0]).out
    )
    archive(tmp_path, count=5)
    few = in_process.audit(*FAST, f"--out={tmp_path / 'few'}", *flags, "--num_images=2").out
    assert few.count("it takes 6 or more, and no more than 5 can be attacked; give more data") == 2
