"""The figures of the geometry end to end at sizes that take seconds, and their settings."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from PIL import Image

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.experiments import training
from tf_fragile.experiments.fragility.geometry import cifar_net, softplus_net
from tf_fragile.experiments.fragility.geometry.cifar_net import (
    PUBLISHED_TOTAL,
    accuracies,
    layers_table,
    markdown,
    tab_cifar_net,
    training_facts,
)
from tf_fragile.experiments.fragility.geometry.demo_dimension import demo_dimension
from tf_fragile.experiments.fragility.geometry.demo_lipschitz import demo_lipschitz
from tf_fragile.experiments.fragility.geometry.demo_two_layer import (
    KINDS,
    Nets,
    closed_cosine,
    demo_two_layer,
    random_nets,
)
from tf_fragile.experiments.fragility.geometry.intuition import find_pair, intuition
from tf_fragile.experiments.fragility.geometry.lipschitz import (
    Search,
    compiled_search,
    composed_bound,
    product_form,
)
from tf_fragile.experiments.fragility.geometry.orthogonality import orthogonality, summary
from tf_fragile.experiments.fragility.geometry.settings import (
    PRESETS,
    Dimension,
    Intuition,
    Lipschitz,
    NetTable,
    Orthogonality,
    TwoLayer,
)
from tf_fragile.experiments.fragility.geometry.toy_net import Field, corner_data, evaluate, train
from tf_fragile.experiments.frame.job import Job
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.presets import PRESET_NAMES, overridden
from tf_fragile.experiments.frame.running import make
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.models.zoo import save_weights_npz
from tf_fragile.models.zoo.cifar import build_cifar10_fragility

PROJECT = Path(__file__).resolve().parents[2]
SIDE, COUNT = 8, 6
layers = keras.layers

TINY_ANGLES = Orthogonality(4, 30, 1e-3, beta=1.0, finetune_steps=0, rows=3)


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Noise whose labels a random network gets right, but for the first."""
    keras.utils.set_random_seed(2)
    x = keras.Input((SIDE, SIDE, 3))
    h = layers.Conv2D(6, 3, strides=2, activation="relu")(x)
    model = keras.Model(x, layers.Dense(3)(layers.Flatten()(h)))
    images = np.random.default_rng(0).uniform(0, 255, (COUNT, SIDE, SIDE, 3)).astype(np.float32)
    labels = np.array(keras.ops.argmax(model(images), -1))
    labels[0] = (labels[0] + 1) % 3
    source = Source(
        name="tiny",
        class_names=("a", "b", "c"),
        image_shape=(SIDE, SIDE, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda i: Sample(images[i], int(labels[i])),
        digest=lambda: "0" * 64,
        size=COUNT,
    )
    return Subject("tiny", model, source)


def made(job: Job, out: Path) -> pd.DataFrame:
    """The table of a figure, made without a word."""
    return make(job, quiet(out)).tables[".csv"]


def quiet(out: Path) -> Place:
    """A place that says nothing."""
    return Place(out, progress=False, say=lambda _: None)


def settings_of(figure: str, name: str, **overrides: object) -> object:
    """A preset of a figure with some of its fields replaced."""
    return overridden(PRESETS[figure], name, **overrides)


def is_png(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.format == "PNG" and min(picture.size) > 100 and bool(picture.getbbox())


def manifest(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("figure", list(PRESETS))
def test_every_figure_has_three_presets_and_each_is_no_less_work(figure: str) -> None:
    presets = PRESETS[figure]
    assert tuple(presets) == PRESET_NAMES
    for f in fields(presets["cpu"]):
        if f.name in ("tolerance", "epsilon", "beta"):
            continue
        sizes = [np.max(getattr(presets[name], f.name)) for name in PRESET_NAMES]
        assert sizes == sorted(sizes), f.name
        assert f.metadata["help"].endswith(".")


def test_the_papers_protocol_for_angles() -> None:
    paper = PRESETS["orthogonality"]["paper"]
    assert (paper.num_images, paper.max_iterations, paper.tolerance) == (1000, 300, 1e-4)
    assert paper.finetune_steps > 0 and paper.beta == 1


def test_overrides_replace_a_presets_fields_and_wrong_ones_are_refused() -> None:
    assert settings_of("orthogonality", "cpu", num_images=7, rows=None).num_images == 7
    for wrong, said in (
        ({"num_images": 0}, "--num_images is 0; give a whole number from 1"),
        ({"finetune_steps": -1}, "--finetune_steps is -1; give a whole number from 0"),
        ({"nun_images": 1}, "did you mean num_images"),
    ):
        with pytest.raises(InputError, match=said):
            settings_of("orthogonality", "cpu", **wrong)
    with pytest.raises(InputError, match="must increase"):
        settings_of("demo_dimension", "cpu", dims=(10, 10))
    with pytest.raises(InputError, match="orthogonal"):
        settings_of("demo_two_layer", "cpu", widths=(10_000,))
    with pytest.raises(InputError, match="preset"):
        settings_of("intuition", "fast")


def test_dimension_the_closed_form_is_measured_and_random_signs_do_not_grow(
    tmp_path: Path,
) -> None:
    table = made(demo_dimension(Dimension((10, 1000), (1e-4, 0.1), 6)), tmp_path)
    small, large = (table[table["epsilon"] == e] for e in (1e-4, 0.1))
    np.testing.assert_allclose(small["measured"], small["closed_form"], rtol=1e-3)
    growth = small["measured"].iloc[1] / small["measured"].iloc[0]
    assert growth == pytest.approx(10, rel=0.2)  # the root of 1000 / 10
    assert small["random_sign"].iloc[1] < 3 * small["random_sign"].iloc[0]
    # Far out the softplus saturates: less than first order, and never more than doubled.
    assert large["measured"].iloc[1] < min(1.0, large["closed_form"].iloc[1])
    assert table["angle"].max() < 1e-4
    assert is_png(tmp_path / "demo_dimension.png")
    assert manifest(tmp_path / "demo_dimension.manifest.json")["settings"]["draws"] == 6


def test_two_layer_power_iteration_agrees_with_the_closed_form(tmp_path: Path) -> None:
    settings = TwoLayer(32, (1, 4, 16), 8, max_iterations=2000, tolerance=1e-9)
    table = made(demo_two_layer(settings), tmp_path)
    orthogonal = table[table["kind"] == "orthogonal"]
    assert (orthogonal["largest_difference"] < 1e-4).all() and (orthogonal["converged"] > 0.5).all()
    one = table[table["h"] == 1]
    np.testing.assert_allclose(one["cosine"], 1, atol=1e-9)
    assert list(orthogonal["angle_mean"]) == sorted(orthogonal["angle_mean"])
    nets = pd.read_csv(tmp_path / "demo_two_layer.nets.csv")
    assert len(nets) == len(KINDS) * 3 * 8 and is_png(tmp_path / "demo_two_layer.png")


def test_the_closed_cosine_of_equal_units_is_one_over_the_root_of_their_number() -> None:
    rng = np.random.default_rng(0)
    for width in (4, 16, 64):
        nets = random_nets("orthogonal", 3, width, 80, rng)
        equal = Nets(nets.w, np.sign(nets.v), np.zeros_like(nets.x))
        np.testing.assert_allclose(closed_cosine(equal), width**-0.5, rtol=1e-12)


def test_no_gradient_is_found_to_change_faster_than_the_bound(tmp_path: Path) -> None:
    settings = Lipschitz((1, 3), (0.5, 2.0), 6, nets=2, starts=6, ascent_steps=20)
    table = made(demo_lipschitz(settings), tmp_path)
    assert table["bound_holds"].all()
    assert (table["ratio"] <= table["bound"] * (1 + 1e-9)).all()
    single = table[table["depth"] == 1]
    assert (single["ratio"] > 0.9 * single["bound"]).all()  # one layer attains it
    np.testing.assert_allclose(table["ratio"], table["curvature"], rtol=0.3)
    assert is_png(tmp_path / "demo_lipschitz.png")


def test_the_product_over_layers_is_no_bound_but_the_sum_is() -> None:
    """Two units in a row, the first in its linear range, the second where it bends most."""
    weights = [np.full((1, 1, 1), 1.0), np.full((1, 1, 1), 8.0)]
    norms = (1.0, 8.0)
    found = compiled_search(2, Search(200))(weights, np.array([[-2.0]]), np.array([[1.0]]))
    second = _second_derivative_of_two_units(1.0, 8.0)
    assert found.curvature[0] == pytest.approx(second, rel=1e-3)
    assert found.ratio[0] == pytest.approx(second, rel=1e-3)
    assert found.curvature[0] <= composed_bound(norms)
    tiny = (0.5, 0.5)
    bent = _second_derivative_of_two_units(*tiny)
    assert product_form(tiny) < bent <= composed_bound(tiny)


def _second_derivative_of_two_units(a: float, b: float) -> float:
    """Largest |S''| of S(x) = softplus(b softplus(a x)) on a fine grid."""
    x = np.linspace(-40, 40, 400_001)
    inner, gate = np.logaddexp(0, a * x), 1 / (1 + np.exp(-a * x))
    top = 1 / (1 + np.exp(-b * inner))
    second = top * (1 - top) * (b * gate * a) ** 2 + top * b * gate * (1 - gate) * a**2
    return float(np.abs(second).max())


def test_bounds_by_hand() -> None:
    assert composed_bound((2.0,)) == product_form((2.0,)) == 1.0
    # 1/4 · 2² · 3 for the first layer, 1/4 · 3² · 2² for the second.
    assert composed_bound((2.0, 3.0)) == pytest.approx(3 + 9)
    assert product_form((2.0, 3.0)) == pytest.approx(4 / 4 * 9 / 4)


def test_the_schematic_is_of_a_trained_network_whose_gradient_turns(tmp_path: Path) -> None:
    table = made(intuition(Intuition(8, 200, 41, 0.15)), tmp_path)
    before, after = table.to_dict("records")
    assert before["share1"] > 0.5 > after["share1"]
    assert before["logit"] > 0 and after["logit"] > 0
    assert max(abs(before["x1"] - after["x1"]), abs(before["x2"] - after["x2"])) < 0.15 + 1e-6
    assert manifest(tmp_path / "intuition.manifest.json")["training_accuracy"] > 0.95
    assert is_png(tmp_path / "intuition.png")


def test_the_pair_is_the_best_of_its_box_and_missing_ones_are_said() -> None:
    axis = np.linspace(-1, 1, 5)
    gradient = np.zeros((5, 5, 2))
    gradient[..., 0] = 1
    flat = Field(axis, np.ones((5, 5)), gradient)
    with pytest.raises(InputError, match="nowhere changes"):
        find_pair(flat, 0.5)
    with pytest.raises(InputError, match="more than one grid point"):
        find_pair(flat, 0.2)
    turned = gradient.copy()
    turned[2, 3] = 0, 1  # row 2 is input 2 at 0, column 3 is input 1 at 0.5
    pair = find_pair(replace(flat, gradient=turned), 0.5)
    assert pair.after == (0.5, 0.0) and (pair.share_before, pair.share_after) == (1, 0)
    lost = replace(flat, gradient=turned, logit=np.where(turned[..., 1] > 0, -1.0, 1.0))
    with pytest.raises(InputError, match="nowhere changes"):
        find_pair(lost, 0.5)


def test_the_schematics_field_is_the_networks() -> None:
    x, label = corner_data(50, seed=1)
    network = as_network(train(x, label, hidden=4, steps=5, seed=1))
    field = evaluate(network, 11)
    at = tf.constant([[field.axis[7], field.axis[2]]])
    assert field.logit[2, 7] == pytest.approx(float(network.score(at, tf.constant([1]))[0]), 1e-5)


def test_angles_are_written_image_by_image_and_taken_up_again(
    subject: Subject, tmp_path: Path
) -> None:
    said: list[str] = []
    place = Place(tmp_path, progress=False, say=said.append)
    table = make(orthogonality(subject, TINY_ANGLES, place), place).tables[".csv"]
    assert len(table) == 4 and table["angle"].between(0, 90).all() and 0 not in set(table["sample"])
    assert any("left out: " in line for line in said)
    told = pd.read_csv(tmp_path / "orthogonality.summary.csv").set_index("metric")
    assert told.loc["angle", "mean"] == pytest.approx(table["angle"].mean(), rel=1e-5)
    assert told.loc["angle", "q50"] == pytest.approx(table["angle"].median(), rel=1e-5)
    assert is_png(tmp_path / "orthogonality.png")
    assert manifest(tmp_path / "orthogonality.manifest.json")["images"]["misclassified"] <= 1
    (tmp_path / "run" / "records" / "curvature" / "part-00001.parquet").unlink()
    again = make(orthogonality(subject, TINY_ANGLES, place), place).tables[".csv"]
    pd.testing.assert_frame_equal(again, table)
    with pytest.raises(InputError, match=r"beta was 1\.0 and is now 2\.0"):
        make(orthogonality(subject, replace(TINY_ANGLES, beta=2.0), place), place)


def test_images_without_curvature_are_left_out_of_the_summary() -> None:
    table = pd.DataFrame(
        {"sample": [1, 2, 3], "label": 0, "predicted": 0, "angle": [80.0, 90.0, np.nan]}
    )
    (row,) = summary(table).to_dict("records")
    assert (row["n"], row["mean"], row["q50"]) == (2, 85.0, 85.0)


def test_the_built_network_is_the_published_one(tmp_path: Path) -> None:
    table = made(tab_cifar_net(NetTable(10)), tmp_path)
    assert table["agrees"].all() and table["parameters"].sum() == PUBLISHED_TOTAL == 13_592_970
    assert "| | total | | 13,592,970 | 13,592,970 | yes |" in (
        tmp_path / "tab_cifar_net.md"
    ).read_text("utf-8")


def test_another_network_does_not_agree_layer_by_layer() -> None:
    narrow = layers_table(build_cifar10_fragility(width=0.5))
    assert not narrow["agrees"].any()
    smooth = layers_table(build_cifar10_fragility(activation="softplus"))
    assert list(smooth["agrees"]) == [False] * 7 + [True]
    small = keras.Sequential([keras.Input((4,)), layers.Dense(2)])
    with pytest.raises(InputError, match="1 layers with weights"):
        layers_table(small)


def test_accuracies_come_from_the_manifest_and_from_the_images(
    subject: Subject, tmp_path: Path
) -> None:
    weights = tmp_path / "w.npz"
    assert training_facts(weights) == {}
    content = {
        "options": {"width": 0.25},
        "steps_taken": 9,
        "accuracy": {"test": 0.7323},
        "seed": 0,
    }
    beside = tmp_path / "w.manifest.json"
    beside.write_text(json.dumps(content), "utf-8")
    measured = accuracies(subject, 100, seed=0)
    assert measured["images"] == COUNT and measured["as trained"] == (COUNT - 1) / COUNT
    text = markdown(layers_table(build_cifar10_fragility()), [training_facts(weights)], measured)
    assert "(width 0.25, 9 steps): test 73.2%" in text and "as trained 83.3%" in text
    beside.write_text("{}", "utf-8")
    with pytest.raises(InputError, match="not the manifest of a training"):
        training_facts(weights)


def test_fine_tuning_starts_from_the_relu_weights_and_runs_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    width = 0.02
    keras.utils.set_random_seed(0)
    relu = tmp_path / "relu.npz"
    original = build_cifar10_fragility(width=width)
    save_weights_npz(original, relu)
    read = softplus_net.open_subject
    monkeypatch.setattr(
        softplus_net, "open_subject",
        lambda name, *, data, **rest: read(name, **{**rest, "data": _few_images(tmp_path)}),
    )  # fmt: skip
    said: list[str] = []
    made = [
        softplus_net.finetuned_weights(relu, width, 2, tmp_path, progress=False, say=said.append)
        for _ in range(2)
    ]
    assert made[0] == made[1] and "fine-tuned before" in said[-1]
    tuned = build_cifar10_fragility(width=width, activation="softplus")
    training.zoo.load_weights_npz(tuned, made[0])
    moved = [
        np.abs(a - b).max()
        for a, b in zip(tuned.get_weights(), original.get_weights(), strict=True)
    ]
    assert 0 < max(moved) < 0.01  # two steps of Adam from there
    facts = cifar_net.training_facts(made[0])
    assert facts["options"]["activation"] == "softplus" and facts["steps_taken"] == 2


def _few_images(directory: Path) -> str:
    path = directory / "few.npz"
    rng = np.random.default_rng(0)
    np.savez(
        path,
        images=rng.integers(0, 256, (8, 32, 32, 3), dtype=np.uint8),
        labels=np.arange(8) % 10,
    )
    return f"npz:{path}"


def run(binary: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "bin" / "fragility" / f"{binary}.py"), *args],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


@pytest.mark.parametrize("figure", list(PRESETS))
def test_every_figure_has_a_binary_that_refuses_bad_flags_in_a_sentence(figure: str) -> None:
    flag = fields(PRESETS[figure]["cpu"])[0].name
    done = run(figure, f"--{flag}=0")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert re.search(rf"^error: --{flag} is 0; give .*a whole number from 1 to ", done.stderr, re.M)


def test_a_binary_makes_its_figure(tmp_path: Path) -> None:
    done = run("demo_dimension", "--preset=quick", "--dims=5,50", f"--out={tmp_path}/PRESET")
    assert done.returncode == 0, done.stderr
    made = manifest(tmp_path / "quick" / "demo_dimension.manifest.json")
    assert made["settings"]["dims"] == [5, 50] and "--dims=5,50" in made["command"]
