"""Some images of a batch, as an attack takes them and as records name them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tf_fragile.attacks.result import AttackResult
from tf_fragile.data.source import Batch
from tf_fragile.probes.seeds import sample_seed


@dataclass(frozen=True, eq=False)
class Images:
    """Some images of a batch, with what an attack needs of them and what a record says of them.

    Attributes:
      batch: the batch.
      predicted: the model's label [B] of every clean image of it.
      places: positions in the batch [n].
      seed: of the probe.
    """

    batch: Batch
    predicted: np.ndarray
    places: np.ndarray
    seed: int

    @property
    def images(self) -> np.ndarray:
        """In model units, [n, ...]."""
        images: np.ndarray = self.batch.image[self.places]
        return images

    @property
    def seeds(self) -> list[int]:
        """One a sample, whatever the batch."""
        return [sample_seed(self.seed, int(i)) for i in self.batch.index[self.places]]

    def among(self, samples: frozenset[int]) -> Images:
        """Those of them that are in `samples`."""
        kept = np.isin(self.batch.index[self.places], list(samples))
        return replace(self, places=self.places[kept])

    def row(self, column: int, **columns: Any) -> dict[str, Any]:
        """A record of the image at `places[column]`."""
        place = self.places[column]
        return {
            "sample": int(self.batch.index[place]),
            "label": int(self.batch.label[place]),
            "predicted": int(self.predicted[place]),
            **columns,
        }

    def rows(self, metric: str, values: np.ndarray, **columns: Any) -> list[dict[str, Any]]:
        """A record an image of one metric [n]."""
        return [
            self.row(column, metric=metric, value=float(value), **columns)
            for column, value in enumerate(values)
        ]


@dataclass(frozen=True, eq=False)
class Attacked:
    """What the probe found on one batch.

    Attributes:
      rows: records.
      kept: positions in the batch [n] of the images attacked.
      predicted: the model's label [B] of every clean image.
      results: by explainer and attack, over the kept images.
    """

    rows: Sequence[Mapping[str, Any]]
    kept: np.ndarray
    predicted: np.ndarray
    results: Mapping[tuple[str, str], AttackResult]
