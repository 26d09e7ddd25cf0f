"""What every probe promises: tasks are pure, any cut gives the same rows, a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.probes.contract import Probe
from tf_fragile.probes.curvature.hessian import PowerIteration
from tf_fragile.probes.curvature.probe import CurvatureProbe
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.running import run
from tf_fragile.runs.records import ROLES, make_records, probes_of, read_records

N = 5
PIXELS = np.random.default_rng(0).integers(30, 220, (N, 8, 8, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    x = keras.Input((8, 8, 3))
    h = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(x))
    h = keras.layers.BatchNormalization()(h)
    return keras.Model(x, keras.layers.Dense(3)(keras.layers.Flatten()(h)))


@pytest.fixture(scope="module")
def source() -> Source:
    return Source(
        name="noise",
        class_names=None,
        image_shape=(8, 8, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda position: Sample(PIXELS[position], -1),
        digest=lambda: "",
        size=N,
    )


def fragility(model: keras.Model, source: Source) -> FragilityProbe:
    return FragilityProbe(
        explainers={"gradient": tff.explain("gradient", model)},
        source=source,
        attacks={
            "random_sign": tff.attack("top_k", k=10, optimizer="random_sign", rows=4),
            "top_k": tff.attack("top_k", k=10, steps=2, rows=4),
        },
        epsilon=(2.0, 4.0),
        limits=source.range,
        doubled=frozenset({1, 3}),
        doubts={"derivatives": "nothing is right"},
    )


def curvature(model: keras.Model, source: Source) -> CurvatureProbe:
    return CurvatureProbe(as_network(model), source, settings=PowerIteration(1e-3, 20))


PROBES = {"fragility": fragility, "curvature": curvature}
Make = Callable[[keras.Model, Source], Probe]


@pytest.fixture(scope="module", params=list(PROBES))
def probe(request, model: keras.Model, source: Source) -> Probe:
    return PROBES[request.param](model, source)


def rows_of(probe: Probe, size: int) -> pd.DataFrame:
    rows = [row for task in probe.tasks(range(N), size) for row in probe(task).rows]
    table = make_records(rows, probe.keys)
    columns = [c for c in table.columns if c != "value"]
    return table.sort_values(columns, ignore_index=True)


def test_rows_have_the_columns_of_the_contract_and_known_roles(probe: Probe) -> None:
    table = rows_of(probe, 2)
    assert set(table["role"]) <= set(ROLES)
    assert {"measured", "control"} <= set(table["role"])
    assert set(table[table["sample"] < 0]["role"]) <= {"doubt", "control"}


def test_the_same_task_gives_the_same_rows_and_leaves_the_model_alone(
    probe: Probe, model: keras.Model
) -> None:
    before = [w.numpy() for w in model.weights]
    pd.testing.assert_frame_equal(rows_of(probe, 2), rows_of(probe, 2))
    for weight, value in zip(model.weights, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


@pytest.mark.parametrize("size", [1, 5])
def test_any_cut_into_tasks_gives_the_same_rows(probe: Probe, size: int) -> None:
    whole, parts = rows_of(probe, 2), rows_of(probe, size)
    pd.testing.assert_frame_equal(whole.drop(columns="value"), parts.drop(columns="value"))
    exact = probe.name == "fragility"  # fixed chunks; a matrix product rounds by its size
    np.testing.assert_allclose(whole["value"], parts["value"], rtol=0 if exact else 1e-3, atol=1e-4)


def test_work_is_counted_before_it_is_done(probe: Probe) -> None:
    tasks = probe.tasks(range(N), 2)
    done: list[int] = []
    probe(tasks[0], done.append)
    assert sum(done) == probe.work(tasks[:1]).ticks
    half, whole = probe.work(tasks[:1]), probe.work(tasks)
    assert 0 < half.forwards < whole.forwards and whole.builds >= 1 and whole.lines
    assert not probe.artefacts()


def ask(out: Path, probes: list[Probe], model: keras.Model, source: Source, **settings: int):
    return run(
        out,
        probes,
        source,
        range(N),
        model=model,
        seed=0,
        settings={},
        settings_of={probe.name: settings for probe in probes},
        command=["toy"],
        size=2,
        progress=False,
    )


def stamps(out: Path, name: str) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in sorted((out / "records" / name).iterdir())}


def test_a_probe_added_to_a_finished_run_is_all_that_is_computed(
    model: keras.Model, source: Source, tmp_path: Path
) -> None:
    first, second = fragility(model, source), curvature(model, source)
    found, manifest = ask(tmp_path, [first], model, source)
    assert set(manifest.probes) == {"fragility"}
    before = stamps(tmp_path, "fragility")
    both, manifest = ask(tmp_path, [first, second], model, source)
    assert stamps(tmp_path, "fragility") == before
    assert set(manifest.probes) == {"fragility", "curvature"} and manifest.resumed == 1
    pd.testing.assert_frame_equal(both["fragility"], found["fragility"])
    assert probes_of(tmp_path) == ["curvature", "fragility"]
    alone, manifest = ask(tmp_path, [second], model, source)
    assert set(manifest.probes) == {"fragility", "curvature"}
    pd.testing.assert_frame_equal(alone["curvature"], read_records(tmp_path, "curvature"))


def test_a_probe_with_other_settings_is_refused_and_the_other_one_kept(
    model: keras.Model, source: Source, tmp_path: Path
) -> None:
    ask(tmp_path, [curvature(model, source)], model, source)
    before = stamps(tmp_path, "curvature")
    with pytest.raises(InputError, match=r"holds another run: curvature\.tolerance was not set"):
        ask(tmp_path, [curvature(model, source)], model, source, tolerance=3)
    assert stamps(tmp_path, "curvature") == before


def test_a_probe_that_raises_leaves_the_run_to_be_finished(
    model: keras.Model, source: Source, tmp_path: Path
) -> None:
    whole = curvature(model, source)

    def read(position: int) -> Sample:
        if position == 3:
            raise KeyboardInterrupt
        return source.read(position)

    broken = replace(whole, source=replace(source, read=read))
    with pytest.raises(KeyboardInterrupt):
        ask(tmp_path, [broken], model, source)
    assert len(stamps(tmp_path, "curvature")) == 1
    found, _ = ask(tmp_path, [whole], model, source)
    expected, _ = ask(tmp_path / "other", [whole], model, source)
    pd.testing.assert_frame_equal(found["curvature"], expected["curvature"])
