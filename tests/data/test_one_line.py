"""Whatever names hold, what is said of them is one line."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from picture_files import encoded, rgb

from tf_fragile.data import PREPROCESSINGS, Classes, Source, open_source
from tf_fragile.data.specs import understood
from tf_fragile.errors import InputError, readable

ODD = ("two\nlines", "tab\there", "bell\x07", "back\rhere", "line\u2028end", "\x1b[31mred")


def opened(spec: str, **settings) -> Source:
    given = {"preprocessing": PREPROCESSINGS["raw"], "image_shape": (8, 8, 3)}
    return open_source(spec, **{**given, **settings})


def put(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded(rgb(8, 8), "PNG"))


def check(*texts: str) -> None:
    for text in texts:
        assert text.isprintable(), text


@pytest.mark.parametrize("name", ODD)
def test_what_is_said_of_a_folder_is_one_line(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    put(root / f"a{name}" / "1.png", root / "b" / f"{name}.png", root / f".{name}" / "1.png")
    (root / "b" / f"{name}.txt").write_text("no picture")
    (root / f"c{name}").mkdir()
    source = opened(f"folder:{root}", outputs=3)
    check(source.name, source.geometry, *source.notes, *source.class_names, *source.files)
    check(*(f"{skipped.path} {skipped.reason}" for skipped in source.skipped))
    assert len(source) == 2 and len(source.notes) == 2


@pytest.mark.parametrize("name", ODD)
def test_what_is_said_of_an_archive_is_one_line(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.npz"
    images = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    np.savez(path, images=images, labels=[0], **{name: [1]})
    source = opened(f"npz:{path}", outputs=2)
    check(source.name, *source.notes)


def refusals(root: Path, name: str):
    put(root / "sets" / "train" / name / "1.png", root / "sets" / "train" / "b" / "1.png")
    put(root / "sets" / "val" / name / "1.png", root / "sets" / "val" / "b" / "1.png")
    put(root / "classes" / name / "1.png", root / "classes" / "b" / "1.png")
    (root / name).mkdir()
    (root / f"{name}.txt").write_text("a")
    images = np.arange(192, dtype=np.uint8).reshape(1, 8, 8, 3)
    np.savez(root / "a.npz", images=images, **{f"{name}s": images, "label": [9]})
    np.savez(root / f"{name}.npz", images=images, labels=[9])
    np.savez(root / f"n{name}.npz", data=images, label=[0])
    os.rename(root / "sets", root / f"sets{name}")
    given = Classes(("a", "b", "c"), "--classes=names.txt")
    yield lambda: opened(f"folder:{root / f'sets{name}'}", outputs=2)
    yield lambda: opened(f"folder:{root / 'classes'}", outputs=3)
    yield lambda: opened(f"folder:{root / 'classes'}", outputs=3, classes=given)
    yield lambda: opened(f"folder:{root / name}")
    yield lambda: opened(f"folder:{root / 'nowhere'}{name}")
    yield lambda: opened(f"npz:{root / name}")
    yield lambda: opened(f"npz:{root / name}.npz", outputs=3)
    yield lambda: opened(f"npz:{root / name}.npz#x{name}")
    yield lambda: opened(f"npz:{root / name}.npz#")
    yield lambda: opened(f"npz:{root / f'n{name}'}.npz", outputs=2)
    yield lambda: opened(f"npz:{root / 'a.npz'}", outputs=2)
    yield lambda: opened(f"tfds:{name}")
    yield lambda: understood(str(root / f"{name}.txt"))
    yield lambda: understood(f"{name}/nowhere")
    yield lambda: Classes.read(root / f"no{name}")


@pytest.mark.parametrize("name", ODD)
def test_every_refusal_is_one_line(tmp_path: Path, name: str) -> None:
    for refused in refusals(tmp_path, name):
        with pytest.raises(InputError) as error:
            refused()
        check(str(error.value))


def test_a_file_of_names_is_said_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "two\nlines.txt"
    path.write_text("a\nb")
    assert Classes.read(path).origin == f"--classes={tmp_path}/two\\nlines.txt"


def test_letters_of_any_language_stay(tmp_path: Path) -> None:
    assert readable("Löwe 猫") == "Löwe 猫"
    assert readable(readable("two\nlines")) == "two\\nlines"
    assert readable("\ud800") == "\\ud800"  # half a letter, which no file is called
