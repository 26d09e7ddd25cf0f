"""The fragility probe: attacks and their random control on a batch of images, as records.

Source: Ghorbani et al. 2019, the protocol of their aggregate figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.halving import evaluations, smallest_epsilon
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.search import Progress
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.source import Batch
from tf_fragile.explainers.explainer import Explainer

PROBE = "fragility"
MISCLASSIFIED = "misclassified"
DOUBLED = ", twice the steps"
SEARCHED = ", smallest radius"
SMALLEST = "smallest_epsilon"
DOUBT = "doubt"  # the metric of a clean map that is no explanation; its note says why


@dataclass(frozen=True, eq=False)
class FragilityProbe:
    """Which explainers are attacked how, and how far.

    Attributes:
      explainers: what to attack, all on one network; the key names each in the records.
      attacks: the attacks and controls by the name they get in the records; a random control's
        name starts with `random`. They run with fixed chunks, so that no record depends on how a
        run was cut, and without the derivative gate, which is for whoever makes the probe to run,
        once and not in every part.
      epsilon: radii in input units.
      limits: the valid range of the inputs.
      checkpoints: after how many steps the damage so far is recorded, by the rule that selects, as
        metrics `damage_after_<steps>`; attacks with fewer steps have none.
      doubled: samples that are attacked once more at the largest radius, with twice the steps; in
        the records the attack's name then ends in `DOUBLED`. What that adds says whether the
        budget has stopped paying.
      smallest: below which radius to search for the smallest that halves the top-k overlap, the
        largest of `epsilon` being the other end; in the records the attack's name then ends in
        `SEARCHED` and the metric is `SMALLEST`, infinite where no radius does it. `None` for no
        search.
      only_correct: whether images that the model gets wrong are left out, as in the paper.
      seed: of everything random; folded with each sample's index.
    """

    explainers: Mapping[str, Explainer]
    attacks: Mapping[str, Attack]
    epsilon: tuple[float, ...]
    limits: InputRange
    checkpoints: tuple[int, ...] = ()
    doubled: frozenset[int] = frozenset()
    smallest: float | None = None
    only_correct: bool = True
    seed: int = 0

    @property
    def searches(self) -> int:
        """Attacks that the search for the smallest radius takes on each image at most."""
        return 0 if self.smallest is None else evaluations(self.smallest, max(self.epsilon))

    def row_steps(self, samples: Sequence[int], *, extras: bool = True) -> int:
        """Steps of all attacks on images, with those of `doubled` and `smallest` or without."""
        once = sum(attack.row_steps for attack in self.attacks.values())
        if not extras:
            return len(self.explainers) * len(samples) * len(self.epsilon) * once
        more = sum(attack.row_steps for attack in self._longer.values())
        again = len(self.doubled.intersection(map(int, samples)))
        searched = sum(attack.row_steps for attack in self._searching.values()) * self.searches
        every = len(samples) * (len(self.epsilon) * once + searched)
        return len(self.explainers) * (every + again * more)

    @cached_property
    def _cut(self) -> Mapping[str, Attack]:
        """The attacks as they run on a part of the images."""
        return {
            name: replace(attack, fixed_chunks=True, gate="off")
            for name, attack in self.attacks.items()
        }

    @cached_property
    def _searching(self) -> Mapping[str, Attack]:
        """The attacks whose smallest radius is searched for, at one radius at a time."""
        return {
            name: replace(attack, rows=self._rows_at_one_radius(attack))
            for name, attack in self._cut.items()
            if attack.optimizer.steps > 1
        }

    def _rows_at_one_radius(self, attack: Attack) -> int:
        """Rows of a chunk that holds as many images as one at all radii."""
        return max(1, attack.rows // len(self.epsilon))

    @cached_property
    def _longer(self) -> Mapping[str, Attack]:
        """The attacks with twice the steps; one that takes a single step has no longer form."""
        if not self.doubled:
            return {}
        return {
            name: replace(attack.longer(2), rows=self._rows_at_one_radius(attack))
            for name, attack in self._cut.items()
            if attack.optimizer.steps > 1
        }

    def __call__(
        self, batch: Batch, progress: Progress | None = None, *, extras: bool = True
    ) -> Findings:
        """Attacks the images of `batch`.

        Args:
          batch: images in model units.
          progress: called with the number of row-steps done since the last call.
          extras: whether what `doubled` and `smallest` ask for is done, too; results have none
            of it.

        Returns:
          Records (rows for `runs.records.make_records`) and the attack results behind them.
        """
        network = next(iter(self.explainers.values())).network
        predicted = network.predict(tf.constant(batch.image)).numpy()
        wrong = (batch.label >= 0) & (batch.label != predicted) & self.only_correct
        left_out = _Images(batch, predicted, np.flatnonzero(wrong), self.seed)
        chosen = _Images(batch, predicted, np.flatnonzero(~wrong), self.seed)
        rows = left_out.rows("excluded", np.ones(wrong.sum()), note=MISCLASSIFIED)
        results: dict[tuple[str, str], AttackResult] = {}
        if chosen.places.size:
            for name, explainer in self.explainers.items():
                rows += _gaps(chosen, name, explainer)
                for attack_name, attack in self._cut.items():
                    result = self._run(attack, explainer, chosen, self.epsilon, progress)
                    results[name, attack_name] = result
                    if attack_name == next(iter(self._cut)):
                        rows += _doubts(chosen, name, result)
                    rows += self._rows(result, chosen, name, attack_name)
                if extras:
                    rows += self._doubled(chosen, name, explainer, progress)
                    rows += self._searched(chosen, name, explainer, progress)
        return Findings(rows, chosen.places, predicted, results)

    def _run(
        self,
        attack: Attack,
        explainer: Explainer,
        chosen: _Images,
        epsilon: tuple[float, ...],
        progress: Progress | None,
    ) -> AttackResult:
        return attack(
            explainer,
            chosen.images,
            epsilon=epsilon,
            bounds=self.limits,
            seed=chosen.seeds,
            progress=progress,
        )

    def _doubled(
        self, chosen: _Images, name: str, explainer: Explainer, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """Some images once more, at the largest radius, with twice the steps."""
        again = chosen.among(self.doubled)
        rows: list[dict[str, Any]] = []
        for attack_name, attack in self._longer.items() if again.places.size else ():
            result = self._run(attack, explainer, again, (max(self.epsilon),), progress)
            rows += self._rows(result, again, name, attack_name + DOUBLED)
        return rows

    def _searched(
        self, chosen: _Images, name: str, explainer: Explainer, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """The smallest radius that halves the overlap, where it is asked for."""
        if self.smallest is None:
            return []
        rows: list[dict[str, Any]] = []
        for attack_name, attack in self._searching.items():
            found = smallest_epsilon(
                attack,
                explainer,
                chosen.images,
                low=self.smallest,
                high=max(self.epsilon),
                bounds=self.limits,
                seed=chosen.seeds,
                progress=progress,
            )
            if progress is not None:
                spared = self.searches - found.evaluations
                progress(spared * attack.row_steps * chosen.places.size)
            told = {"explainer": name, "attack": attack_name + SEARCHED}
            rows += chosen.rows(SMALLEST, found.epsilon, **told)
        return rows

    def _rows(
        self, result: AttackResult, chosen: _Images, name: str, attack_name: str
    ) -> list[dict[str, Any]]:
        values = {
            "success": result.success.astype(np.float64),
            "stuck": result.stuck.astype(np.float64),
            "steps_to_best": result.steps_to_best,
            "gradient_evaluations": result.gradient_evaluations,
            "model_gradients": result.model_gradients,
            "scoring_evaluations": result.scoring_evaluations,
            "forward_equivalents": result.forward_equivalents,
            **result.metrics,
        }
        for steps in self.checkpoints:
            if steps <= result.history.shape[-1]:
                values[f"damage_after_{steps}"] = result.history[..., steps - 1]
        return [
            chosen.row(
                column,
                explainer=name,
                attack=attack_name,
                epsilon=result.radius(level, column),
                metric=metric,
                value=float(found[level, column]),
                note=_note(result, level, column),
            )
            for column in range(chosen.places.size)
            for level in range(len(result.epsilon))
            for metric, found in values.items()
        ]


@dataclass(frozen=True, eq=False)
class _Images:
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

    def among(self, samples: frozenset[int]) -> _Images:
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
            "probe": PROBE,
            **columns,
        }

    def rows(self, metric: str, values: np.ndarray, **columns: Any) -> list[dict[str, Any]]:
        """A record an image of one metric [n]."""
        return [
            self.row(column, metric=metric, value=float(value), **columns)
            for column, value in enumerate(values)
        ]


@dataclass(frozen=True, eq=False)
class Findings:
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


def sample_seed(seed: int, index: int) -> int:
    """A seed for sample `index`, the same in whatever batch it comes."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0] & 0x7FFFFFFF)


def _doubts(chosen: _Images, name: str, result: AttackResult) -> list[dict[str, Any]]:
    """What makes clean maps no explanation, a record a map of which there is something to say."""
    return [
        chosen.row(column, explainer=name, metric=DOUBT, value=1.0, note=clause)
        for column, clause in enumerate(result.doubts)
        if clause
    ]


def _note(result: AttackResult, level: int, image: int) -> str:
    if result.stuck[level, image]:
        return "attack never moved"
    return "" if result.success[level, image] else "attack failed"


def _gaps(chosen: _Images, name: str, explainer: Explainer) -> list[dict[str, Any]]:
    """Completeness gaps of the clean maps, for methods that have one."""
    gaps = explainer.gap(chosen.images, chosen.predicted[chosen.places])
    return [] if gaps is None else chosen.rows("gap", np.asarray(gaps), explainer=name)
