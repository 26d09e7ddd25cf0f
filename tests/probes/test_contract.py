"""What every probe promises: tasks are pure, any cut gives the same rows, a run goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import pandas as pd
import pytest

import tf_fragile as tff
from tf_fragile.backprop.network import as_network
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.contract import About, Probe
from tf_fragile.probes.curvature.hessian import PowerIteration
from tf_fragile.probes.curvature.probe import CurvatureProbe
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.running import keep_pictures, run
from tf_fragile.runs.artefacts import Artefact, Store, key_of
from tf_fragile.runs.lease import Lease
from tf_fragile.runs.records import DOUBT, probes_of, read_records
from tf_fragile.runs.tasks import Findings, Progress, Work
from tf_fragile.testing import Case, tiny_model, tiny_source, tiny_subject
from tf_fragile.testing import probes as promises
from tf_fragile.testing.killed import check_killed

N = 5
NOWHERE = Store(Path("nowhere"))


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return case_of("fragility").model


@pytest.fixture(scope="module")
def source() -> Source:
    return case_of("fragility").source


@cache
def explained(model: keras.Model) -> Explainer:
    """Once a model: what is compiled for attacks hangs on it."""
    return tff.explain("gradient", model)


def fragility(model: keras.Model, source: Source, store: Store | None = None) -> FragilityProbe:
    return FragilityProbe(
        explainers={"gradient": explained(model)},
        source=source,
        attacks={
            "random_sign": tff.attack("top_k", k=10, optimizer="random_sign", rows=4),
            "top_k": tff.attack("top_k", k=10, steps=2, rows=4),
        },
        epsilon=(2.0, 4.0),
        limits=source.range,
        doubled=frozenset({1}),
        doubts={"derivatives": "nothing is right"},
    )


def curvature(model: keras.Model, source: Source, store: Store | None = None) -> CurvatureProbe:
    return CurvatureProbe(as_network(model), source, settings=PowerIteration(1e-3, 20))


# Of registered probes, what makes their tasks small; one that is not named here keeps its defaults.
SMALL: dict[str, dict[str, Any]] = {
    "fragility": {"epsilon": (2.0, 4.0), "k": 10, "steps": 2, "plateau": 2},
    "curvature": {"tolerance": 1e-3, "max_iterations": 20},
}
# A product of matrices rounds by its size, so values hang on the cut, not to the bit.
CLOSE: dict[str, dict[str, float]] = {"curvature": {"rtol": 1e-3, "atol": 1e-4}}


def bound(name: str, model: keras.Model, source: Source, store: Store) -> Probe:
    settings = PROBES[name].settings(**SMALL.get(name, {}))
    return PROBES[name].bind(settings, tiny_subject(model, source, store)).probe


@cache
def case_of(name: str) -> Case:
    view = PROBES[name].view(About())
    make = partial(bound, name)
    return Case(make, tiny_model(), tiny_source(N), view, **CLOSE.get(name, {}))


@pytest.fixture(scope="module", params=PROBES)
def case(request) -> Case:
    return case_of(request.param)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


@pytest.mark.parametrize(
    "check",
    [
        promises.check_rows,
        promises.check_work,
        promises.check_pure,
        promises.check_cut,
        promises.check_restored,
    ],
    ids=lambda check: check.__name__,
)
def test_every_probe_keeps_what_probes_promise(check, case: Case, store: Store) -> None:
    check(case, store)


def test_every_view_says_the_same_of_records_that_were_read_again(
    case: Case, store: Store, tmp_path: Path
) -> None:
    promises.check_view(case, store, tmp_path / "view")


@pytest.mark.parametrize("name", PROBES)
def test_every_probe_has_the_same_bytes_with_any_cache_and_after_any_kill(
    name: str, tmp_path: Path
) -> None:
    promises.check_cold_and_warm(case_of(name), tmp_path / "warmth")
    check_killed(partial(case_of, name), tmp_path / "killed")


def ask(
    out: Path,
    probes: list[Probe],
    model: keras.Model,
    source: Source,
    *,
    store: Store | None = None,
    doubts: dict[str, str] | None = None,
    **settings: int,
) -> Any:
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
        store=store,
        doubts=doubts,
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


def test_what_makes_a_run_doubtful_begins_the_table_of_each_probe(
    model: keras.Model, source: Source, tmp_path: Path
) -> None:
    doubts = {"feeding": "fed upside down", "surrogate": ""}
    probes: list[Probe] = [curvature(model, source), fragility(model, source)]
    found, _ = ask(tmp_path, probes, model, source, doubts=doubts)
    for name, own in (("curvature", []), ("fragility", ["derivatives"])):
        table = found[name]
        kinds = ["feeding", *own]
        first = table.iloc[: len(kinds)]
        assert list(first["metric"]) == kinds and set(first["role"]) == {DOUBT}
        assert first.iloc[0]["note"] == "fed upside down" and first.iloc[0]["value"] == 1.0
        assert set(first[["sample", "label", "predicted"]].to_numpy().ravel()) == {-1}
        rest = table.iloc[len(kinds) :]
        assert not ((rest["sample"] < 0) & (rest["role"] == DOUBT)).any()


@dataclass(frozen=True)
class Numbers:
    """An artefact that counts how often it is built."""

    built: list[str]
    name: ClassVar[str] = "numbers"
    key: ClassVar[str] = key_of("numbers", {})
    work: ClassVar[Work] = Work()
    size: ClassVar[int] = 1

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        self.built.append(self.key)
        (directory / "number").write_text("3")


@dataclass(frozen=True, eq=False)
class Reading(CurvatureProbe):
    """A probe whose tasks read an artefact."""

    name: ClassVar[str] = "reading"
    store: Store = NOWHERE
    built: tuple[list[str], ...] = ()

    def artefacts(self) -> Sequence[Artefact]:
        return [Numbers(log) for log in self.built]

    def __call__(self, task: Any, progress: Progress | None = None) -> Findings:
        value = float((self.store.path(Numbers.key) / "number").read_text())
        row = {"label": -1, "predicted": -1, "metric": "m", "value": value}
        return Findings([row | {"sample": sample} for sample in task.positions])

    def pictures(self, samples: Sequence[int], records: Any, progress: Any = None) -> Any:
        number = (self.store.path(Numbers.key) / "number").read_text()
        return {sample: {f"{sample}|{number}": records.index.to_numpy()} for sample in samples}


def reading(model: keras.Model, source: Source, store: Store, log: list[str]) -> Reading:
    return Reading(as_network(model), source, store=store, built=(log,))


def test_what_tasks_share_is_built_before_the_first_and_never_for_none(
    model: keras.Model, source: Source, store: Store, tmp_path: Path
) -> None:
    log: list[str] = []
    probe = reading(model, source, store, log)
    found, _ = ask(tmp_path / "out", [probe], model, source, store=store)
    assert log == [Numbers.key] and set(found["reading"]["value"]) == {3.0}
    (store.path(Numbers.key) / "number").unlink()
    again, _ = ask(tmp_path / "out", [probe], model, source, store=store)
    assert log == [Numbers.key], "every task was there"
    pd.testing.assert_frame_equal(again["reading"], found["reading"])
    min((tmp_path / "out" / "records" / "reading").iterdir()).unlink()
    again, _ = ask(tmp_path / "out", [probe], model, source, store=store)
    assert log == [Numbers.key] * 2
    pd.testing.assert_frame_equal(again["reading"], found["reading"])


def test_a_run_that_is_refused_builds_nothing(
    model: keras.Model, source: Source, store: Store, tmp_path: Path
) -> None:
    log: list[str] = []
    ask(tmp_path / "out", [curvature(model, source)], model, source, tolerance=1)
    with pytest.raises(InputError, match="holds another run"):
        others: list[Probe] = [curvature(model, source), reading(model, source, store, log)]
        ask(tmp_path / "out", others, model, source, store=store, tolerance=2)
    assert log == []


def test_a_probe_with_artefacts_and_a_run_without_a_store_are_a_fault_of_ours(
    model: keras.Model, source: Source, store: Store, tmp_path: Path
) -> None:
    probe = reading(model, source, store, [])
    with pytest.raises(RuntimeError, match="numbers can't be built: the run was given no store"):
        ask(tmp_path / "out", [probe], model, source)
    assert not (tmp_path / "out").exists()


def test_pictures_of_a_finished_run_find_what_they_share_in_an_emptied_cache(
    model: keras.Model, source: Source, store: Store, tmp_path: Path
) -> None:
    log: list[str] = []
    probe = reading(model, source, store, log)

    def kept(records: pd.DataFrame) -> None:
        with Lease(tmp_path / "lease.json") as lease:
            keep_pictures(
                tmp_path,
                probe,
                [1, 2],
                records,
                name="reading",
                run="r",
                lease=lease,
                size=2,
                artefacts=probe.artefacts(),
                store=store,
                progress=False,
            )

    (tmp_path / "gallery" / "reading").mkdir(parents=True)
    for _ in range(2):
        kept(pd.DataFrame({"sample": [1, 2]}))
    assert log == [Numbers.key], "pictures that are there need nothing"
    assert len(list((tmp_path / "gallery" / "reading").iterdir())) == 2
