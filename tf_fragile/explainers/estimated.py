"""Patterns of a network's layers, estimated from some of the data, and kept as an artefact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.backprop.patterns import (
    Patterns,
    estimate_patterns,
    load_patterns,
    pattern_nodes,
)
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError
from tf_fragile.models.device import device
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.runs.artefacts import key_of
from tf_fragile.runs.manifest import versions
from tf_fragile.runs.shards import bar_over
from tf_fragile.runs.tasks import Progress, Work

PATTERN_FORWARDS = 12.0
"""Forward passes that an image takes; measured on SqueezeNet."""
FILE = "patterns.npz"
_METHOD = 1  # to be raised when the same arguments give other patterns
_CHUNK = 8


def estimated(
    source: Source, network: Network, images: int, *, seed: int = 0, progress: bool = False
) -> Patterns:
    """Patterns of a network's layers from some of the data, the same for the same arguments.

    The images are those at the far end of the order in which images to attack are drawn.

    Args:
      source: the data.
      network: the score function.
      images: how many at most.
      seed: of the order.
      progress: whether to draw a bar.

    Raises:
      InputError: a model in which patterns can't be estimated, or less data than it takes at once.
    """
    total = len(_chosen(source, network, images, seed))
    with bar_over(total, "image", progress, what="patterns") as bar:
        return _estimated(source, network, images, seed, bar.update)


@dataclass(frozen=True, eq=False)
class EstimatedPatterns:
    """The patterns that `estimated` gives, as an `Artefact`.

    Attributes:
      source: the data.
      network: the score function.
      images: how many at most.
      seed: of their order.
    """

    source: Source
    network: Network
    images: int
    seed: int = 0

    @property
    def name(self) -> str:
        """What it is, and from how many images."""
        return f"patterns from {self._count} image{'' if self._count == 1 else 's'}"

    @cached_property
    def key(self) -> str:
        """By model, data, images, seed, estimator, versions and device."""
        made_of = {
            "model": fingerprint(self.network.model),
            "head": self.network.head.kind,
            "data": self.source.fingerprint(),
            "images": self._count,
            "seed": self.seed,
            "method": _METHOD,
            "versions": versions(),
            "device": device(),
        }
        return key_of("patterns", made_of)

    @property
    def work(self) -> Work:
        """Twelve forward passes an image; a tick each."""
        return Work(PATTERN_FORWARDS * self._count, self._count, builds=1)

    @property
    def size(self) -> int:
        """That of the kernels; 0 for a model that has no patterns."""
        graph = self.network.graph
        nodes = {} if graph is None else pattern_nodes(graph)
        kernels = [tf.convert_to_tensor(node.operation.kernels[0]) for node in nodes.values()]
        return sum(int(kernel.dtype.size * np.prod(kernel.shape)) for kernel in kernels)

    def build(self, directory: Path, progress: Progress | None = None) -> None:
        """Estimates them and writes `patterns.npz`; errors as `estimated`.

        They are numbered in the order of the graph: layers' names, where Keras made them up,
        depend on what else a process has made.
        """
        found = _estimated(self.source, self.network, self.images, self.seed, progress)
        numbered = {f"{i:05d}": kernel for i, kernel in enumerate(found.kernels.values())}
        Patterns(numbered, found.estimator, found.samples).save(directory / FILE)

    def read(self, directory: Path) -> Patterns:
        """What `build` wrote to a directory, by the names of this model's layers, bit for bit."""
        assert self.network.graph is not None  # or there were none to build
        stored = load_patterns(directory / FILE)
        names = pattern_nodes(self.network.graph)
        kernels = dict(zip(names, stored.kernels.values(), strict=True))
        return Patterns(kernels, stored.estimator, stored.samples)

    @property
    def _count(self) -> int:
        return len(_chosen(self.source, self.network, self.images, self.seed))


def _chosen(source: Source, network: Network, images: int, seed: int) -> np.ndarray:
    """Positions of the images; whole batches, where the model takes no others."""
    chosen = np.random.default_rng(seed).permutation(len(source))[-images:]
    size = network.fixed_batch
    return chosen if size is None else chosen[: len(chosen) // size * size]


def _estimated(
    source: Source, network: Network, images: int, seed: int, progress: Progress | None
) -> Patterns:
    chosen, size = _chosen(source, network, images, seed), network.fixed_batch or _CHUNK
    if not len(chosen):
        raise InputError(
            f"Patterns are estimated from whole batches, of which model "
            f"{network.model.name!r} takes {size} images each; give that many or more."
        )

    def batches() -> Iterator[Any]:
        for part in np.split(chosen, range(size, len(chosen), size)):
            yield source.load(part).image
            if progress is not None:
                progress(len(part))

    return estimate_patterns(network, batches())
