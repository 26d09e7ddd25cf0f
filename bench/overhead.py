"""What a run costs beside its probes, and how much memory records take: `docs/results/probes.md`.

    python bench/overhead.py

Seconds outside of the probes' tasks as a share of a run: counting the work, digests of model and
data, the manifest, cutting, records made, written and read again. The peak memory of a process that
reads the records of 100 and of 10,000 images and groups them as summary and verdicts do, each in a
process of its own; records are those of one attacked image, repeated with other numbers. And what
one interval of so many overlaps takes, which memory has no part in.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import pandas as pd
from absl import flags

from tf_fragile import cli
from tf_fragile.data.source import Source
from tf_fragile.probes.contract import Findings, Probe, Progress, Task, Work
from tf_fragile.runs.artefacts import Artefact
from tf_fragile.runs.identity import Origin
from tf_fragile.runs.records import Keys, make_records, part_directory, part_path, write_records

T = TypeVar("T")
IMAGES = flags.DEFINE_integer("images", 24, "Images of the runs that are timed.", lower_bound=2)
STEPS = flags.DEFINE_integer("steps", 10, "Steps of their attack.", lower_bound=1)
SIZES = flags.DEFINE_list("sizes", ["100", "10000"], "Images whose records are summarised.")
ROWS_A_PART = 20_000
K = 40
RESAMPLES = 200  # drawn in blocks of one size: more of them take time and no memory


class Timed:
    """A probe that counts the seconds of its tasks."""

    def __init__(self, probe: Probe) -> None:
        self.name, self.keys = probe.name, probe.keys
        self.seconds = 0.0
        self._probe = probe

    name: str
    keys: Keys

    def artefacts(self) -> Sequence[Artefact]:
        """Those of the probe."""
        return self._probe.artefacts()

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        """Those of the probe."""
        return self._probe.tasks(positions, size)

    def work(self, tasks: Sequence[Task]) -> Work:
        """That of the probe."""
        return self._probe.work(tasks)

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        """Does the task and counts its seconds."""
        started = time.perf_counter()
        found = self._probe(task, progress)
        self.seconds += time.perf_counter() - started
        return found


@dataclass(frozen=True)
class Share:
    """Seconds of a run, and of those the ones outside of its tasks."""

    whole: float
    outside: float


def fragility(
    steps: int, levels: tuple[float, ...] = (1.0, 4.0), names: Sequence[str] = ("gradient",)
) -> tuple[Probe, Any, Source]:
    """The fragility probe on the embedded network, under the names of several explainers.

    Its network and explainer are the cheapest that there are: what costs more has a smaller share.
    """
    import tf_fragile as tff
    from tf_fragile.data.preprocessing import PREPROCESSINGS
    from tf_fragile.data.sources import open_source
    from tf_fragile.models import zoo
    from tf_fragile.probes.fragility.probe import FragilityProbe

    model, entry = zoo.load("embedded"), zoo.entry("embedded")
    assert entry.input_shape is not None and entry.preprocessing is not None
    source = open_source(
        "embedded/val",
        preprocessing=PREPROCESSINGS[entry.preprocessing],
        image_shape=entry.input_shape,
    )
    probe = FragilityProbe(
        explainers={name: tff.explain("gradient", model) for name in names},
        source=source,
        attacks={
            "random_sign": tff.attack("top_k", k=K, optimizer="random_sign"),
            "top_k": tff.attack("top_k", k=K, optimizer="annealed_momentum", steps=steps),
        },
        epsilon=levels,
        limits=source.range,
    )
    return probe, model, source


def share_of(images: int, steps: int, out: Path) -> Share:
    """Times a run, its tracing and compiling left out: what is traced is kept by the process."""
    from tf_fragile.probes.running import run

    probe, model, source = fragility(steps)
    probe(probe.tasks(range(2), 2)[0])  # traces and compiles
    timed, started = Timed(probe), time.perf_counter()
    tasks = timed.tasks(range(images), 8)
    timed.work(tasks)
    run(
        out,
        [cast(Probe, timed)],
        source,
        range(images),
        model=model,
        seed=0,
        settings={},
        settings_of={timed.name: {}},
        command=["overhead"],
        size=8,
        progress=False,
    )
    whole = time.perf_counter() - started
    return Share(whole, whole - timed.seconds)


def write_many(images: int, directory: Path) -> int:
    """Writes records of many images, made of those of two; returns how many rows."""
    probe, _, _ = fragility(1, (1.0, 2.0, 4.0), ("gradient", "another"))
    few = make_records(probe(probe.tasks(range(2), 2)[0]).rows, probe.keys)
    one = few[few["sample"] == few["sample"].max()]
    part_directory(directory, probe.name).mkdir(parents=True)
    rng, step = np.random.default_rng(0), max(1, ROWS_A_PART // len(one))
    for number, begin in enumerate(range(0, images, step)):
        samples = np.arange(begin, min(begin + step, images))
        table = pd.concat([one] * len(samples), ignore_index=True)
        table["sample"] = samples.repeat(len(one))
        table["value"] = table["value"].to_numpy() * rng.uniform(0.2, 1, len(table))
        table.loc[table["metric"] == "success", "value"] = 1.0
        table.loc[table["metric"] == "stuck", "value"] = 0.0
        path = part_path(directory, probe.name, number)
        write_records(path, table, Origin("overhead", tuple(samples.tolist())), probe.keys)
    return images * len(one)


def peak(directory: str, part: str) -> float:
    """Peak resident memory in MB of a process that does a part of what is done with records.

    Args:
      directory: of a run.
      part: `"nothing"` but imports, `"read"`, or `"group"`: all of a summary but its intervals, and
        the paired comparisons of verdicts.
    """
    from tf_fragile.metrics.catalog import summarised
    from tf_fragile.probes.fragility.summary import compare, kept_values, without_extras
    from tf_fragile.runs.records import read_records

    if part != "nothing":
        records = read_records(directory, "fragility")
        if part == "group":
            proper = without_extras(records)
            kept_values(proper, summarised())
            compare(proper, resamples=RESAMPLES)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def seconds_of_an_interval(images: int) -> float:
    """Of the mean overlap of so many images."""
    from tf_fragile.metrics.statistics import bootstrap_mean

    values = np.random.default_rng(0).beta(2, 5, images)
    started = time.perf_counter()
    bootstrap_mean(values, within=(0.0, 1.0))
    return time.perf_counter() - started


def apart(function: Callable[..., T], *arguments: Any) -> T:
    """What a function gives in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def main(argv: list[str]) -> int:
    """Prints both."""
    del argv
    with tempfile.TemporaryDirectory() as place:
        share = share_of(IMAGES.value, STEPS.value, Path(place) / "run")
        print(
            f"a run of {IMAGES.value} images, {STEPS.value} steps: {share.whole:.2f} s, of which "
            f"{share.outside:.2f} s outside of tasks, {share.outside / share.whole:.1%}"
        )
        idle = apart(peak, place, "nothing")
        print(f"peak memory of a process that only imports: {idle:.0f} MB")
        for images in map(int, SIZES.value):
            where = Path(place) / str(images)
            rows = apart(write_many, images, where)
            read, whole = (apart(peak, str(where), part) for part in ("read", "group"))
            print(f"{images:,} images, {rows:,} rows: {read:.0f} MB read, {whole:.0f} MB in all")
        for images in (100, 400, 1600):
            print(f"an interval of {images:,} overlaps: {seconds_of_an_interval(images):.2f} s")
    return 0


if __name__ == "__main__":
    cli.run(main)
