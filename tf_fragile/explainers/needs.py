"""What an explainer takes from the data: the valid range of inputs, patterns of its layers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from tf_fragile.backprop.network import Network
from tf_fragile.backprop.patterns import Patterns
from tf_fragile.data.source import Source
from tf_fragile.explainers.catalog import EXPLAINERS, method
from tf_fragile.explainers.entry import Entry, Need
from tf_fragile.explainers.estimated import PATTERN_FORWARDS, EstimatedPatterns, estimated
from tf_fragile.runs.artefacts import Artefact, Store

__all__ = [
    "PATTERN_FORWARDS", "PATTERN_IMAGES", "FromData", "artefacts_of", "filled", "taken", "unmet",
]  # fmt: skip

PATTERN_IMAGES = 256
"""From which patterns are estimated where nobody says how many."""


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
      store: where they are looked for, and kept; estimated for this object alone where `None`.
    """

    source: Source
    network: Network
    images: int = PATTERN_IMAGES
    seed: int = 0
    progress: bool = False
    known: Patterns | None = None
    store: Store | None = None

    @cached_property
    def patterns(self) -> Patterns:
        """Taken from the store, or estimated when first asked for; the same bits either way."""
        if self.known is not None:
            return self.known
        if self.store is None:
            return estimated(
                self.source, self.network, self.images, seed=self.seed, progress=self.progress
            )
        self.store.build([self.artefact], progress=self.progress)
        return self.artefact.read(self.store.path(self.artefact.key))

    @cached_property
    def artefact(self) -> EstimatedPatterns:
        """The patterns as a store keeps them."""
        return EstimatedPatterns(self.source, self.network, self.images, self.seed)

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


def artefacts_of(
    explainers: Iterable[tuple[Entry, Mapping[str, Any]]], data: FromData
) -> tuple[Artefact, ...]:
    """What `filled` will ask the store of `data` for, each once; for a plan, and to build it first.

    Args:
      explainers: the entry of each and the settings that it was given.
      data: where needs are met from.
    """
    needs = {need.what for entry, settings in explainers for need in unmet(entry, settings)}
    return (data.artefact,) if "patterns" in needs and data.known is None else ()


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
