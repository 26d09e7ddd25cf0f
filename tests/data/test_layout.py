"""Folders as people have them: which are classes, which are data sets, and what is left out."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import encoded, grey16, palette, pixels, rgb, tagged, with_alpha
from PIL import Image

from tf_fragile.data import PREPROCESSINGS, Classes, Reading, Source, open_source
from tf_fragile.data.class_index import imagenet
from tf_fragile.errors import InputError, readable

SHAPE = (8, 8, 3)


def opened(
    root: Path | str,
    *,
    outputs: int | None = None,
    classes: Classes | None = None,
    reading: Reading | None = None,
    shape: tuple[int, int, int] = SHAPE,
) -> Source:
    return open_source(
        f"folder:{root}",
        preprocessing=PREPROCESSINGS["raw"],
        image_shape=shape,
        reading=reading,
        outputs=outputs,
        classes=classes,
    )


def put(root: Path, *names: str) -> None:
    """Files below a folder: pictures, texts, or empty folders by their names."""
    for name in names:
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in (".png", ".jpg", ".tif"):
            Image.new("RGB", (8, 8), (len(name), 2, 3)).save(path)
        else:
            path.write_text("no picture")


def labels(source: Source) -> dict[str, int]:
    """File to label."""
    assert source.files is not None
    found = source.load(range(len(source))).label.tolist()
    return dict(zip(source.files, found, strict=True))


def refusal(root: Path, **settings: object) -> str:
    with pytest.raises(InputError) as error:
        opened(root, **settings)  # type: ignore[arg-type]
    return str(error.value).replace(str(root), "ROOT")


# Without labels ----------------------------------------------------------------------------------

WITHOUT = {
    "flat": (("a.png", "b.png"), 2, ()),
    "one folder": (
        ("images/a.png", "images/b.png"),
        2,
        ("The one folder of pictures 'images' is not taken for a class: no labels.",),
    ),
    "one folder in a folder": (
        ("data/images/a.png",),
        1,
        ("The one folder of pictures 'data' is not taken for a class: no labels.",),
    ),
    "one folder beside pictures": (
        ("a.png", "more/b.png", "more/c.png"),
        3,
        (
            "The one folder of pictures 'more' and 1 pictures beside it is not taken for a class: "
            "no labels.",
        ),
    ),
    "notes beside pictures": (
        ("a.png", "b.png", "notes/read.txt", "docs/x.md"),
        2,
        ("No picture is in the folders beside them (docs, notes): no labels.",),
    ),
    "annotations": (
        ("images/a.png", "images/b.png", "annotations/a.xml", "annotations/b.xml"),
        2,
        ("The one folder of pictures 'images' is not taken for a class: no labels.",),
    ),
    "a test set": (
        ("test/a.png",),
        1,
        ("The one folder of pictures 'test' is not taken for a class: no labels.",),
    ),
    "hidden folders": (
        ("a.png", ".cache/b.png", "__MACOSX/a.png", "@eaDir/a.png"),
        1,
        ("Hidden folders are left out (.cache, @eaDir, __MACOSX).",),
    ),
}


@pytest.mark.parametrize("outputs", [None, 2, 3])
@pytest.mark.parametrize("case", WITHOUT)
def test_a_folder_of_pictures_has_no_labels(tmp_path: Path, case: str, outputs: int | None) -> None:
    names, count, notes = WITHOUT[case]
    put(tmp_path, *names)
    source = opened(tmp_path, outputs=outputs)
    assert list(labels(source).values()) == [-1] * count
    assert source.class_names is None and source.classes_from == ""
    assert source.notes[: len(notes)] == notes


def test_outputs_keep_their_names_where_there_are_no_labels(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png")
    source = opened(tmp_path, outputs=1000, classes=imagenet())
    assert source.class_names == imagenet().names
    assert source.classes_from == "ImageNet's class index"


# With labels -------------------------------------------------------------------------------------

WITH = {
    "class folders": (("cat/a.png", "dog/b.png"), {"cat/a.png": 0, "dog/b.png": 1}),
    "empty classes": (("ant/", "bee/", "cat/a.png"), {"cat/a.png": 2}),
    "files that are none": (("ant/a.docx", "bee/b.png"), {"bee/b.png": 1}),
    "nested": (
        ("cat/in/a.png", "cat/b.png", "dog/c.png"),
        {"cat/b.png": 0, "cat/in/a.png": 0, "dog/c.png": 1},
    ),
    "nested deeply": (
        ("cat/2020/may/a.png", "dog/2021/june/c.png"),
        {"cat/2020/may/a.png": 0, "dog/2021/june/c.png": 1},
    ),
    "copies": (
        ("cat/.ipynb_checkpoints/a.png", "cat/a.png", "dog/b.png", "dog/x/.git/b.png"),
        {"cat/a.png": 0, "dog/b.png": 1},
    ),
    "hidden classes": (
        (".bee/a.png", "__MACOSX/cat/a.png", "cat/a.png", "dog/b.png", "dog/._b.png"),
        {"cat/a.png": 0, "dog/b.png": 1},
    ),
    "capitals": (("Zebra/a.png", "ant/b.png"), {"Zebra/a.png": 0, "ant/b.png": 1}),
    "a class called train": (
        ("bus/a.png", "car/b.png", "train/c.png"),
        {"bus/a.png": 0, "car/b.png": 1, "train/c.png": 2},
    ),
    "classes called test": (
        ("test_tube/a.png", "train_station/b.png"),
        {"test_tube/a.png": 0, "train_station/b.png": 1},
    ),
}


@pytest.mark.parametrize("case", WITH)
def test_class_folders_are_counted_as_keras_counts_them(tmp_path: Path, case: str) -> None:
    names, truth = WITH[case]
    put(tmp_path, *names)
    visible = [p.name for p in tmp_path.iterdir() if not p.name.startswith((".", "__"))]
    source = opened(tmp_path, outputs=len(visible))
    assert labels(source) == truth
    assert source.class_names == tuple(sorted(visible))
    assert source.classes_from == "the folders in alphabetical order, as Keras counts them"


def test_classes_without_a_picture_are_counted_and_said(tmp_path: Path) -> None:
    put(tmp_path, "ant/", "bee/x.txt", "cat/a.png", "dog/b.png")
    (tmp_path / "dog" / "b.png").write_bytes(b"broken")
    source = opened(tmp_path, outputs=4)
    assert labels(source) == {"cat/a.png": 2}
    assert source.notes == (
        "3 of 4 class folders have no picture that can be read (ant, bee, dog); counted as "
        "classes, as Keras does.",
    )


def test_a_link_to_a_class_is_one_and_a_link_inside_is_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "a.png", "b.png")
    put(tmp_path / "data", "cat/c.png")
    (tmp_path / "data" / "dog").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "data" / "cat" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    source = opened(tmp_path / "data", outputs=2)
    assert labels(source) == {"cat/c.png": 0, "dog/a.png": 1, "dog/b.png": 1}
    assert {Path(s.path).name: s.reason for s in source.skipped} == {
        "gone.png": "a link to a file that is not there",
        "more": "a link to a folder, which is not followed",
    }


def test_given_names_label_a_subset_and_make_one_folder_a_class(tmp_path: Path) -> None:
    given = Classes(("a_red", "b_green", "c_blue"), "--classes=x")
    put(tmp_path, "c_blue/a.png")
    source = opened(tmp_path, outputs=3, classes=given)
    assert labels(source) == {"c_blue/a.png": 2} and source.class_names == given.names
    assert source.classes_from == "by name, from --classes=x"


def test_one_wordnet_id_is_a_class_of_a_network_of_imagenet(tmp_path: Path) -> None:
    put(tmp_path, "n01484850/a.png")
    assert labels(opened(tmp_path, outputs=1000)) == {"n01484850/a.png": 2}
    assert labels(opened(tmp_path, outputs=10)) == {"n01484850/a.png": -1}


# Folders of data sets ----------------------------------------------------------------------------

SETS = {
    "train and val": (
        ("train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/d.png"),
        "val",
        "The folders in 'ROOT' (train, val) look like data sets, not like classes: 2 folders (cat, "
        "dog) lie in 'val'; give folder:ROOT/val, or, if they are classes, name these with "
        "--classes=FILE, one a line.",
    ),
    "capitals": (
        ("Training/cat/a.png", "Training/dog/b.png", "Testing/cat/c.png", "Testing/dog/d.png"),
        "Testing",
        None,
    ),
    "three": (
        ("train/cat/a.png", "train/dog/b.png", "val/cat/c.png", "val/dog/c.png", "test/d.png"),
        "val",
        None,
    ),
    "named after the set": (
        (
            *("seg_train/seg_train/sea/a.png", "seg_train/seg_train/street/b.png"),
            *("seg_test/seg_test/sea/c.png", "seg_test/seg_test/street/d.png", "seg_pred/e.png"),
        ),
        "seg_test/seg_test",
        None,
    ),
    "folds": (
        ("fold1/cat/a.png", "fold1/dog/b.png", "fold2/cat/c.png", "fold2/dog/d.png"),
        "fold1",
        None,
    ),
    "one folder of classes": (
        ("data/cat/a.png", "data/dog/b.png"),
        "data",
        "The folders in 'ROOT' (data) look like data sets, not like classes: 2 folders (cat, dog) "
        "lie in 'data'; give folder:ROOT/data, or, if they are classes, name these with "
        "--classes=FILE, one a line.",
    ),
    "one folder of classes, deeper": (
        ("archive/data/cat/a.png", "archive/data/dog/b.png", "archive/readme.txt"),
        "archive/data",
        None,
    ),
    "one folder of classes beside notes": (
        ("data/cat/a.png", "data/dog/b.png", "docs/a.pdf"),
        "data",
        None,
    ),
}


@pytest.mark.parametrize("outputs", [None, 2])
@pytest.mark.parametrize("case", SETS)
def test_folders_of_class_folders_are_recognised_and_the_advice_works(
    tmp_path: Path, case: str, outputs: int | None
) -> None:
    names, place, said = SETS[case]
    put(tmp_path, *names)
    text = refusal(tmp_path, outputs=outputs)
    assert f"give folder:ROOT/{place}, or" in text
    assert said is None or text == said
    source = opened(tmp_path / place, outputs=2)
    assert sorted(labels(source).values()) == [0, 1]


def test_parts_of_a_data_set_without_classes_are_recognised(tmp_path: Path) -> None:
    put(tmp_path, "train/a.png", "test/b.png")
    assert refusal(tmp_path, outputs=2) == (
        "The folders in 'ROOT' (test, train) look like data sets, not like classes: test, train "
        "are parts of a data set; give folder:ROOT/test, or, if they are classes, name these with "
        "--classes=FILE, one a line."
    )
    assert labels(opened(tmp_path / "test", outputs=2)) == {"b.png": -1}


@pytest.mark.parametrize(
    "names",
    [
        ("train/a.png", "test/b.png"),
        ("cat/in/a.png", "cat/out/b.png", "dog/in/c.png", "dog/out/d.png"),
    ],
)
def test_classes_that_look_like_data_sets_are_named_in_a_file(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    put(tmp_path / "data", *names)
    refusal(tmp_path / "data", outputs=2)
    folders = sorted({name.partition("/")[0] for name in names})
    (tmp_path / "names.txt").write_text("\n".join(folders))
    source = opened(tmp_path / "data", outputs=2, classes=Classes.read(tmp_path / "names.txt"))
    assert all(folders[label] == f.partition("/")[0] for f, label in labels(source).items())


# Files -------------------------------------------------------------------------------------------


def test_every_file_is_read_or_skipped_with_a_reason(tmp_path: Path) -> None:
    put(tmp_path, "cat/a.png", "cat/note.txt", "cat/in/list.csv", "dog/b.png", "loose.png")
    put(tmp_path, "readme.md", "cat/.hidden.png", "dog/.DS_Store", "dog/x/")
    (tmp_path / "cat" / "empty.jpg").write_bytes(b"")
    (tmp_path / "cat" / "no_ending").write_bytes(encoded(rgb(), "PNG"))
    (tmp_path / "dog" / "phone.HEIC").write_bytes(b"\0\0\0 ftypheic")
    (tmp_path / "dog" / "c.jfif").write_bytes(encoded(rgb(), "JPEG"))
    source = opened(tmp_path, outputs=2)
    assert source.files == ("cat/a.png", "cat/no_ending", "dog/b.png", "dog/c.jfif")
    assert source.name_of(1) == "cat/no_ending"
    assert {os.path.relpath(s.path, tmp_path): s.reason for s in source.skipped} == {
        "cat/empty.jpg": "an empty file",
        "cat/in/list.csv": "not a picture",
        "cat/note.txt": "not a picture",
        "dog/phone.HEIC": "HEIC files can't be read; convert it to PNG",
        "loose.png": "outside the class folders",
        "readme.md": "not a picture",
    }
    assert source.notes == (
        "2 pictures have an ending (.jfif, none) that Keras' loader passes over; read all the "
        "same.",
    )


def test_nothing_to_read_is_said_with_the_reasons(tmp_path: Path) -> None:
    put(tmp_path, "a.txt", "b.txt", "c.csv")
    (tmp_path / "x.jpg").write_bytes(b"")
    text = refusal(tmp_path)
    assert text.startswith(
        "The folder 'ROOT' has no readable image (4 tried: 3 not a picture, 1 an empty file); put "
        "image files (.avif, .bmp"
    )


def test_a_file_that_went_away_is_said(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    source = opened(tmp_path)
    (tmp_path / "b.png").unlink()
    source.load([0])
    with pytest.raises(InputError) as error:
        source.load([1])
    assert str(error.value) == (
        f"'{tmp_path}/b.png' was there when the folder was opened, but can't be read any more (No "
        "such file or directory); run again on a folder that stays as it is."
    )


def test_names_that_are_no_text_are_shown_escaped(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(place)
    (tmp_path / "dog").mkdir()
    for path in (place + b"/\x1b[31m.png", os.fsencode(tmp_path) + b"/dog/\xff.png"):
        with open(path, "wb") as stream:
            stream.write(encoded(rgb(), "PNG"))
    with open(os.fsencode(tmp_path) + b"/dog/\xfe.txt", "wb"):
        pass
    source = opened(tmp_path, outputs=2)
    assert source.class_names == ("caf\\xe9", "dog")
    assert source.files == ("caf\\xe9/\\x1b[31m.png", "dog/\\xff.png")
    assert source.skipped[0].path.endswith("dog/\\xfe.txt")
    assert len(source.load([0, 1]).image) == 2 and len(source.fingerprint()) == 64
    assert readable("Löwe 1.png") == "Löwe 1.png"


# Notes -------------------------------------------------------------------------------------------


def noted(root: Path, files: dict[str, bytes], **settings: object) -> tuple[str, ...]:
    for name, content in files.items():
        (root / name).write_bytes(content)
    return opened(root, **settings).notes  # type: ignore[arg-type]


def test_orientation_tags_are_noted_or_followed(tmp_path: Path) -> None:
    files = {
        "a.jpg": encoded(rgb(8, 8), "JPEG", exif=tagged(6)),
        "b.png": encoded(rgb(8, 8), "PNG", exif=tagged(3)),
        "c.jpg": encoded(rgb(8, 8), "JPEG", exif=tagged(1)),
    }
    assert noted(tmp_path, files) == (
        "2 pictures have an EXIF orientation tag, which is ignored, as Keras does; if the model "
        "was trained on upright pictures, give --orientation=exif.",
    )
    np.testing.assert_array_equal(opened(tmp_path).load([1]).image[0], pixels(8, 8))
    for resize in ("stretch", "imagenet"):
        reading = Reading(resize, orientation="exif")  # type: ignore[arg-type]
        source = opened(tmp_path, reading=reading)
        assert source.notes == ("2 pictures turned as their orientation tag says.",)
        np.testing.assert_array_equal(source.load([1]).image[0], pixels(8, 8)[::-1, ::-1])


def test_a_turn_that_pillow_makes_is_noted(tmp_path: Path) -> None:
    files = {"a.tif": encoded(rgb(8, 8), "TIFF", exif=tagged(6))}
    assert noted(tmp_path, files)[0] == (
        "1 picture is TIFF with an orientation tag, which Pillow always follows."
    )


def test_depths_are_noted_and_floats_without_a_scale_skipped(tmp_path: Path) -> None:
    unit = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    files = {
        "deep.png": encoded(Image.fromarray((grey16() >> 4)[:8, :8]), "PNG"),
        "unit.tif": encoded(Image.fromarray(unit), "TIFF"),
        "int.tif": encoded(Image.fromarray(np.full((8, 8), 7, np.int32)), "TIFF"),
    }
    highest = int((grey16() >> 4)[:8, :8].max())
    assert noted(tmp_path, files, shape=(8, 8, 1))[:2] == (
        "1 picture has 16 bits; the high byte is taken, as tf.io.decode_image does (their largest "
        f"value is {highest} of 65535), so the model is shown nearly black pictures; if it was not "
        f"trained on such, store values / {highest} * 255 as 8 bits, or divide by what is white.",
        "1 picture has floats from 0 to 1, which are multiplied by 255.",
    )
    source = opened(tmp_path, shape=(8, 8, 1))
    assert source.files == ("deep.png", "unit.tif")
    np.testing.assert_allclose(source.load([1]).image[0, ..., 0], unit * 255, atol=1e-4)
    # One picture beyond 1 puts the scale of all of them in doubt.
    (tmp_path / "other.tif").write_bytes(encoded(Image.fromarray(unit * 4000), "TIFF"))
    source = opened(tmp_path, shape=(8, 8, 1))
    assert source.files == ("deep.png",)
    assert {Path(s.path).name: s.reason for s in source.skipped} == {
        "int.tif": "integers of 32 bits or with a sign, whose scale is not known; store 8 bits, or "
        "16 without a sign",
        "other.tif": "floats; those in the folder run from 0 to 4000, so their scale is not known: "
        "store 0 to 1, or 8 or 16 bits",
        "unit.tif": "floats; those in the folder run from 0 to 4000, so their scale is not known: "
        "store 0 to 1, or 8 or 16 bits",
    }


def test_transparency_frames_and_palettes_are_noted(tmp_path: Path) -> None:
    frames = [rgb(8, 8), rgb(8, 8).rotate(90)]
    files = {
        "a.png": encoded(with_alpha("RGB"), "PNG"),
        "b.png": encoded(with_alpha("L"), "PNG"),
        "c.gif": encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
        "d.bmp": encoded(palette(), "BMP"),
    }
    assert noted(tmp_path, files) == (
        "2 pictures have transparent pixels; transparency is dropped, as Keras does, and what is "
        "stored below it shows.",
        "1 picture has several frames; the first is read.",
        "1 picture is BMP with a palette, of which Keras' decoder shows the numbers of the colours "
        "as grey levels; store them as PNG if the model was not trained on that.",
    )
    four = opened(tmp_path, shape=(8, 8, 4)).notes
    assert not any("transparent" in note for note in four)
    plain = opened(tmp_path, reading=Reading("imagenet")).notes
    assert len(plain) == 2 and not any("palette" in note for note in plain)
