"""The peer's side of the conversation: a process that computes and times maps on request.

Requests come as lines of JSON on standard input, `{"map": method, "out": path}` or
`{"time": method}`; answers go as lines of JSON to what was standard output when the process
began. Whatever the libraries print goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Method = Callable[[], np.ndarray]
"""Computes maps [B, H, W, C], or logits [B, classes]."""


@dataclass(frozen=True)
class Job:
    """What a peer needs to know.

    Attributes:
      net: the network, see `nets`.
      weights: kernels and biases as Keras has them, by `name/kernel`, `name/bias`.
      x: inputs [B, H, W, C].
      reference: DeepLIFT's reference [H, W, C].
      target: the class explained, [B].
      steps: points of integrated gradients.
      threads: how many threads may be used.
      dtype: `"float32"` or `"float64"`.
    """

    net: list[dict[str, Any]]
    weights: dict[str, np.ndarray]
    x: np.ndarray
    reference: np.ndarray
    target: np.ndarray
    steps: int
    threads: int
    dtype: str


def write_job(folder: Path, job: Job) -> None:
    """Puts a job where a peer finds it."""
    arrays: dict[str, Any] = {f"weights/{n}": value for n, value in job.weights.items()}
    arrays |= {"x": job.x, "reference": job.reference, "target": job.target}
    np.savez(folder / "job.npz", **arrays)
    plain = {"net": job.net, "steps": job.steps, "threads": job.threads, "dtype": job.dtype}
    (folder / "job.json").write_text(json.dumps(plain))


def read_job(folder: Path) -> Job:
    """The job in `folder`, every array in the job's dtype."""
    plain = json.loads((folder / "job.json").read_text())
    with np.load(folder / "job.npz") as file:
        arrays = {name: file[name] for name in file}
    floats = {
        name: value.astype(plain["dtype"]) for name, value in arrays.items() if name != "target"
    }
    weights = {
        name.removeprefix("weights/"): value
        for name, value in floats.items()
        if name.startswith("weights/")
    }
    target = arrays["target"].astype("int64")
    return Job(
        weights=weights, x=floats["x"], reference=floats["reference"], target=target, **plain
    )


def serve(make: Callable[[Job], tuple[Mapping[str, Sequence[Method]], dict[str, str]]]) -> None:
    """Answers requests until standard input ends.

    Args:
      make: from the job, every method by name, in one or more variants that differ in speed only,
        and the versions of the libraries.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    methods, versions = make(read_job(Path(sys.argv[1])))
    fastest: dict[str, Method] = {}

    def answer(**what: Any) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    answer(methods=sorted(methods), versions=versions)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "map" in request:
                np.save(request["out"], methods[request["map"]][0]())
                answer(done=True)
                continue
            name = request["time"]
            if name not in fastest:
                for method in methods[name]:
                    method()
                several = len(methods[name]) > 1
                fastest[name] = min(methods[name], key=_effort) if several else methods[name][0]
            started = time.perf_counter()
            fastest[name]()
            answer(seconds=time.perf_counter() - started)
        except Exception as error:  # another library's failure is a result here
            answer(error=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")


def _effort(method: Method) -> float:
    """The processor time of a map, which other processes disturb less than how long it takes."""
    started = time.process_time()
    method()
    return time.process_time() - started
