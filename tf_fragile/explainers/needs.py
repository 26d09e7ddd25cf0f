"""What an explainer takes from the data: the valid range of inputs, patterns of its layers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tf_fragile.backprop.network import Network
from tf_fragile.backprop.patterns import Patterns, estimate_patterns
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, method
from tf_fragile.explainers.entry import Entry, Need
from tf_fragile.runs.shards import bar_over

PATTERN_IMAGES = 256
"""From which patterns are estimated where nobody says how many."""
PATTERN_FORWARDS = 12.0
"""Forward passes that an image among them takes; measured on SqueezeNet."""
_CHUNK = 8


@dataclass(frozen=True, eq=False)
class FromData:
    """Where needs are met from.

    Attributes:
      source: the data.
      network: the score function.
      images: from how many of the data patterns are estimated at most.
      seed: of the choice of them.
      progress: whether to draw a bar.
      known: patterns, where they were estimated before.
    """

    source: Source
    network: Network
    images: int = PATTERN_IMAGES
    seed: int = 0
    progress: bool = False
    known: Patterns | None = None

    @cached_property
    def patterns(self) -> Patterns:
        """Estimated when first asked for."""
        if self.known is not None:
            return self.known
        return estimated(
            self.source, self.network, self.images, seed=self.seed, progress=self.progress
        )

    def of(self, need: Need) -> tuple[Any, ...]:
        """The values of the settings that `need` names."""
        if need.what == "patterns":
            return (self.patterns,)
        return self.source.range.low, self.source.range.high

    def sketched(self) -> FromData:
        """The same with patterns of no layer in place of the estimate: enough for a plan."""
        return replace(self, known=Patterns({}, "relu", 0))


def filled(entry: Entry, settings: Mapping[str, Any], data: FromData) -> dict[str, Any]:
    """`settings` and what they leave to the data, for an explainer and for one that it averages.

    Args:
      entry: of the explainer.
      settings: what was given; it stays.
      data: where the rest comes from.

    Raises:
      InputError: patterns can't be estimated for this model; or no explainer is called as `base`.
    """
    result = dict(settings)
    for need in entry.unmet(settings):
        values = dict(zip(need.settings, data.of(need), strict=True))
        result |= {name: value for name, value in values.items() if settings.get(name) is None}
    base = result.get("base")
    if isinstance(base, str) and EXPLAINERS[base].unmet({}):
        result["base"] = method(base, **filled(EXPLAINERS[base], {}, data))
    return result


def unmet(entry: Entry, settings: Mapping[str, Any]) -> tuple[Need, ...]:
    """What `filled` takes from the data, that of an averaged explainer included."""
    base = settings.get("base")
    inner = EXPLAINERS[base].unmet({}) if isinstance(base, str) else ()
    return (*entry.unmet(settings), *inner)


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
    size = network.fixed_batch or _CHUNK
    chosen = np.random.default_rng(seed).permutation(len(source))[-images:]
    if network.fixed_batch is not None:
        chosen = chosen[: len(chosen) // size * size]
        if not len(chosen):
            raise InputError(
                f"Patterns are estimated from whole batches, of which model "
                f"{network.model.name!r} takes {size} images each; give that many or more."
            )
    with bar_over(len(chosen), "image", progress, what="patterns") as bar:

        def batches() -> Iterator[Any]:
            for part in np.split(chosen, range(size, len(chosen), size)):
                yield source.load(part).image
                bar.update(len(part))

        return estimate_patterns(network, batches())


def taken(entry: Entry, settings: Mapping[str, Any], data: FromData) -> dict[str, Any]:
    """What `filled` takes from the data, as JSON values for a manifest and for people.

    Patterns are told by a digest; what an averaged explainer takes is under `base`.
    """
    given = filled(entry, settings, data)
    names = [name for need in entry.unmet(settings) for name in need.settings]
    found = {name: _plain(given[name]) for name in names if settings.get(name) is None}
    base = settings.get("base")
    inner = taken(EXPLAINERS[base], {}, data) if isinstance(base, str) else {}
    return {**found, "base": inner} if inner else found


def _plain(value: Any) -> Any:
    if isinstance(value, Patterns):
        return {"samples": value.samples, "estimator": value.estimator, "digest": _digest(value)}
    return np.asarray(value).tolist()


def _digest(patterns: Patterns) -> str:
    """Of the kernels in the order of the graph, whatever names Keras made up for the layers."""
    result = hashlib.sha256()
    for kernel in patterns.kernels.values():
        result.update(f"{kernel.shape} {kernel.dtype}".encode() + kernel.tobytes())
    return result.hexdigest()
