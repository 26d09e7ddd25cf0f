"""The command itself: what it understands, where it prints, and how it answers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tf_fragile.audit.asked import asked
from tf_fragile.audit.plan import make_plan
from tf_fragile.audit.subject import open_subject
from tf_fragile.errors import InputError

L = keras.layers
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "COLUMNS": "60"}
QUICK = ("--explainers=gradient", "--steps=1", "--epsilon=4", "--plateau=0", "--gallery=2")


def command(home: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tf_fragile", "audit", *QUICK, *flags],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=600,
        env={**os.environ, "HOME": str(home), **environment},
    )


def picture(path: Path | bytes, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(20, 230, (12, 12, 3), dtype=np.uint8)
    with open(path, "wb") as file:
        Image.fromarray(pixels).save(file, "PNG")


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A model and pictures with names of every kind, under one home directory."""
    root = tmp_path_factory.mktemp("home")
    keras.utils.set_random_seed(2)
    head = (L.GlobalAveragePooling2D(), L.Dense(2, activation="softmax"))
    keras.Sequential(
        [keras.Input((12, 12, 3)), L.Rescaling(1 / 255), L.Conv2D(4, 3, activation="relu"), *head]
    ).save(root / "m.keras")
    names = (b"caf\xc3\xa9 \xe7\x8c\xab", b"latin \xe9\x1b[31m")
    for seed, name in enumerate(names):
        folder = os.path.join(os.fsencode(root), b"data", name)
        os.makedirs(folder)
        for i in (1, 2):
            picture(os.path.join(folder, b"%d \xff.png" % i), 10 * seed + i)
    (root / "data" / os.fsdecode(names[0]) / "broken.png").write_bytes(b"no picture")
    return root


@pytest.fixture(scope="module")
def done(home: Path) -> subprocess.CompletedProcess[str]:
    """One audit of them where the locale knows ASCII alone and the terminal has 60 columns."""
    paths = ("--model=~/m.keras", "--data=~/data", "--out=~/out", "--progress=off")
    return command(home, *paths, "--only_correct=false", "--num_images=9", **ASCII)


def test_home_directories_and_a_plain_folder_are_understood_and_said(home, done) -> None:
    assert (done.returncode, done.stdout.splitlines()[0]) == (
        0,
        f"--data=~/data is taken for folder:{home}/data",
    )
    assert f"data: folder:{home}/data: 5 files found, 1 skipped, 4 read; 4 looked at" in done.stdout
    assert f"report: {home}/out/report.html" in done.stdout
    assert (home / "out" / "report.html").exists()


def test_fewer_images_than_asked_for_are_audited_and_said(home, done) -> None:
    sentence = "--num_images=9, but there are only 4 images; 4 are audited"
    assert sentence in done.stdout.splitlines()  # in the plan
    assert done.stdout.count(sentence) == 2
    assert sentence in (home / "out" / "report.html").read_text("utf-8")
    assert len(pd.read_csv(home / "out" / "samples.csv")) == 4


def test_the_table_fits_the_terminal(done) -> None:
    begin = done.stdout.index("\neps ") + 1
    table = done.stdout[begin : done.stdout.index("Chance level")].splitlines()
    assert len(table) > 7
    assert max(map(len, table)) <= 60


def test_names_in_any_encoding_and_with_control_characters_are_shown(home, done) -> None:
    assert "\x1b" not in done.stdout + done.stderr
    page = (home / "out" / "report.html").read_text("utf-8")
    table = (home / "out" / "samples.csv").read_text("utf-8")
    for text in (page, table):
        assert "caf\u00e9 \u732b" in text
        assert r"latin \xe9\x1b[31m" in text
        assert "\x1b" not in text


def test_a_skipped_file_is_a_line_on_the_terminal_and_named_in_the_report(home, done) -> None:
    lines = [line for line in done.stdout.splitlines() if line.startswith("skipped: 1 file (1 x ")]
    assert len(lines) == 2  # in the plan and at the end
    assert all(line.endswith("; the report lists them") for line in lines)
    assert "broken.png" not in done.stdout
    assert "broken.png" in (home / "out" / "report.html").read_text("utf-8")


def test_no_bar_is_drawn_where_none_is_wanted(done) -> None:
    assert not re.search(r"\d+%\||image/s|it/s", done.stderr)


def test_changed_data_are_named_in_words_and_another_locale_and_spelling_are_no_change(
    home, done
) -> None:
    folder = next((home / "data").glob("caf*"))
    for picture_count, code in [(4, 0), (5, 2)]:
        if picture_count == 5:
            picture(folder / "new.png", 99)
        again = command(
            home, f"--model={home}/m.keras", f"--data=folder:{home}/data/../data",
            f"--out={home}/out", "--only_correct=false", "--num_images=9", LC_ALL="C.UTF-8",
        )  # fmt: skip
        assert again.returncode == code
    (folder / "new.png").unlink()
    names = f"(folder:{home}/data then, folder:{home}/data/../data now)"
    assert again.stderr.endswith(
        f"error: {home}/out holds another run: the data changed {names}: 4 images then, 5 now; "
        "choose another --out or delete it.\n"
    )


@pytest.mark.parametrize(
    ("flag", "sentence"),
    [
        ("--out=", "--out is empty; name a directory for the run, as in --out=out/audit."),
        (
            "--epsilon=8/255",
            "--epsilon=8/255: epsilon is in grey levels: write 8; 8/255 of the range is 8 grey "
            "levels.",
        ),
        ("--progress=on", "Unknown progress 'on'; known: auto, off."),
    ],
)
def test_a_flag_that_is_not_understood_is_one_sentence(home, flag, sentence) -> None:
    answer = command(home, flag)
    assert answer.returncode == 2
    assert answer.stderr.endswith(f"error: {sentence}\n")
    assert answer.stdout == ""


# Inputs of other kinds, up to the plan ------------------------------------------------------------


def subject_of(root: Path, shape, *layers, **settings):
    x = h = keras.Input(shape)
    for layer in layers:
        h = layer(h)
    keras.Model(x, h).save(root / "m.keras")
    data = root / "pictures"
    data.mkdir(exist_ok=True)
    for seed in range(3):
        picture(data / f"{seed}.png", seed)
    return open_subject(
        asked(
            model=str(root / "m.keras"), data=f"folder:{data}", num_images=2,
            explainers=("gradient",), steps=1, epsilon=(4.0,), **settings,
        )
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "layers", "image_shape", "said"),
    [
        (
            (7, 9),
            (L.Flatten(), L.Dense(3)),
            (7, 9, 1),
            "input: the model takes [7, 9] without a channel axis, and gets grey pictures",
        ),
        (
            (3, 8, 8),
            (L.Permute((2, 3, 1)), L.Conv2D(2, 3), L.GlobalAveragePooling2D(), L.Dense(3)),
            (8, 8, 3),
            "input: the model takes channels first, [3, 8, 8], and gets pictures so turned",
        ),
    ],
)
def test_a_model_of_another_kind_of_input_is_audited_as_one_of_pictures(
    tmp_path, shape, layers, image_shape, said
) -> None:
    subject = subject_of(tmp_path, shape, *layers)
    assert subject.subject.source.image_shape == image_shape
    assert said in make_plan(subject, {}).lines
    assert subject.subject.model.input_shape == (None, *shape)  # what the digest is of


def test_the_size_that_is_asked_for_is_the_remedy(tmp_path) -> None:
    layers = (L.Conv2D(2, 3), L.GlobalAveragePooling2D(), L.Dense(3))
    with pytest.raises(InputError, match=r"say which with --image_size=HxW, as in --image_size=22"):
        subject_of(tmp_path, (None, None, 3), *layers)
    shutil.rmtree(tmp_path / "pictures")
    subject = subject_of(tmp_path, (None, None, 3), *layers, image_size=(6, 9))
    assert (
        "input: the model takes images of any size, and gets 6 x 9" in make_plan(subject, {}).lines
    )
    assert subject.subject.source.image_shape == (6, 9, 3)
