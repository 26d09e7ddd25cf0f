"""Timing several functions against each other in one run, in turns, so drift hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Timing:
    """Seconds of one function over the rounds of a run."""

    seconds: np.ndarray

    @property
    def median(self) -> float:
        """The median over rounds."""
        return float(np.median(self.seconds))

    def ratio(self, other: Timing) -> tuple[float, float, float]:
        """Median, smallest and largest ratio to `other`, round by round."""
        ratios = self.seconds / other.seconds
        return float(np.median(ratios)), float(ratios.min()), float(ratios.max())


def in_turns(functions: Mapping[str, Callable[[], tf.Tensor]], rounds: int) -> dict[str, Timing]:
    """Times every function once a round, after two rounds that do not count (tracing, caches)."""
    seconds: dict[str, list[float]] = {name: [] for name in functions}
    for turn in range(-2, rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            tf.nest.map_structure(lambda t: t.numpy(), function())
            if turn >= 0:
                seconds[name].append(time.perf_counter() - started)
    return {name: Timing(np.array(values)) for name, values in seconds.items()}
