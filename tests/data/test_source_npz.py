"""Archives: what is read from them, what is refused, and that the advice given works."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from tf_fragile.data import PREPROCESSINGS, Classes, Preprocessing, Reading, Source, open_source
from tf_fragile.errors import InputError

RAW = PREPROCESSINGS["raw"]
SHAPE = (8, 8, 3)
X = np.random.default_rng(0).integers(0, 256, (6, *SHAPE)).astype(np.uint8)
X[0, 0, 0] = 0, 128, 255
Y = np.array([0, 1, 2, 2, 1, 0])


def opened(spec: str, shape: tuple[int, int, int] = SHAPE, **settings: Any) -> Source:
    return open_source(spec, **{"preprocessing": RAW, "image_shape": shape, **settings})


def write(folder: Path, arrays: dict[str, Any]) -> str:
    np.savez(folder / "a.npz", **arrays)
    return f"npz:{folder / 'a.npz'}"


def refusal(spec: str, shape: tuple[int, int, int] = SHAPE, **settings: Any) -> str:
    with pytest.raises(InputError) as error:
        opened(spec, shape, **settings)
    return str(error.value).replace(spec.removeprefix("npz:").partition("#")[0], "a.npz")


def contents(source: Source) -> tuple[np.ndarray, list[int]]:
    batch = source.load(range(len(source)))
    return batch.image, batch.label.tolist()


def specs_in(sentence: str) -> list[str]:
    """The sources that a sentence tells to write."""
    return [found.rstrip(".,;") for found in re.findall(r"npz:\S+", sentence)]


def obeyed(sentence: str, arrays: dict[str, Any], name: str = "images") -> dict[str, Any]:
    """The archive in which an array is stored as a sentence says."""
    expression = re.search(r"store (.*?)(?:;| where|, or|, which|\.$|$)", sentence)
    assert expression is not None, sentence
    return {**arrays, name: eval(expression[1], {"numpy": np}, dict(arrays))}


# What is read.


@pytest.mark.parametrize("keys", [("images", "labels"), ("x", "y"), ("images", "y")])
def test_images_and_labels_are_read_by_their_usual_names(tmp_path: Path, keys) -> None:
    source = opened(write(tmp_path, dict(zip(keys, (X, Y), strict=True))), outputs=3)
    images, labels = contents(source)
    np.testing.assert_array_equal(images, X)
    assert labels == Y.tolist()
    assert source.notes == () and source.geometry == ""
    assert source.classes_from == "labels are the outputs' own numbers"


def test_without_labels_the_label_is_minus_one(tmp_path: Path) -> None:
    assert contents(opened(write(tmp_path, {"images": X})))[1] == [-1] * 6


def test_grey_images_gain_an_axis_of_channels(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X[..., 0]})
    np.testing.assert_array_equal(contents(opened(spec, (8, 8, 1)))[0], X[..., :1])


def test_arrays_are_chosen_by_name(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X, "labels": Y, "val": X[:2], "val_y": Y[1:3]})
    images, labels = contents(opened(f"{spec}#val,val_y"))
    np.testing.assert_array_equal(images, X[:2])
    assert labels == [1, 2]
    assert contents(opened(f"{spec}#images"))[1] == [-1] * 6
    assert opened(f"{spec}#val,val_y").name.endswith("#val,val_y")
    assert opened(spec).notes == ("Arrays of the archive that are not read: 'val', 'val_y'.",)


def test_a_file_with_a_number_sign_in_its_name_is_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "a#1.npz", images=X, labels=Y)
    assert contents(opened(f"npz:{tmp_path / 'a#1.npz'}"))[1] == Y.tolist()
    assert contents(opened(f"npz:{tmp_path / 'a#1.npz'}#images"))[1] == [-1] * 6


@pytest.mark.parametrize(
    "labels",
    [Y.astype(np.uint8), Y.astype(float), Y[:, None], Y.astype("float16")[:, None], Y > 0],
)
def test_whole_numbers_of_any_type_are_labels(tmp_path: Path, labels: np.ndarray) -> None:
    spec = write(tmp_path, {"images": X, "labels": labels})
    source = opened(spec, outputs=3)
    assert contents(source)[1] == labels.astype(int).reshape(-1).tolist()
    assert source.notes == ()


@pytest.mark.parametrize("dtype", [int, bool, np.float32, np.uint8])
def test_one_hot_labels_are_said_to_be_taken_apart(tmp_path: Path, dtype) -> None:
    source = opened(write(tmp_path, {"images": X, "labels": np.eye(3)[Y].astype(dtype)}), outputs=3)
    assert contents(source)[1] == Y.tolist()
    (note,) = source.notes
    assert "one-hot with 3 columns; the place of the 1 was taken" in note


@pytest.mark.parametrize("dtype", [np.int64, np.uint16, np.float32, np.float64])
def test_pixel_values_of_any_type_are_read_as_they_are(tmp_path: Path, dtype) -> None:
    stored = (X * 0.75).astype(dtype)
    source = opened(write(tmp_path, {"images": stored}))
    np.testing.assert_array_equal(contents(source)[0], stored.astype(np.float32))


def test_names_of_classes_are_said(tmp_path: Path) -> None:
    classes = Classes(("a", "b", "c"), origin="--classes=names.txt")
    source = opened(write(tmp_path, {"images": X, "labels": Y}), outputs=3, classes=classes)
    assert source.class_names == ("a", "b", "c")
    assert source.classes_from.endswith("names by --classes=names.txt")


def test_only_the_arrays_that_are_used_are_read(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X, "labels": Y})
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        header = b"\x93NUMPY\x01\x00\x3a\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1,)}"
        archive.writestr("other.npy", header.ljust(67) + b"\n" + b"damaged!")
    assert contents(opened(spec))[1] == Y.tolist()


def test_the_fingerprint_follows_images_and_labels(tmp_path: Path) -> None:
    seen = set()
    for fill, label in [(101, 0), (102, 0), (101, 1)]:
        images = np.full((1, 8, 8, 3), fill, np.uint8)
        seen.add(opened(write(tmp_path, {"images": images, "labels": [label]})).fingerprint())
    assert len(seen) == 3


# Sizes.


@pytest.mark.parametrize("resize", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("size", [(12, 20), (5, 4), (16, 16)])
def test_another_size_is_resized_as_keras_does(tmp_path: Path, resize, size) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, *size, 3)).astype(np.uint8)
    source = opened(write(tmp_path, {"images": images}), reading=Reading(resize))
    found = contents(source)[0]
    (tmp_path / "k").mkdir()
    for i, image in enumerate(images):
        keras.utils.save_img(tmp_path / "k" / f"{i}.png", image, scale=False)
    theirs = keras.utils.image_dataset_from_directory(
        tmp_path / "k",
        labels=None,
        image_size=(8, 8),
        shuffle=False,
        crop_to_aspect_ratio=resize == "crop",
        pad_to_aspect_ratio=resize == "pad",
        verbose=False,
    )
    np.testing.assert_allclose(found, np.concatenate(list(theirs)), atol=1e-3)
    assert source.geometry.startswith(f"{size[0]}x{size[1]}, ")
    assert "8x8" in source.geometry and ", bilinear, as keras.utils" in source.geometry


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_geometry_of_imagenet_takes_any_number_of_channels(tmp_path: Path, channels) -> None:
    images = np.random.default_rng(1).integers(0, 256, (1, 30, 20, 1)).astype(np.uint8)
    spec = write(tmp_path, {"images": np.repeat(images, channels, axis=3)})
    found = contents(opened(spec, (8, 8, channels), reading=Reading("imagenet")))[0]
    grey = contents(
        opened(write(tmp_path, {"images": images}), (8, 8, 1), reading=Reading("imagenet"))
    )
    assert found.shape == (1, 8, 8, channels)
    np.testing.assert_allclose(found, np.repeat(grey[0], channels, axis=3), atol=1)


def test_values_that_interpolation_adds_are_cut_to_the_range(tmp_path: Path) -> None:
    images = np.where(X > 127, 1.0, -1.0)
    reading = Reading("stretch", "bicubic")
    source = opened(
        write(tmp_path, {"images": images}), (13, 13, 3), preprocessing=RAW.within(-1, 1),
        reading=reading,
    )  # fmt: skip
    found = contents(source)[0]
    assert found.min() == -1 and found.max() == 1


# Names that are not the usual ones.

NAMES = {
    "near miss": (
        {"images": X, "label": Y},
        "'label' is there in 'a.npz', 'labels' (or 'y') is not; "
        "write npz:a.npz#images,label, or npz:a.npz#images to leave labels out.",
    ),
    "capitals": (
        {"images": X, "Labels": Y},
        "'Labels' is there in 'a.npz', 'labels' (or 'y') is not; "
        "write npz:a.npz#images,Labels, or npz:a.npz#images to leave labels out.",
    ),
    "another word": (
        {"x": X, "target": np.eye(3)[Y]},
        "'target' is there in 'a.npz', 'labels' (or 'y') is not; "
        "write npz:a.npz#x,target, or npz:a.npz#x to leave labels out.",
    ),
    "two kinds of labels": (
        {"images": X, "coarse": Y, "fine": Y, "names": np.array(list("abcdef"))},
        "'coarse', 'fine' are there in 'a.npz', 'labels' (or 'y') is not; write "
        "npz:a.npz#images,coarse or npz:a.npz#images,fine, or npz:a.npz#images to leave labels "
        "out.",
    ),
    "both labels": (
        {"images": X, "labels": Y, "y": Y},
        "'a.npz' has both 'labels', 'y'; write npz:a.npz#images,labels or npz:a.npz#images,y.",
    ),
    "both images": (
        {"images": X, "x": X, "labels": Y, "y": Y},
        "'a.npz' has 2 arrays that may be the images ('images', 'x'); "
        "write npz:a.npz#images,labels or npz:a.npz#x,y.",
    ),
    "keras": (
        {"x_train": X, "y_train": Y, "x_test": X[:2], "y_test": Y[:2]},
        "'a.npz' has 2 arrays that may be the images ('x_test', 'x_train'); "
        "write npz:a.npz#x_test,y_test or npz:a.npz#x_train,y_train.",
    ),
    "medmnist": (
        {f"{s}_{k}": v for s in ("train", "val") for k, v in (("images", X), ("labels", Y))},
        "'a.npz' has 2 arrays that may be the images ('train_images', 'val_images'); "
        "write npz:a.npz#train_images,train_labels or npz:a.npz#val_images,val_labels.",
    ),
    "image and label": (
        {"image": X, "label": Y},
        "'image' is there in 'a.npz', 'images' (or 'x') is not; write npz:a.npz#image,label.",
    ),
    "nameless": (
        {"arr_0": X, "arr_1": Y},
        "'arr_0' is there in 'a.npz', 'images' (or 'x') is not; write npz:a.npz#arr_0,arr_1.",
    ),
    "images alone": (
        {"arr_0": X},
        "'arr_0' is there in 'a.npz', 'images' (or 'x') is not; write npz:a.npz#arr_0.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_other_names_are_never_guessed_and_the_advice_opens_the_archive(
    tmp_path: Path, case: str
) -> None:
    arrays, sentence = NAMES[case]
    spec = write(tmp_path, arrays)
    assert refusal(spec) == sentence
    for advised in specs_in(sentence):
        images, labels = contents(opened(spec + advised.removeprefix("npz:a.npz"), outputs=3))
        count = len(images)
        np.testing.assert_array_equal(images, X[:count])
        assert labels == (Y[:count].tolist() if "," in advised else [-1] * count)


WRONG_NAMES = {
    "nothing": ({"labels": Y}, "", "has the arrays labels [6]; store the pictures as 'images'"),
    "missing": ({"images": X}, "#image", "no array 'image', but images; did you mean 'images'?"),
    "stranger": ({"images": X}, "#images,qqq", "no array 'qqq', but images."),
    "three": ({"images": X}, "#a,b,c", "names 3 arrays after the '#'; write npz:a.npz#IMAGES"),
    "none": ({"images": X}, "#", "names no arrays after the '#'"),
    "half": ({"images": X}, "#images,", "names no arrays after the '#'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_NAMES)
def test_names_of_nothing_are_refused(tmp_path: Path, case: str) -> None:
    arrays, keys, sentence = WRONG_NAMES[case]
    assert sentence in refusal(write(tmp_path, arrays) + keys)


# Labels.

WRONG_LABELS = {
    "from 1": (Y + 1, "run from 1 to 3, outputs from 0 to 2; subtract 1: store labels - 1.", Y),
    "from 1 as float": ((Y + 1.0)[:, None], "subtract 1: store labels - 1.", Y),
    "plus and minus one": (
        np.where(Y > 0, 1, -1),
        "are -1 and 1, but outputs count from 0; store (labels + 1) // 2.",
        (Y > 0).astype(int),
    ),
    "shares": (
        np.eye(3)[Y] * 0.7 + 0.1,
        "are shares of 3 classes, not one class an image; store labels.argmax(axis=1).",
        Y,
    ),
}


@pytest.mark.parametrize("case", WRONG_LABELS)
def test_labels_that_count_otherwise_are_refused_and_the_advice_repairs_them(
    tmp_path: Path, case: str
) -> None:
    labels, sentence, truth = WRONG_LABELS[case]
    arrays = {"images": X, "labels": labels}
    said = refusal(write(tmp_path, arrays), outputs=3)
    assert sentence in said
    repaired = write(tmp_path, obeyed(said.replace("subtract 1: ", ""), arrays, "labels"))
    assert contents(opened(repaired, outputs=3))[1] == truth.tolist()


NO_LABELS = {
    "beyond": (Y * 99, "of image 2 is 198 ('labels' in 'a.npz'), but outputs run from 0 to 2"),
    "from 1, one more": (Y + 2, "The label of image 2 is 4"),
    "negative": (Y - 1, "of image 0 is -1 ('labels' in 'a.npz'), but labels count from 0"),
    "void": (np.where(Y == 2, 255, Y).astype(np.uint8), "The label of image 2 is 255"),
    "huge": (np.uint64(2**63) + Y.astype(np.uint64), "The label of image 2 is 9223372036854775810"),
    "halves": (Y / 2, "The label of image 1 is 0.5 (2 of 6 labels"),
    "nan": (np.where(Y == 2, np.nan, Y), "The label of image 2 is nan (2 of 6 labels"),
}  # fmt: skip


@pytest.mark.parametrize("case", NO_LABELS)
def test_labels_that_are_no_outputs_are_refused_or_left_out_as_advised(
    tmp_path: Path, case: str
) -> None:
    labels, sentence = NO_LABELS[case]
    spec = write(tmp_path, {"images": X, "labels": labels})
    said = refusal(spec, outputs=3)
    assert sentence in said
    (alone,) = specs_in(said)
    assert alone == "npz:a.npz#images"
    assert contents(opened(f"{spec}#images", outputs=3))[1] == [-1] * 6


def test_negative_labels_are_taken_out_as_advised(tmp_path: Path) -> None:
    arrays = {"images": X, "labels": Y - 1}
    assert "keep the images where labels >= 0" in refusal(write(tmp_path, arrays))
    kept = {name: array[Y >= 1] for name, array in arrays.items()}
    assert contents(opened(write(tmp_path, kept), outputs=3))[1] == [0, 1, 1, 0]


MISSHAPEN_LABELS = {
    "too few": (Y[:5], "have shape [5]; store 6 whole numbers, one for each image"),
    "boxes": (np.arange(24.0).reshape(6, 4), "have shape [6, 4] and are not one-hot"),
    "several": (np.eye(3, dtype=int)[Y] | 1, "have 3 classes for image 0 (6 of 6 rows are not"),
    "no class": (np.zeros((6, 3)), "have 0 classes for image 0"),
    "wider": (np.eye(4)[Y], "one-hot with 4 columns, but the model tells 3 classes apart"),
    "names": (np.array(list("abcab")), "are text of shape [5]; store 6 whole numbers or names"),
    "dates": (np.zeros(6, "M8[D]"), "of type datetime64[D], not numbers; store for each image"),
}


@pytest.mark.parametrize("case", MISSHAPEN_LABELS)
def test_misshapen_labels_are_refused(tmp_path: Path, case: str) -> None:
    labels, sentence = MISSHAPEN_LABELS[case]
    assert sentence in refusal(write(tmp_path, {"images": X, "labels": labels}), outputs=3)


def test_one_output_has_two_classes(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X, "labels": Y % 2})
    assert contents(opened(spec, outputs=1))[1] == (Y % 2).tolist()
    assert "run from 1 to 2, outputs from 0 to 1" in refusal(
        write(tmp_path, {"images": X, "labels": Y % 2 + 1}), outputs=1
    )


def test_names_of_classes_are_counted(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X, "labels": Y})
    two = Classes(("a", "b"), origin="--classes=names.txt")
    assert refusal(spec, outputs=3, classes=two) == (
        "There are 2 names of classes (--classes=names.txt), but the model tells 3 apart; "
        "give 3 names."
    )
    assert "The label of image 2 is 2" in refusal(spec, classes=two)


def test_labels_from_1_are_said_where_nobody_knows_the_outputs(tmp_path: Path) -> None:
    source = opened(write(tmp_path, {"images": X, "labels": Y + 1}))
    assert source.notes == ("Labels run from 1 to 3; no image has label 0.",)


# Axes.

AXES = {
    "channels first": (X.transpose(0, 3, 1, 2), "with channels first", SHAPE, X),
    "images last": (X.transpose(1, 2, 3, 0), "with the images last", SHAPE, X),
    "rows": (X.reshape(6, -1), "a row for each image", SHAPE, X),
    "one image": (X[0], "one image without an axis of images", SHAPE, X[:1]),
    "one grey image": (X[0, ..., :1], "one image without an", (8, 8, 1), X[:1, ..., :1]),
    "grey for colour": (X[..., :1], "grey", SHAPE, np.repeat(X[..., :1], 3, axis=3)),
    "bare grey": (X[..., 0], "grey without an axis", SHAPE, np.repeat(X[..., :1], 3, axis=3)),
    "colour for grey": (X, "in colour", (8, 8, 1), X @ [[0.299], [0.587], [0.114]]),
    "opacity": (np.pad(X, [(0, 0)] * 3 + [(0, 1)]), "with 4 channels", SHAPE, X),
}  # fmt: skip


@pytest.mark.parametrize("case", AXES)
def test_other_axes_are_refused_and_the_advice_puts_them_right(tmp_path: Path, case: str) -> None:
    images, kind, shape, truth = AXES[case]
    arrays = {"images": images}
    said = refusal(write(tmp_path, arrays), shape)
    assert kind in said and f"takes [N, {', '.join(map(str, shape))}]; store " in said
    found = contents(opened(write(tmp_path, obeyed(said, arrays)), shape))[0]
    np.testing.assert_allclose(found, truth, rtol=1e-5)


@pytest.mark.parametrize(
    "shape", [(0, 8, 8, 3), (6, 0, 8, 3), (6, 8, 8, 5), (3,), (1, 6, 8, 8, 3), (6, 8, 3, 8)]
)
def test_what_is_no_array_of_images_is_refused(tmp_path: Path, shape) -> None:
    said = refusal(write(tmp_path, {"images": np.zeros(shape, np.uint8)}))
    assert f"have shape {list(shape)}; store at least one, as [N, H, W, C] with C = 3." in said


# Scales.

U = X / 255
S = U * 2.01 - 1.01
SCALES = {
    "0..1": (U, "run from 0 to 1, but", "--bounds=0,1", U),
    "0..1 of whole numbers": (X // 128, "run from 0 to 1, but", "--bounds=0,1", X // 128),
    "0..1.02": (U * 1.02, "run from 0 to 1.02, but", "--bounds=0,1.02", np.clip(U * 1.02, 0, 1)),
    "half precision": ((U / 2).astype(np.float16), "run from 0 to 0.5", "--bounds=0,1", U / 2),
    "0..0.05": (U * 0.05, "run from 0 to 0.05", "--bounds=0,1", np.uint8(U * 0.05 * 255) / 255),
    "-1..1": (U * 2 - 1, "run from -1 to 1, but", "--bounds=-1,1", U),
    "-1.01..1": (S, "run from -1.01 to 1, but", "--bounds=-1.01,1", (np.clip(S, -1, 1) + 1) / 2),
    "-0.5..0.5": (U - 0.5, "run from -0.5 to 0.5, but", "--bounds=-0.5,0.5", U),
    "signed bytes": (X.astype(int) - 128, "run from -128 to 127", "--bounds=-128,127", U),
    "16 bits": (X.astype(np.uint16) * 257, "run from 0 to 65535, but", "--bounds=0,65535", U),
    "16 bits as float": (X * 257.0, "run from 0 to 65535, but", "--bounds=0,65535", U),
    "12 bits": (np.uint16(np.rint(U * 4095)), "run from 0 to 4095, but", "--bounds=0,4095", U),
    "10 bits": (np.rint(U * 1023), "run from 0 to 1023, but", "--bounds=0,1023", U),
    "0..16": (np.rint(U * 16), "run from 0 to 16, but", "--bounds=0,16", np.rint(U * 16) / 16),
    "0..10": (U * 10, "run from 0 to 10, but", "--bounds=0,10", U),
}  # fmt: skip


@pytest.mark.parametrize("case", SCALES)
def test_other_scales_are_refused_and_both_pieces_of_advice_work(tmp_path: Path, case: str) -> None:
    images, kind, flag, truth = SCALES[case]
    arrays = {"images": images}
    spec = write(tmp_path, arrays)
    said = refusal(spec)
    assert kind in said and "pixel values from 0 to 255 are expected; store " in said
    assert f"; or give {flag} if the model takes them as they are." in said
    bounds = tuple(float(end) for end in flag.removeprefix("--bounds=").split(","))
    kept = contents(opened(spec, preprocessing=RAW.within(*bounds)))[0]
    np.testing.assert_array_equal(kept, images.astype(np.float32))
    repaired = contents(opened(write(tmp_path, obeyed(said, arrays))))[0]
    coarse = {"half precision": 0.1, "12 bits": 0.1, "10 bits": 0.2}
    np.testing.assert_allclose(repaired, truth * 255, atol=coarse.get(case, 1e-3))


def test_true_and_false_are_multiplied_as_advised(tmp_path: Path) -> None:
    arrays = {"images": X > 127}
    said = refusal(write(tmp_path, arrays))
    assert "are true or false; store images * 255, since" in said
    repaired = {"images": eval("images * 255", {}, arrays)}
    np.testing.assert_array_equal(contents(opened(write(tmp_path, repaired)))[0], (X > 127) * 255)


def test_what_interpolation_added_is_cut_as_advised(tmp_path: Path) -> None:
    images = X.astype(np.float32)
    images[1, 2, 3, 0], images[2, 3, 4, 1] = -3.5, 260.25
    said = refusal(write(tmp_path, {"images": images}))
    assert "run from -3.5 to 260.25" in said
    assert "store numpy.clip(images, 0, 255), which cuts what interpolation added." in said
    found = contents(opened(write(tmp_path, obeyed(said, {"images": images}))))[0]
    np.testing.assert_array_equal(found, np.clip(images, 0, 255))


def test_standardised_images_are_asked_for_before_preprocessing(tmp_path: Path) -> None:
    images = ((U - 0.45) / 0.22).astype(np.float32)
    spec = write(tmp_path, {"images": images})
    said = refusal(spec)
    assert "store pixel values from 0 to 255, before any preprocessing; or give --bounds=" in said
    low, high = (float(v) for v in re.search(r"--bounds=(\S+),(\S+) if", said).groups())
    opened(spec, preprocessing=RAW.within(low, high))


def test_dark_pictures_are_kept_as_bytes_as_advised(tmp_path: Path) -> None:
    images = X // 12
    said = refusal(write(tmp_path, {"images": images.astype(float)}))
    assert "or images.astype('uint8') where they are pictures of 0 to 255 that are so dark" in said
    source = opened(write(tmp_path, {"images": images}))
    np.testing.assert_array_equal(contents(source)[0], images)
    (note,) = source.notes
    assert "are dim: they run from 0 to 21 in a range of 0..255" in note


def test_bounds_take_the_place_of_a_preprocessing(tmp_path: Path) -> None:
    said = refusal(write(tmp_path, {"images": U}), preprocessing=PREPROCESSINGS["unit"])
    assert "or give --bounds=0,1 and no --preprocessing if the model takes them" in said


def test_black_and_blank_images(tmp_path: Path) -> None:
    black = refusal(write(tmp_path, {"images": np.zeros((2, *SHAPE), np.uint8)}))
    assert "are all 0: there is nothing in them" in black
    images = X.copy()
    images[[2, 4]] = 7
    source = opened(write(tmp_path, {"images": images}))
    (note,) = source.notes
    assert note.startswith("2 of 6 images 'images' in")
    assert note.endswith("hold one value throughout, first image 2.")


OUTSIDE = {
    "below": ((-1, 1), U * 2.5 - 1.5, "run from -1.5 to 1, outside of --bounds=-1,1", "-1.5,1"),
    "above": ((0, 1), U * 255, "run from 0 to 255, outside of --bounds=0,1", "0,255"),
    "a hair": ((-2.1, 2.6), U * 4.75 - 2.125, "run from -2.125 to 2.625", "-2.125,2.625"),
}


@pytest.mark.parametrize("case", OUTSIDE)
def test_values_outside_the_bounds_are_refused_and_the_advice_works(
    tmp_path: Path, case: str
) -> None:
    bounds, images, kind, wider = OUTSIDE[case]
    arrays = {"images": images}
    spec = write(tmp_path, arrays)
    said = refusal(spec, preprocessing=RAW.within(*bounds))
    assert kind in said and said.endswith(f", or give --bounds={wider}.")
    held = RAW.within(*(float(end) for end in wider.split(",")))
    np.testing.assert_allclose(contents(opened(spec, preprocessing=held))[0], images, rtol=1e-6)
    clipped = write(tmp_path, obeyed(said.replace("), or", ");"), arrays))
    found = contents(opened(clipped, preprocessing=RAW.within(*bounds)))[0]
    np.testing.assert_allclose(found, np.clip(images, *bounds), rtol=1e-6)


def test_every_value_is_looked_at(tmp_path: Path) -> None:
    images = np.tile(U, (20, 1, 1, 1))
    images[117, 7, 7, 2] = 1.2
    said = refusal(write(tmp_path, {"images": images}), preprocessing=RAW.within(0, 1))
    assert "run from 0 to 1.2" in said


def test_data_in_bounds_are_for_archives_alone() -> None:
    with pytest.raises(InputError) as error:
        opened("embedded", (64, 64, 3), preprocessing=RAW.within(-1, 1))
    assert str(error.value) == (
        "--bounds is for arrays that are stored as the model takes them (npz:FILE), but 'embedded' "
        "has pictures of 0 to 255; leave --bounds out."
    )


# Files.


def test_other_types_and_values_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    broken = X.astype(float)
    broken[1, 0, 0, 0], broken[3, 1, 1, 1] = np.nan, np.inf
    for images, sentence in (
        (broken, "Image 1 of 'images' in 'a.npz' contains NaN or infinity (2 of 6 images do)"),
        (X.astype("U3"), "of type <U3; store numbers from 0 to 255"),
        (X.astype(complex), "of type complex128; store numbers from 0 to 255"),
    ):
        assert sentence in refusal(write(tmp_path, {"images": images}))


@pytest.mark.parametrize("key", ["images", "labels"])
@pytest.mark.parametrize("asked", ["", "#images,labels"])
def test_objects_are_stored_as_numbers_as_advised(tmp_path: Path, key: str, asked: str) -> None:
    arrays = {"images": X, "labels": Y}
    boxed = np.empty(len(X), object)
    boxed[:] = list(arrays[key])
    said = refusal(write(tmp_path, {**arrays, key: boxed}) + asked)
    assert f"The array {key!r} in 'a.npz' holds Python objects" in said
    expression = re.search(r"store (.*), and", said)[1]
    arrays[key] = eval(expression, {"numpy": np, key: boxed})
    images, labels = contents(opened(write(tmp_path, arrays) + asked, outputs=3))
    np.testing.assert_array_equal(images, X)
    assert labels == Y.tolist()


def test_objects_that_are_not_read_are_left_alone(tmp_path: Path) -> None:
    names = np.array(["a.png", None], object)
    assert len(opened(write(tmp_path, {"images": X, "labels": Y, "files": names}))) == len(X)


def test_data_in_the_upper_half_of_their_bounds_are_said(tmp_path: Path) -> None:
    unit = np.linspace(0, 1, X.size).reshape(X.shape)
    (note,) = opened(write(tmp_path, {"images": unit}), preprocessing=RAW.within(-1, 1)).notes
    assert "are bright: they run from 0 to 1 in a range of -1..1" in note
    assert not opened(
        write(tmp_path, {"images": unit * 2 - 1}), preprocessing=RAW.within(-1, 1)
    ).notes


def test_damaged_and_missing_archives_are_refused(tmp_path: Path) -> None:
    spec = write(tmp_path, {"images": X})
    path = tmp_path / "a.npz"
    whole = path.read_bytes()
    path.write_bytes(whole[:-60])
    assert "can't be read" in refusal(spec)
    path.write_bytes(whole[:300] + bytes(200) + whole[500:])
    assert "can't be read" in refusal(spec)
    path.unlink()
    assert refusal(spec) == "There is no file 'a.npz'; give the path of an .npz archive."
    assert refusal("npz:photos") == "There is no file 'a.npz'; give the path of an .npz archive."
    assert refusal(f"npz:{tmp_path}") == (
        "'a.npz' is a folder, not an .npz archive; write folder:a.npz for images in it."
    )
    np.save(tmp_path / "b.npy", X)
    assert "is a single array (.npy), not an .npz archive; write one with numpy.savez" in refusal(
        f"npz:{tmp_path / 'b.npy'}"
    )


def test_a_file_that_claims_more_than_it_holds_is_refused_before_memory_is_asked_for(
    tmp_path: Path,
) -> None:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (9999999, 64, 64, 3)}"
    header = header.ljust(117) + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00\x76\x00" + header)
    said = refusal(f"npz:{tmp_path / 'a.npz'}", (64, 64, 3))
    assert "the array 'images.npy' claims 122879987840 bytes, but there are 128" in said


def test_preprocessing_within_bounds() -> None:
    data = RAW.within(-1, 3)
    assert data.stored == (-1, 3) and data.grey_level == pytest.approx(4 / 255)
    assert (data.range.low, data.range.high, data.range.unit) == (-1, 3, 1)
    np.testing.assert_array_equal(data.forward([[-1.0, 1.0]]), [[-1, 1]])
    np.testing.assert_allclose(data.to_picture([[-1.0, 1.0, 3.0]]), [[0, 127.5, 255]])
    tf = PREPROCESSINGS["tf"]
    np.testing.assert_allclose(tf.to_picture([[-1.0, 1.0]]), [[0, 255]])
    with pytest.raises(InputError, match=r"'tf' changes pixel values, but data within 0\.\.1"):
        tf.within(0, 1)
    with pytest.raises(InputError, match="low must lie below high"):
        Preprocessing("mine", bounds=(1, 1))
