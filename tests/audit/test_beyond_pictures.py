"""Rows of a table, signals and several named inputs: through Python and the command line."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import in_process
import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

import tf_fragile as tff
from tf_fragile.audit.adapted import adapted
from tf_fragile.audit.run import AuditResult
from tf_fragile.errors import InputError
from tf_fragile.models.saved.user_code import import_code
from tf_fragile.probes.catalog import PROBES
from tf_fragile.runs.records import read_records

L = keras.layers
RNG = np.random.default_rng(0)
FAST = {"num_images": 3, "explainers": ("gradient",)}
FLAGS = ("--num_images=3", "--explainers=gradient", "--progress=off")


def mlp() -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((6,))
    return keras.Model(x, L.Dense(3)(L.Dense(8, activation="softplus")(x)), name="table")


def signals() -> keras.Model:
    keras.utils.set_random_seed(1)
    x = keras.Input((12, 2))
    h = L.GlobalAveragePooling1D()(L.Conv1D(4, 3, activation="softplus")(x))
    return keras.Model(x, L.Dense(3)(h), name="signal")


def two() -> keras.Model:
    keras.utils.set_random_seed(2)
    a, b = keras.Input((3,), name="a"), keras.Input((4, 2), name="b")
    h = L.Concatenate()([L.Dense(4, activation="softplus")(a), L.Flatten()(b)])
    return keras.Model({"b": b, "a": a}, L.Dense(3)(h), name="both")


MODELS = {"table": mlp, "signal": signals, "both": two}
DATA = {
    "table": RNG.normal(size=(20, 6)).astype("float32"),
    "signal": RNG.normal(size=(20, 12, 2)).astype("float32"),
    "both": {
        "a": RNG.normal(size=(20, 3)).astype("float32"),
        "b": RNG.normal(size=(20, 4, 2)).astype("float32"),
    },
}


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The probe of CONTRIBUTING.md, in a file of its own."""
    for table in ("_entries", "_places"):
        monkeypatch.setattr(PROBES, table, dict(getattr(PROBES, table)))
    monkeypatch.setattr(sys, "path", list(sys.path))
    page = (Path(__file__).resolve().parents[2] / "CONTRIBUTING.md").read_text("utf-8")
    code = re.search(r"```python\n(.*?)```", page.split("### A probe\n")[1], re.S)
    assert code is not None
    path = tmp_path / "mine.py"
    path.write_text(code[1], "utf-8")
    import_code(str(path))


def needed(gradient: np.ndarray) -> float:
    """Of the probe, by a loop."""
    ranked = sorted(np.abs(gradient).ravel().tolist(), reverse=True)
    total, held, count = sum(ranked), 0.0, 0
    for value in ranked:
        held += value
        if held >= total / 2:
            break
        count += 1
    return count / len(ranked)


def gradients(model: keras.Model, x, label: int) -> np.ndarray:
    """Of a logit by Keras' own tape, of all inputs in the model's order as one row."""
    leaves = [tf.constant(x[t.name] if isinstance(x, dict) else x) for t in model.inputs]
    with tf.GradientTape() as tape:
        tape.watch(leaves)
        flat = keras.Model(model.inputs, model.outputs)(leaves if len(leaves) > 1 else leaves[0])
        score = (flat[0] if isinstance(flat, list) else flat)[0, label]
    return np.concatenate([np.ravel(g) for g in tape.gradient(score, leaves)])


@pytest.mark.parametrize("kind", list(MODELS))
def test_a_probe_answers_what_keras_own_tape_does(kind: str, registered: None) -> None:
    model, data = MODELS[kind](), DATA[kind]
    found = tff.audit(model, data, "concentration", **FAST)["concentration"].records
    own = found[found["role"] == "measured"]
    assert len(own) == 3
    for row in own.itertuples():
        place = slice(row.sample, row.sample + 1)
        x = {n: v[place] for n, v in data.items()} if isinstance(data, dict) else data[place]
        assert row.value == pytest.approx(needed(gradients(model, x, row.predicted)))


def test_curvature_is_that_of_the_whole_hessian() -> None:
    model, x = mlp(), DATA["table"]
    found = tff.audit(model, x, "curvature", **FAST)["curvature"].records
    rows = found[found["metric"] == "eigenvalue"]
    for row in rows.itertuples():
        point = tf.constant(x[row.sample])
        with tf.GradientTape() as outer:
            outer.watch(point)
            with tf.GradientTape() as inner:
                inner.watch(point)
                score = model(point[None])[0, row.predicted]
            gradient = inner.gradient(score, point)
        values = np.linalg.eigvalsh(outer.jacobian(gradient, point).numpy())
        assert row.value == pytest.approx(values[np.abs(values).argmax()], rel=1e-2)


def test_the_gradient_of_a_linear_model_can_not_be_moved() -> None:
    x = keras.Input((6,))
    model = keras.Model(x, L.Dense(3)(x))
    result = tff.audit(model, DATA["table"], steps=2, plateau=0, k=3, **FAST)
    records = result["fragility"].records
    moved = records[(records["metric"] == "top_k_intersection") & records["value"].notna()]
    assert len(moved) and (moved["value"] == 1).all()
    assert not {"ssim", "center_shift"} & set(records["metric"])


@pytest.mark.parametrize("kind", list(MODELS))
def test_the_command_line_says_the_same(kind: str, tmp_path: Path) -> None:
    model, data = MODELS[kind](), DATA[kind]
    model.save(tmp_path / "m.keras")
    arrays = data if isinstance(data, dict) else {"x": data}
    np.savez(tmp_path / "a.npz", **arrays)
    out = tmp_path / "out"
    done = in_process.audit(
        *FLAGS, f"--model={tmp_path / 'm.keras'}", f"--data={tmp_path / 'a.npz'}", "--steps=1",
        "--plateau=0", f"--out={out}",
    )  # fmt: skip
    assert done.code == 0, done.sentence
    here: AuditResult = tff.audit(model, data, steps=1, plateau=0, **FAST)
    pd.testing.assert_frame_equal(
        read_records(out, "fragility"), here["fragility"].records, rtol=1e-6
    )
    assert "The range is that of the data" in done.out and "places" in done.out
    page = (out / "report.html").read_text("utf-8")
    assert "<svg" in page and 'class="gallery"' not in page
    assert here.report is None


def test_several_inputs_become_one_row_that_the_model_takes_apart_again() -> None:
    model, data = two(), DATA["both"]
    taken = adapted(model)
    assert [part.name for part in taken.parts] == ["a", "b"] or taken.image_shape == (11,)
    row = np.concatenate([data[p.name].reshape(20, -1) for p in taken.parts], axis=1)
    np.testing.assert_allclose(taken.model(row), model(data), rtol=1e-5)
    assert "and gets them as one row of 11 numbers in that order" in taken.note


def tokens() -> keras.Model:
    a, b = keras.Input((3,)), keras.Input((2,), dtype="int32", name="ids")
    h = L.Concatenate()([a, L.Flatten()(L.Embedding(5, 2)(b))])
    return keras.Model([a, b], L.Dense(2)(h))


@pytest.mark.parametrize(
    ("make", "data", "sentence"),
    [
        (
            mlp,
            "embedded",
            "The model takes no pictures, and 'embedded' has pictures; give npz",
        ),
        (two, "embedded", "give npz:FILE with arrays 'a' [N, 3] and 'b' [N, 4, 2]."),
        (tokens, DATA["both"], "The input 'ids' of "),
        (mlp, DATA["signal"], "the data has shape [20, 12, 2], and the model takes [N, 6]; give"),
    ],
)
def test_models_and_data_that_do_not_fit_are_refused(make, data, sentence) -> None:
    with pytest.raises(InputError) as error:
        tff.audit(make(), data, **FAST)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"range": (0, 1)}, "range=, preprocess= and inverse= are for data that are given as such"),
        ({"inverse": tf.sqrt, "data": DATA["table"]}, "inverse= undoes preprocess=, which is not"),
        ({"step": 1}, "Unknown setting of an audit 'step'; did you mean steps"),
        ({"settings_of": {"fragility": {"step": 1}}}, "Unknown setting of fragility 'step'; did"),
        ({"settings_of": {"fragilty": {}}}, "Unknown probe 'fragilty'; did you mean fragility?"),
        ({"steps": 1, "settings_of": {"fragility": {"steps": 1}}}, "--steps and --fragility.steps"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(given, sentence) -> None:
    data = given.pop("data", "embedded")
    with pytest.raises(InputError) as error:
        tff.audit(mlp(), data, **given)
    assert sentence in str(error.value)


def test_radii_are_in_units_of_the_data_once_these_are_known(tmp_path: Path) -> None:
    said: list[str] = []
    tff.audit(
        mlp(), DATA["table"], epsilon=(0.05, 0.1), steps=1, plateau=0, say=said.append, **FAST
    )
    assert any(line.startswith("radii: 0.05, 0.1 (") for line in said)
    with pytest.raises(InputError, match=r"--epsilon=40 is in units of the data, whose range -2"):
        tff.audit(mlp(), DATA["table"], epsilon=(40.0,), **FAST)
    pixels = RNG.integers(0, 256, (4, 6, 6, 3)).astype(np.uint8)
    net = keras.Sequential([keras.Input((6, 6, 3)), L.Flatten(), L.Dense(3)])
    with pytest.raises(InputError, match=r"--epsilon=0\.5 is less than one grey level"):
        tff.audit(net, pixels, epsilon=(0.5,), **FAST)
