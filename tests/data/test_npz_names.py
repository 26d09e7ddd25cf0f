"""Labels of an archive that are names of classes: each is the output that is called so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf_fragile.data import PREPROCESSINGS, Classes, Source, open_source
from tf_fragile.data.class_index import CIFAR10, class_index
from tf_fragile.errors import InputError

X = np.arange(6 * 48, dtype=np.uint8).reshape(6, 4, 4, 3)
NAMES = ("dog", "ant", "cat")  # in no order of the alphabet
Y = [0, 1, 2, 2, 1, 0]
SPELLED = np.array(NAMES)[Y]
GIVEN = Classes(NAMES, "--classes=names.txt")


def opened(root: Path, labels: Any, **settings: Any) -> Source:
    np.savez(root / "a.npz", images=X, labels=labels)
    given = {"preprocessing": PREPROCESSINGS["raw"], "image_shape": (4, 4, 3), "outputs": 3}
    return open_source(f"npz:{root / 'a.npz'}", **{**given, **settings})


def refusal(root: Path, labels: Any, **settings: Any) -> str:
    with pytest.raises(InputError) as error:
        opened(root, labels, **settings)
    return str(error.value).replace(str(root / "a.npz"), "a.npz")


@pytest.mark.parametrize(
    "labels",
    [
        SPELLED,
        SPELLED.astype("S"),
        SPELLED[:, None],
        np.char.upper(SPELLED),
        np.char.add("  ", SPELLED),
    ],
)
def test_names_are_the_outputs_that_are_called_so(tmp_path: Path, labels) -> None:
    source = opened(tmp_path, labels, classes=GIVEN)
    assert source.load(range(6)).label.tolist() == Y
    assert source.class_names == NAMES
    assert source.classes_from == "by name, from --classes=names.txt"
    assert source.numbering == "names"


def test_letters_beyond_ascii_in_bytes_are_utf_8(tmp_path: Path) -> None:
    words = np.array([word.encode() for word in ("möwe", "bär", "möwe", "bär", "bär", "bär")])
    birds = Classes(("bär", "möwe"), "--classes=names.txt")
    assert opened(tmp_path, words, outputs=2, classes=birds).load([0, 1]).label.tolist() == [1, 0]


def test_a_class_without_an_image_keeps_its_output(tmp_path: Path) -> None:
    source = opened(tmp_path, np.where(SPELLED == "dog", "cat", SPELLED), classes=GIVEN)
    assert source.load(range(6)).label.tolist() == [2, 1, 2, 2, 1, 2]


def test_the_names_of_the_zoo_are_known(tmp_path: Path) -> None:
    source = opened(tmp_path, np.array(["ship"] * 6), outputs=10, classes=class_index("cifar10"))
    assert source.load([0]).label == CIFAR10.index("ship")
    wnids = np.array(["n01443537", "n01440764"] * 3)
    assert opened(tmp_path, wnids, outputs=1000).load([0, 1]).label.tolist() == [1, 0]


@pytest.mark.parametrize("outputs", [3, None])
def test_names_are_never_numbered_by_the_alphabet(tmp_path: Path, outputs) -> None:
    assert refusal(tmp_path, SPELLED, outputs=outputs) == (
        "The array 'labels' in 'a.npz' has 3 labels (ant, cat, dog), and nothing says which output "
        "each of them is; name the class of each output, in their order, with --classes=FILE, one "
        "a line."
    )


def test_an_order_given_as_advised_is_followed(tmp_path: Path) -> None:
    said = refusal(tmp_path, SPELLED)
    listed = re.search(r"\((.*?)\)", said)[1].split(", ")
    path = tmp_path / "names.txt"
    for order in (listed, listed[::-1], list(NAMES)):
        path.write_text("\n".join(order))
        source = opened(tmp_path, SPELLED, classes=Classes.read(path))
        assert [order[label] for label in source.load(range(6)).label] == SPELLED.tolist()


def test_a_name_that_no_output_has_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, np.where(SPELLED == "ant", "aunt", SPELLED), classes=GIVEN) == (
        "The array 'labels' in 'a.npz' has a label 'aunt', which is no class of "
        "--classes=names.txt (dog, ant, cat); name the class of each output, in their order, with "
        "--classes=FILE, one a line."
    )
    said = refusal(tmp_path, SPELLED, outputs=2)
    assert said.endswith("the model tells 2 classes apart; choose a model or data with the "
                         "other's classes.")  # fmt: skip


@pytest.mark.parametrize("classes", [None, GIVEN])
def test_numbers_as_text_are_stored_as_advised(tmp_path: Path, classes) -> None:
    labels = np.array(Y).astype(str)
    said = refusal(tmp_path, labels, classes=classes)
    assert said == ("The labels 'labels' in 'a.npz' are numbers as text; store labels.astype(int).")
    stored = eval(re.search(r"store (.*)\.$", said)[1], {"labels": labels})
    assert opened(tmp_path, stored, classes=classes).load(range(6)).label.tolist() == Y


def test_digits_that_are_names_are_names(tmp_path: Path) -> None:
    digits = Classes(("2", "0", "1"), "--classes=names.txt")
    source = opened(tmp_path, np.array(Y).astype(str), classes=digits)
    assert source.load(range(6)).label.tolist() == [1, 2, 0, 0, 2, 1]


def test_one_output_has_two_names(tmp_path: Path) -> None:
    labels = np.array(["no", "yes"] * 3)
    answers = Classes(("no", "yes"), "--classes=names.txt")
    source = opened(tmp_path, labels, outputs=1, classes=answers)
    assert source.load(range(6)).label.tolist() == [0, 1] * 3


def test_what_each_name_stands_for_is_part_of_the_fingerprint(tmp_path: Path) -> None:
    other = Classes(NAMES[::-1], "--classes=names.txt")
    prints = {opened(tmp_path, SPELLED, classes=c).fingerprint() for c in (GIVEN, other)}
    assert len(prints) == 2
