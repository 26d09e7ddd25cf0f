"""An audit of a model file with code of its own: run when asked for, and said to be."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.audit import plan
from tf_fragile.audit.asked import asked
from tf_fragile.audit.subject import open_subject
from tf_fragile.errors import InputError

layers = keras.layers

CODE = """
import keras

class Square(keras.layers.Layer):
    def call(self, x):
        return x * x
"""
RUN = "import sys; from tf_fragile.__main__ import main; main()"


@pytest.fixture
def data(tmp_path: Path) -> str:
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "x.npz", images=images)
    return f"npz:{tmp_path / 'x.npz'}"


def save(path: Path, inside: keras.layers.Layer) -> Path:
    x = keras.Input((8, 8, 3))
    h = inside(layers.Rescaling(1 / 255)(x))
    keras.Model(x, layers.Dense(3)(layers.Flatten()(h))).save(path)
    return path


@pytest.fixture
def custom(tmp_path: Path) -> tuple[str, str]:
    """A model with a layer of its own, and the file that defines it."""
    space: dict = {"__name__": "training"}
    exec(CODE, space)
    model = save(tmp_path / "m.keras", space["Square"]())
    (tmp_path / "square.py").write_text(CODE)
    return str(model), str(tmp_path / "square.py")


def test_the_command_line_runs_the_users_code_and_everything_it_leaves_says_so(
    tmp_path, data, custom
) -> None:
    model, file = custom
    out = tmp_path / "out"
    flags = ["--num_images=1", "--steps=1", "--explainers=gradient", "--epsilon=4", "--plateau=0"]
    given = [f"--model={model}", f"--import={file}", f"--data={data}", f"--out={out}"]
    done = subprocess.run(
        [sys.executable, "-c", RUN, "audit", *given, *flags, "--head=logits"],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert f"code: your code was run: --import={file}" in done.stdout.splitlines()
    assert f"your code was run: --import={file}" in (out / "report.html").read_text("utf-8")
    settings = json.loads((out / "manifest.json").read_text("utf-8"))["settings"]
    assert settings["imports"] == [file]
    assert settings["unsafe_load"] is False
    assert settings["head"] == "logits"


def test_the_plan_says_that_code_in_the_file_was_run(tmp_path, data) -> None:
    model = str(save(tmp_path / "m.keras", layers.Lambda(lambda v: v * v)))
    settings = {"model": model, "data": data, "num_images": 1, "explainers": ("gradient",)}
    with pytest.raises(InputError, match=r"holds Python code.*give --unsafe_load"):
        open_subject(asked(**settings))
    made = plan.make_plan(open_subject(asked(**settings, unsafe_load=True)), {})
    assert "code: loaded with --unsafe_load: code inside the file was run" in made.lines


def test_code_is_told_of_only_where_some_was_run() -> None:
    assert asked().code_run == ""
    both = asked(model="m.keras", imports=("a.py", "b"), unsafe_load=True).code_run
    assert both == (
        "your code was run: --import=a.py; your code was run: --import=b; "
        "loaded with --unsafe_load: code inside the file was run"
    )


def test_a_zoo_network_has_no_code_in_a_file() -> None:
    with pytest.raises(InputError, match="'embedded' has no code in a file; leave out --unsafe_l"):
        open_subject(asked(unsafe_load=True))


def test_an_unknown_head_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="Unknown head 'logit'; did you mean logits"):
        asked(head="logit")


def test_the_help_lists_the_flags_for_code() -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN, "audit", "--help"], capture_output=True, text=True, timeout=60
    )
    for flag in ("--import:", "--[no]unsafe_load:", "--head:"):
        assert flag in done.stdout


def test_a_forward_pass_is_timed_at_the_batch_size_that_the_model_was_built_for() -> None:
    x = keras.Input(batch_shape=(2, 8, 8, 3))
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(x)))
    seen: set[int] = set()

    def logits(batch: tf.Tensor) -> tf.Tensor:
        seen.add(batch.shape[0])
        return model(batch)

    subject = SimpleNamespace(
        model=model,
        rows=16,
        source=SimpleNamespace(image_shape=(8, 8, 3)),
        network=SimpleNamespace(logits=logits),
    )
    assert plan._seconds_a_forward(SimpleNamespace(subject=subject)) > 0
    assert seen == {2}
