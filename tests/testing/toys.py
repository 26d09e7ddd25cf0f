"""A probe that keeps every promise, and the same with one fault each."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import keras
import numpy as np
import pandas as pd
import pyarrow as pa

from tf_fragile.data.source import Source
from tf_fragile.probes.contract import Artefact, Findings, Progress, Task, Work
from tf_fragile.report.blocks import Prose, Section
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.artefacts import Store, key_of
from tf_fragile.runs.tasks import Arrays, cut
from tf_fragile.testing import Case, tiny_model, tiny_source


@dataclass(frozen=True)
class Numbers:
    """A file of numbers that tasks read; `where` is for one that writes past its directory."""

    where: Path
    fault: str = ""
    name: ClassVar[str] = "toy numbers"
    key: ClassVar[str] = key_of("numbers", {})
    work: ClassVar[Work] = Work(10.0, 1, 0)
    size: ClassVar[int] = 160

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        numbers = np.arange(1.0, 5.0)
        if self.fault == "bytes differ":
            numbers = np.frombuffer(os.urandom(4), np.uint8).astype(float)
        np.save(directory / "numbers.npy", numbers)
        if self.fault == "unread bytes differ":
            (directory / "unread").write_bytes(os.urandom(8))
        if self.fault == "writes past its directory":
            with open(self.where / "side", "ab") as file:
                file.write(b"1")
        if progress is not None:
            progress(1)


@dataclass(frozen=True, eq=False)
class Toy:
    """How much the first logit moves when the first kernel is made smaller."""

    model: keras.Model
    source: Source
    store: Store
    fault: str = ""
    seen: list[int] = field(default_factory=list)
    name: ClassVar[str] = "toy"
    keys: ClassVar[Mapping[str, pa.DataType]] = {"factor": pa.float64()}

    def artefacts(self) -> Sequence[Artefact]:
        return (Numbers(self.store.directory, self.fault),)

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        if self.fault == "leaves samples out":
            return cut(list(positions)[: len(positions) // size * size], size)
        if self.fault == "numbers from one":
            return [Task(t.number + 1, t.positions) for t in cut(positions, size)]
        return cut(positions, size)

    def work(self, tasks: Sequence[Task]) -> Work:
        images = sum(len(task.positions) for task in tasks)
        return Work(
            0.0 if self.fault == "costs nothing" else 2.0 * images, 2 * len(tasks), 0, ("t",)
        )

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        if self.fault == "goes on":
            try:
                return self._done(task, progress)
            except BaseException:
                return Findings([])
        return self._done(task, progress)

    def _done(self, task: Task, progress: Progress | None) -> Findings:
        tell = progress or (lambda ticks: None)
        numbers = np.load(self.store.path(Numbers.key) / "numbers.npy")
        batch = self.source.load(task.positions)
        before = self._logits(batch.image)
        if self.fault != "tells no progress":
            tell(1)
        with self._smaller():
            after = self._logits(batch.image)
            if self.fault not in ("tells no progress", "tells too little"):
                tell(1)
        self.seen.append(len(task.positions))
        extra = {
            "gives something else each time": float(len(self.seen)),
            "depends on its cut": float(len(task.positions)),
            "depends on what ran before": float(sum(self.seen[:-1]) > 0),
        }.get(self.fault, 0.0)
        rows: list[dict[str, Any]] = []
        for sample, value in zip(batch.index, before - after, strict=True):
            row = {
                "sample": int(sample) + 100 * (self.fault == "rows of strangers"),
                "label": -1,
                "predicted": 0,
                "explainer": "logit",
                "factor": 0.7,
                "metric": "moved",
                "value": float(value * numbers[1]) + extra,
            }
            roles = ["control"] if self.fault == "measures nothing" else ["control", "measured"]
            rows += [row | {"role": role} for role in roles]
        if self.fault == "rows of no sample":
            rows.append(rows[-1] | {"sample": -1})
        return Findings(rows, {f"{task.number}|moved": (before - after).astype(np.float32)})

    def _logits(self, images: np.ndarray) -> np.ndarray:
        """One at a time, since a product of matrices rounds by its size."""
        return np.array([float(self.model(image[None])[0, 0]) for image in images])

    @contextmanager
    def _smaller(self) -> Iterator[None]:
        kernel, bias = self.model.trainable_variables[0], self.model.trainable_variables[-1]
        kept = kernel.numpy()
        if self.fault == "changes before it can restore":
            kernel.assign(kept * 0.7)
        restored: tuple[type[BaseException], ...] = {
            "never restores": (),
            "restores after errors only": (Exception,),
            "restores after signals only": (KeyboardInterrupt,),
        }.get(self.fault, (BaseException,))
        try:
            kernel.assign(kept * 0.7)
            yield
        except restored:
            kernel.assign(kept)
            raise
        kernel.assign(kernel / 0.7 if self.fault == "restores roughly" else kept)
        if self.fault == "changes another weight":
            bias.assign([0, 1, 2])


@dataclass(frozen=True)
class ToyView:
    """What is said of the toy's records; with a fault it remembers what it was asked before."""

    fault: str = ""
    asked: list[str] = field(default_factory=list)
    name: ClassVar[str] = "toy"

    def summary(self, records: pd.DataFrame) -> pd.DataFrame:
        measured = records[records["role"] == "measured"]
        table = measured.groupby("explainer", as_index=False)["value"].mean()
        return table.assign(value=table["value"] + self._more("summary"))

    def verdicts(self, records: pd.DataFrame, summary: pd.DataFrame) -> Sequence[Verdict]:
        value = float(summary["value"].iloc[0]) + self._more("verdicts")
        none = float("nan")
        return [Verdict("toy", "logit", "moved", "MOVED", "bad", value, none, none, 5, 0.0)]

    def sections(
        self, records: pd.DataFrame, summary: pd.DataFrame, pictures: Arrays
    ) -> Sequence[Section]:
        mean = np.concatenate([pictures[name] for name in sorted(pictures)]).mean()
        return [Section("Moved", [Prose((f"by {mean:.6f} {self._more('sections')}",))])]

    def sentence(self, verdict: Verdict) -> str:
        return f"moved by {verdict.value:g} {self._more('sentences')}"

    def _more(self, what: str) -> float:
        if self.fault != what:
            return 0.0
        self.asked.append(what)
        return float(len(self.asked))


def toy(fault: str = "", view: str = "") -> Case:
    """A case of the toy with a fault of its own and one of its view's, none where empty."""
    return Case(partial(Toy, fault=fault), tiny_model(), tiny_source(), ToyView(view))


def sound() -> Case:
    return toy()


def past_its_directory() -> Case:
    return toy("writes past its directory")


def at_home_only() -> Case:
    if multiprocessing.parent_process() is not None:
        sys.exit("this case is none of yours")
    return toy()
