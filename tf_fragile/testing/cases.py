"""A probe under test, with the tiny model and data it is asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd

from tf_fragile.backprop.network import as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.explainers.catalog import explain
from tf_fragile.probes.contract import Probe, Subject, View
from tf_fragile.probes.running import run
from tf_fragile.runs.artefacts import Store
from tf_fragile.runs.records import make_records
from tf_fragile.runs.tasks import Findings, Task

Make = Callable[[keras.Model, Source, Store], Probe]


@dataclass(frozen=True, eq=False)
class Case:
    """What a probe is tested with; small enough for a task to take milliseconds.

    Attributes:
      make: the probe, from a model, its data, and the store that its tasks read artefacts from.
      model: it is asked about; built the same each time.
      source: its data.
      view: of its records; `None` for a probe whose records nobody looks at.
      rtol: by which share values may differ between cuts into tasks, 0 for not at all.
      atol: by how much, likewise.
    """

    make: Make
    model: keras.Model
    source: Source
    view: View | None = None
    rtol: float = 0.0
    atol: float = 0.0

    @property
    def positions(self) -> tuple[int, ...]:
        """All of its data."""
        return tuple(range(len(self.source)))

    def built(self, store: Store) -> Probe:
        """The probe, what its tasks share included."""
        probe = self.make(self.model, self.source, store)
        store.build(probe.artefacts(), progress=False)
        return probe

    def seen_through(self, source: Source) -> Case:
        """The same with another source of the same data."""
        return replace(self, source=source)


def tiny_model(classes: int = 3) -> keras.Model:
    """A small convolutional network for pictures [8, 8, 3] of 0 to 255, the same each time."""
    keras.utils.set_random_seed(2)
    x = keras.Input((8, 8, 3))
    h = keras.layers.Conv2D(4, 3, activation="relu")(keras.layers.Rescaling(1 / 255)(x))
    h = keras.layers.BatchNormalization()(h)
    return keras.Model(x, keras.layers.Dense(classes)(keras.layers.Flatten()(h)))


def tiny_subject(
    model: keras.Model, source: Source, store: Store, explainers: Sequence[str] = ("gradient",)
) -> Subject:
    """What a probe is bound to: a model and all of its data, none of them left out."""
    size = len(source)
    return Subject(
        model=model,
        network=as_network(model),
        source=source,
        explainers={name: explain(name, model) for name in explainers},
        positions=np.arange(size),
        passed_over=np.zeros(size, bool),
        there=size,
        store=store,
    )


def tiny_source(size: int = 5) -> Source:
    """Pictures [8, 8, 3] of noise without labels, the same each time."""
    pixels = np.random.default_rng(0).integers(30, 220, (size, 8, 8, 3)).astype(np.uint8)
    return Source(
        name="noise",
        class_names=None,
        image_shape=(8, 8, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda position: Sample(pixels[position], -1),
        digest=lambda: "0" * 64,
        size=size,
    )


def findings_of(probe: Probe, tasks: Sequence[Task]) -> Findings:
    """What tasks give, all in one."""
    found = [probe(task) for task in tasks]
    pictures: dict[str, np.ndarray] = {}
    for part in found:
        pictures.update(part.pictures)
    return Findings([row for part in found for row in part.rows], pictures)


def table_of(probe: Probe, tasks: Sequence[Task]) -> pd.DataFrame:
    """The records of tasks, in an order that does not depend on how they were cut."""
    table = make_records(findings_of(probe, tasks).rows, probe.keys)
    columns = [name for name in table.columns if name != "value"]
    return table.sort_values([*columns, "value"], ignore_index=True)


def asked(case: Case, probe: Probe, directory: Path, store: Store, size: int = 2) -> pd.DataFrame:
    """The records of a whole run of a probe in a directory."""
    found, _ = run(
        directory,
        [probe],
        case.source,
        case.positions,
        model=case.model,
        seed=0,
        settings={},
        settings_of={probe.name: {}},
        command=["tf_fragile.testing"],
        size=size,
        store=store,
        progress=False,
    )
    return found[probe.name]


def files_of(directory: Path) -> dict[str, bytes]:
    """What a run or a cache holds, by path; manifests, which tell the time, left out."""
    return {
        path.relative_to(directory).as_posix(): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }
