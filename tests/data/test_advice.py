"""What sentences about folders, archives and names advise is done to the letter, and opens them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from picture_files import encoded, fits, palette, pixels, rgb, tagged, tiff
from PIL import Image

from tf_fragile.data import PREPROCESSINGS, Classes, Reading, Source, choose, open_source
from tf_fragile.data.labelling import Named, assign
from tf_fragile.data.specs import understood
from tf_fragile.errors import InputError

SHAPE = (8, 8, 3)
RAW = PREPROCESSINGS["raw"]
X = np.random.default_rng(0).integers(0, 256, (6, *SHAPE)).astype(np.uint8)
Y = np.arange(6) % 3


def opened(spec: str, shape: tuple[int, int, int] = SHAPE, **settings: Any) -> Source:
    return open_source(spec, **{"preprocessing": RAW, "image_shape": shape, **settings})


def refusal(spec: str, shape: tuple[int, int, int] = SHAPE, **settings: Any) -> str:
    with pytest.raises(InputError) as error:
        opened(spec, shape, **settings)
    return str(error.value)


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(encoded(rgb(8, 8), "PNG"))
    return root


# Files of class names -----------------------------------------------------------------------------

REPAIRED = {
    "gap": ("cat\n\ndog\n", "cat\ndog\n", "write one name a line, in the order of the outputs"),
    "no name": ("index,name\n0,cat\n1,\n", "index,name\n0,cat\n1,dog\n", "has no name; give one"),
    "from one": ("1,cat\n2,dog\n", "0,cat\n1,dog\n", "number the outputs from 0 to 1, each once"),
    "twice": ("0,cat\n0,dog\n", "0,cat\n1,dog\n", "number the outputs from 0 to 1, each once"),
    "ragged": (
        "index,name\n0,cat\n1,dog, tame\n",
        'index,name\n0,cat\n1,"dog, tame"\n',
        "put names with ',' in quotes",
    ),
    "JSON": ('{"0": "cat", "1": "dog"}', "cat\ndog", "write one name a line"),
}


@pytest.mark.parametrize("case", REPAIRED)
def test_class_files_repaired_as_advised_are_read(tmp_path: Path, case: str) -> None:
    wrong, right, advice = REPAIRED[case]
    path = tmp_path / "names.csv"
    path.write_text(wrong)
    with pytest.raises(InputError, match=re.escape(advice)):
        Classes.read(path)
    path.write_text(right)
    assert Classes.read(path).names[0] == "cat" and Classes.read(path).names[1].startswith("dog")


def test_class_files_are_written_in_utf_8_as_advised(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("Vögel\nFische".encode("latin-1"))
    with pytest.raises(InputError, match="write one name a line in UTF-8") as error:
        Classes.read(path)
    path.write_text("Vögel\nFische", encoding=re.search(r"in (UTF-8)\.", str(error.value))[1])
    assert Classes.read(path).names == ("Vögel", "Fische")


def named(*names: str) -> Named:
    return Named("The folder 'photos'", "class folder", names, "in order")


def test_classes_and_outputs_agree_after_what_is_advised(tmp_path: Path) -> None:
    given = Classes(("cat", "dog"), "--classes=x")

    def told(*names: str, outputs: int = 2, classes: Classes | None = None) -> str:
        with pytest.raises(InputError) as error:
            assign(named(*names), outputs=outputs, classes=classes)
        return str(error.value)

    # More folders than outputs: names alone would leave the others without an output.
    said = told("bird", "cat", "dog")
    assert said.endswith(
        "; name the class of each output, in their order, with --classes=FILE, one a line, and "
        "move the other class folders away."
    )
    assert assign(named("cat", "dog"), outputs=2, classes=given).outputs == (0, 1)
    said = told("bird", "cat", classes=given)
    assert "rename it or move it away" in said
    for followed in (("dog", "cat"), ("cat",)):
        assert assign(named(*followed), outputs=2, classes=given).outputs
    assert "give one name for each output" in told("cat", outputs=3, classes=given)
    three = Classes(("cat", "dog", "bird"), "--classes=x")
    assert assign(named("cat"), outputs=3, classes=three).outputs == (0,)
    said = told("cat", classes=Classes(("background", "cat", "dog"), "--classes=x"))
    out = re.search(r"its first line '(\w+)' names no output: leave it out", said)[1]
    left = Classes(tuple(n for n in ("background", "cat", "dog") if n != out), "--classes=x")
    assert assign(named("cat"), outputs=2, classes=left).outputs == (0,)
    twice = Classes(("crane", "crane"), "--classes=x", ("n02012849", "n03126707"))
    ids = re.search(r"name it by its id \((\w+) or (\w+)\)", told("crane", classes=twice))
    assert [assign(named(i), outputs=2, classes=twice).outputs for i in ids.groups()] == [
        (0,),
        (1,),
    ]
    assert "put them together" in told("cat", "Cat", classes=given)


# Folders ------------------------------------------------------------------------------------------


def test_pictures_are_turned_by_the_flag_that_is_advised(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(rgb(8, 8), "PNG", exif=tagged(3)))
    (note,) = opened(f"folder:{tmp_path}").notes
    flag = re.search(r"give --orientation=(\w+)\.", note)
    turned = opened(f"folder:{tmp_path}", reading=Reading(orientation=flag[1]))
    np.testing.assert_array_equal(turned.load([0]).image[0], pixels(8, 8)[::-1, ::-1])


def test_files_converted_as_advised_are_read(tmp_path: Path) -> None:
    grey = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    put(tmp_path, "good.png")
    (tmp_path / "float.tif").write_bytes(encoded(Image.fromarray(grey * 4000), "TIFF"))
    (tmp_path / "int.tif").write_bytes(encoded(Image.fromarray(np.int32(grey * 99)), "TIFF"))
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0 ftypheic")
    source = opened(f"folder:{tmp_path}", (8, 8, 1))
    reasons = {Path(s.path).name: s.reason for s in source.skipped}
    assert reasons["float.tif"].endswith("store 0 to 1, or 8 or 16 bits")
    assert reasons["int.tif"].endswith("store 8 bits, or 16 without a sign")
    assert reasons["phone.heic"].endswith("convert it to PNG")
    (tmp_path / "float.tif").write_bytes(encoded(Image.fromarray(grey), "TIFF"))
    deep = Image.fromarray(np.uint16(grey * 65535))
    (tmp_path / "int.tif").write_bytes(encoded(deep, "TIFF"))
    (tmp_path / "phone.heic").unlink()
    (tmp_path / "phone.png").write_bytes(encoded(rgb(8, 8), "PNG"))
    source = opened(f"folder:{tmp_path}", (8, 8, 1))
    assert not source.skipped
    where = source.files.index
    for name in ("float.tif", "int.tif"):
        found = source.load([where(name)]).image[0, ..., 0]
        np.testing.assert_allclose(found, grey * 255, atol=1)


DEEP = np.linspace(0, 1, 64).reshape(8, 8)
MISREAD = {
    "signed bytes": (tiff(np.int8(DEEP * 255 - 128), kind=2), "store 8 bits", DEEP * 255),
    "FITS": (fits(np.int64(DEEP * 255)), "store 8 bits", DEEP * 255),
    "negative": (
        tiff(np.uint16(65535 * (1 - DEEP)), kind=1, white_is_zero=True),
        "store black as 0",
        DEEP * 255,
    ),
    "twelve": (tiff(np.int64(DEEP * 4095), kind=1, bits=12), r"store (values .*) as 8 bits", None),
}


@pytest.mark.parametrize("case", MISREAD)
def test_files_that_pillow_misreads_are_right_once_stored_as_advised(
    tmp_path: Path, case: str
) -> None:
    content, advice, stored = MISREAD[case]
    put(tmp_path, "good.png")
    (tmp_path / "x.tif").write_bytes(content)
    (skipped,) = opened(f"folder:{tmp_path}", (8, 8, 1)).skipped
    told = re.search(advice, skipped.reason)
    assert told is not None, skipped.reason
    values = eval(told[1], {"values": np.int64(DEEP * 4095)}) if stored is None else stored
    (tmp_path / "x.tif").write_bytes(encoded(Image.fromarray(np.uint8(values)), "TIFF"))
    source = opened(f"folder:{tmp_path}", (8, 8, 1))
    assert not source.skipped
    np.testing.assert_allclose(source.load([1]).image[0, ..., 0], DEEP * 255, atol=1.1)


def test_palettes_stored_as_png_as_advised_have_their_colours(tmp_path: Path) -> None:
    (tmp_path / "a.bmp").write_bytes(content := encoded(palette(), "BMP"))
    (note,) = opened(f"folder:{tmp_path}").notes
    (tmp_path / "a.bmp").unlink()
    format = re.search(r"store them as (\w+) if", note)[1]
    (tmp_path / "a.png").write_bytes(encoded(Image.open(io.BytesIO(content)), format))
    source = opened(f"folder:{tmp_path}", (29, 37, 3))
    assert not source.notes
    np.testing.assert_array_equal(source.load([0]).image[0], np.asarray(palette().convert("RGB")))


def test_an_empty_folder_filled_as_advised_is_read(tmp_path: Path) -> None:
    said = refusal(f"folder:{tmp_path}")
    for ending in re.search(r"put image files \((.*)\) or class", said)[1].split(", "):
        try:
            content = encoded(rgb(8, 8), Image.registered_extensions()[ending])
        except (OSError, KeyError):
            continue  # Pillow here reads it and can't write it
        (tmp_path / f"a{ending}").write_bytes(content)
        assert len(opened(f"folder:{tmp_path}")) == 1, ending
        (tmp_path / f"a{ending}").unlink()
    put(tmp_path, "cat/a.png", "dog/b.png")
    assert len(opened(f"folder:{tmp_path}", outputs=2)) == 2


def test_a_plain_path_is_written_as_advised(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        understood(str(tmp_path / "nowhere"))
    assert "write folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded." in str(error.value)
    put(tmp_path, "a.png")
    np.savez(tmp_path / "a.npz", images=X)
    for spec in (f"folder:{tmp_path}", f"npz:{tmp_path / 'a.npz'}"):
        assert understood(spec) == spec and len(opened(spec))
    assert opened(understood("embedded"), (64, 64, 3))
    said = refusal("folder:")
    assert said.endswith("write folder:PATH_OR_NAME.")


# Archives -----------------------------------------------------------------------------------------


def test_arrays_are_named_as_advised(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, pictures=X[0, 0], labels=Y)
    name = re.search(r"store the pictures as '(\w+)' \(or '(\w+)'\)", refusal(f"npz:{path}"))
    for key in name.groups():
        np.savez(path, **{key: X}, labels=Y)
        assert len(opened(f"npz:{path}", outputs=3)) == 6
    near = re.search(r"did you mean '(\w+)'\?", refusal(f"npz:{path}#xx"))
    assert len(opened(f"npz:{path}#{near[1]}")) == 6
    both, alone = re.search(r"write (\S+), or (\S+) for", refusal(f"npz:{path}#")).groups()
    assert len(opened(both.replace("IMAGES", "x").replace("LABELS", "labels"), outputs=3)) == 6
    assert len(opened(alone.replace("IMAGES", "x"))) == 6


def test_a_single_array_is_written_as_an_archive_as_advised(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", X)
    said = refusal(f"npz:{tmp_path / 'a.npy'}")
    call = re.search(r"write one with (numpy.savez\(.*\))\.", said)[1]
    call = call.replace("FILE", "file").replace("images=...", "images=x")
    known = {"numpy": np, "file": tmp_path / "b.npz", "x": X, "y": Y}
    eval(call.replace("labels=...", "labels=y"), known)
    assert opened(f"npz:{tmp_path / 'b.npz'}", outputs=3).load([4]).label == 1


@pytest.mark.parametrize(
    ("labels", "advice", "followed"),
    [
        (Y[:5], "store 6 whole numbers, one for each image", Y),
        (np.eye(4)[Y], "store them in its order, or choose another model", np.eye(3)[Y]),
        (np.eye(3, dtype=int)[Y] | 1, "store one class for each image", np.eye(3)[Y]),
        (np.array(list("abcab")), "store 6 whole numbers or names, one for each image", Y),
        (np.zeros(6, "M8[D]"), "the number of its class, counted from 0", Y),
    ],
)
def test_labels_stored_as_advised_are_read(tmp_path: Path, labels, advice, followed) -> None:
    np.savez(tmp_path / "a.npz", images=X, labels=labels)
    assert advice in refusal(f"npz:{tmp_path / 'a.npz'}", outputs=3)
    np.savez(tmp_path / "a.npz", images=X, labels=followed)
    source = opened(f"npz:{tmp_path / 'a.npz'}", outputs=3)
    np.testing.assert_array_equal(source.load(range(6)).label, Y)


def test_channels_that_no_picture_has_are_stored_as_arrays_as_advised(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    kind = re.search(r"open them with (\w+):FILE", refusal(f"folder:{tmp_path}", (8, 8, 5)))[1]
    np.savez(tmp_path / "a.npz", images=np.repeat(X[..., :1], 5, axis=3))
    assert len(opened(f"{kind}:{tmp_path / 'a.npz'}", (8, 8, 5))) == 6


# Preprocessings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["torch", "caffe", "unit_bgr"])
def test_the_preprocessings_that_are_advised_fit_the_channels(name: str) -> None:
    with pytest.raises(InputError) as error:
        PREPROCESSINGS[name].forward(np.zeros((8, 8, 1)))
    advised = re.search(r"for 1 channel: (.*)\.$", str(error.value))[1].split(", ")
    assert "raw" in advised and "unit" in advised and len(advised) >= 5
    for other in advised:
        assert PREPROCESSINGS[other].forward(np.zeros((8, 8, 1))).shape == (8, 8, 1)


# Places -------------------------------------------------------------------------------------------


def test_folders_and_archives_taken_for_each_other_are_written_as_advised(tmp_path: Path) -> None:
    put(tmp_path / "photos", "a.png")
    np.savez(tmp_path / "a.npz", images=X)
    said = refusal(f"folder:{tmp_path / 'a.npz'}")
    kind = re.search(r"give a folder of images, or (\w+):FILE for an \.npz archive\.$", said)[1]
    assert len(opened(f"{kind}:{tmp_path / 'a.npz'}")) == 6
    said = refusal(f"npz:{tmp_path / 'photos'}")
    assert len(opened(re.search(r"write (folder:\S+) for images in it\.$", said)[1])) == 1


def test_what_is_not_there_is_put_there_as_advised(tmp_path: Path) -> None:
    assert refusal(f"folder:{tmp_path / 'x'}").endswith("; give a folder of images.")
    put(tmp_path / "x", "a.png")
    assert len(opened(f"folder:{tmp_path / 'x'}")) == 1
    assert refusal(f"npz:{tmp_path / 'x.npz'}").endswith("; give the path of an .npz archive.")
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 damaged")
    call = re.search(r"write it with numpy\.(\w+)\.$", refusal(f"npz:{tmp_path / 'x.npz'}"))[1]
    getattr(np, call)(tmp_path / "x.npz", images=X)
    assert len(opened(f"npz:{tmp_path / 'x.npz'}")) == 6


def test_a_folder_that_changed_is_read_again_as_advised(tmp_path: Path) -> None:
    put(tmp_path, "a.png", "b.png")
    source = opened(f"folder:{tmp_path}")
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match="run again on a folder that stays as it is"):
        source.load([1])
    assert len(opened(f"folder:{tmp_path}").load([0]).image) == 1


@pytest.mark.parametrize(
    ("wrong", "right", "advice"),
    [
        ("", "cat\ndog", r"are empty; write one name a line\.$"),
        ("name\tindex\n", "name\tindex\ncat\t0", r"are empty; write one name a line\.$"),
        ("name,index\ncat,a\n", "name,index\ncat,0", r"number the outputs from 0 to 0\.$"),
        (None, "cat\ndog", r"give a file with one class name a line\.$"),
    ],
)
def test_class_files_that_say_nothing_are_written_as_advised(
    tmp_path: Path, wrong: str | None, right: str, advice: str
) -> None:
    path = tmp_path / "names.txt"
    if wrong is not None:
        path.write_text(wrong)
    with pytest.raises(InputError, match=advice):
        Classes.read(path)
    path.write_text(right)
    assert Classes.read(path).names[0] == "cat"


# How pictures are read ----------------------------------------------------------------------------


def test_nearly_black_pictures_are_stored_as_advised(tmp_path: Path) -> None:
    deep = np.uint16(np.linspace(0, 4095, 64).reshape(8, 8))
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(deep), "PNG"))
    (note,) = opened(f"folder:{tmp_path}", (8, 8, 1)).notes
    told = re.search(r"store (values / \d+ \* 255) as 8 bits, or divide by what is white", note)
    assert told is not None, note
    stored = np.uint8(eval(told[1], {"values": deep.astype(float)}))
    (tmp_path / "a.png").write_bytes(encoded(Image.fromarray(stored), "PNG"))
    source = opened(f"folder:{tmp_path}", (8, 8, 1))
    assert not source.notes
    np.testing.assert_allclose(source.load([0]).image[0, ..., 0], deep / 4095 * 255, atol=1)


def test_readings_that_do_not_go_together_are_chosen_as_advised() -> None:
    def told(**settings: Any) -> str:
        with pytest.raises(InputError) as error:
            Reading(**settings)
        return str(error.value)

    said = told(resize="crop", interpolation="area")
    for name in re.search(r"choose one of (.*)\.$", said)[1].split(", "):
        assert Reading(resize="crop", interpolation=name)
    assert told(resize="imagenet", interpolation="area").endswith(
        "; leave it out, or choose another resize."
    )
    assert Reading(resize="imagenet") and Reading(interpolation="area")
    said = told(short_side=9)
    other = re.search(r"leave it out, or choose resize '(\w+)' and a side of at least 1", said)[1]
    assert Reading() and Reading(resize=other, short_side=9)


def test_numbers_of_samples_are_given_as_advised(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=X)
    source = opened(f"npz:{tmp_path / 'a.npz'}")
    with pytest.raises(InputError) as error:
        choose(source, 7)
    low, high = re.search(r"give a number from (\d+) to (\d+)\.$", str(error.value)).groups()
    assert [len(choose(source, int(number))) for number in (low, high)] == [1, 6]
    with pytest.raises(InputError) as error:
        source.load([6])
    low, high = re.search(r"give positions from (\d+) to (\d+)\.$", str(error.value)).groups()
    np.testing.assert_array_equal(source.load([int(low), int(high)]).image, X[[0, 5]])


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_images_that_are_not_finite_are_removed_or_repaired_as_advised(
    tmp_path: Path, broken: float
) -> None:
    path, images = tmp_path / "a.npz", X.astype(np.float32)
    images[2, 0, 0, 0] = broken
    np.savez(path, images=images, labels=Y)
    told = re.search(r"^Image (\d+) of .*; remove or repair it\.$", refusal(f"npz:{path}"))
    place = int(told[1])
    np.savez(path, images=np.delete(images, place, 0), labels=np.delete(Y, place))
    assert opened(f"npz:{path}").load(range(5)).label.tolist() == [0, 1, 0, 1, 2]
    images[place] = X[place]
    np.savez(path, images=images, labels=Y)
    np.testing.assert_array_equal(opened(f"npz:{path}").load(range(6)).image, X)


def test_an_archive_of_nothing_is_written_anew_as_advised(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=0 * X)
    assert refusal(f"npz:{tmp_path / 'a.npz'}").endswith("; write the archive anew.")
    np.savez(tmp_path / "a.npz", images=X)
    assert len(opened(f"npz:{tmp_path / 'a.npz'}")) == 6


def test_embedded_data_and_a_network_of_their_size_go_together_as_advised() -> None:
    said = refusal("embedded", (32, 32, 3))
    size = re.search(r"are (\d+)x(\d+)x(\d+), but .*; choose a network or a data source", said)
    assert size is not None, said
    shape = tuple(map(int, size.groups()))
    assert opened("embedded", shape).load([0]).image.shape == (1, *shape)
