"""The fragility probe: attacks and their random control on a batch of images, as records.

Source: Ghorbani et al. 2019, the protocol of their aggregate figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.halving import evaluations, smallest_epsilon
from tf_fragile.attacks.optimizers.sign import RandomSign
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.search import Progress
from tf_fragile.attacks.selection import reported_k
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.source import Batch, Source
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.readouts import read_out
from tf_fragile.probes.contract import Artefact, Findings, Task, Work
from tf_fragile.probes.fragility.images import Attacked, Images
from tf_fragile.probes.fragility.names import (
    DOUBLED,
    KEYS,
    ODD_MAP,
    PLACES,
    SEARCHED,
    SMALLEST,
    TOP_K,
)
from tf_fragile.probes.fragility.pictures import deviation_arrays, sample_of, to_arrays
from tf_fragile.probes.fragility.work import padded, work
from tf_fragile.probes.left_out import MISCLASSIFIED
from tf_fragile.runs.records import CONTROL, DOUBT, EXCLUDED, MEASURED, Keys, make_records
from tf_fragile.runs.tasks import Arrays, cut


@dataclass(frozen=True, eq=False)
class FragilityProbe:
    """Which explainers are attacked how, and how far.

    Attributes:
      explainers: what to attack, all on one network; the key names each in the records.
      source: where the images come from.
      attacks: the attacks and controls by the name they get in the records; those that move at
        random are of role `control`. They run with fixed chunks, so that no record depends on how a
        run was cut, and without the derivative gate, which is for whoever makes the probe to run,
        once and not in every part.
      epsilon: radii in input units.
      limits: the valid range of the inputs.
      checkpoints: after how many steps the damage so far is recorded, by the rule that selects, as
        metrics `damage_after_<steps>`; attacks with fewer steps have none.
      doubled: samples that are attacked once more at the largest radius, with twice the steps; in
        the records the variant is then `DOUBLED`. What that adds says whether the budget has
        stopped paying.
      smallest: below which radius to search for the smallest that halves the top-k overlap, the
        largest of `epsilon` being the other end; in the records the variant is then `SEARCHED` and
        the metric is `SMALLEST`, infinite where no radius does it. `None` for no search.
      only_correct: whether images that the model gets wrong are left out, as in the paper.
      seed: of everything random; folded with each sample's index.
      shown: samples of which pictures are kept, where they are attacked.
      doubts: what makes all that is found doubtful, a clause by its kind; rows of the first task.
    """

    name: ClassVar[str] = "fragility"
    keys: ClassVar[Keys] = KEYS

    explainers: Mapping[str, Explainer]
    source: Source
    attacks: Mapping[str, Attack]
    epsilon: tuple[float, ...]
    limits: InputRange
    checkpoints: tuple[int, ...] = ()
    doubled: frozenset[int] = frozenset()
    smallest: float | None = None
    only_correct: bool = True
    seed: int = 0
    shown: frozenset[int] = frozenset()
    doubts: Mapping[str, str] = field(default_factory=dict)

    def artefacts(self) -> Sequence[Artefact]:
        """None: an attack needs nothing but its model."""
        return ()

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        """The images in consecutive parts of `size`."""
        return cut(positions, size)

    def work(self, tasks: Sequence[Task]) -> Work:
        """Forward passes, steps and builds of tasks; a line an explainer and attack."""
        counted = work(
            self.explainers,
            self.attacks,
            tasks,
            levels=len(self.epsilon),
            doubled=self.doubled,
            searches=self.searches,
        )
        return replace(counted, ticks=sum(self.row_steps(task.positions) for task in tasks))

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        """Attacks the images of a task.

        Args:
          task: which images.
          progress: called with the number of row-steps done since the last call.
        """
        batch = self.source.load(task.positions)
        found = self.attacked(batch, progress)
        rows = [*self._of_the_run(), *found.rows] if task.number == 0 else found.rows
        shown = self.shown.intersection(task.positions)
        return Findings(rows, to_arrays(batch, found, self.source.preprocessing, shown))

    def _of_the_run(self) -> list[dict[str, Any]]:
        """Rows of no sample."""
        attack = next(iter(self.attacks.values()))
        maps = map_shape(self.source, attack.readout)
        return [*_run_doubts(self.doubts), *_sizes(attack, maps)]

    def showing(self, samples: frozenset[int]) -> FragilityProbe:
        """The same, whose tasks keep pictures of samples besides."""
        return replace(self, shown=samples)

    def picture_work(self, count: int, size: int) -> Work:
        """Forward passes of attacking `count` images once more."""
        tasks, levels = cut(range(count), size), len(self.epsilon)
        once = [
            padded(tasks, levels, attack.rows) * attack.forwards(explainer)
            for explainer in self.explainers.values()
            for attack in self.attacks.values()
        ]
        return Work(forwards=sum(once))

    def pictures(
        self, samples: Sequence[int], records: pd.DataFrame, progress: Progress | None = None
    ) -> dict[int, Arrays]:
        """Attacks images once more, for their pictures.

        With fixed chunks and a seed a sample an attack comes out the same to the bit; where it does
        not, as on another device, `pictures.deviations` says by how much.
        """
        batch = self.source.load(samples)
        found = self.attacked(batch, progress, extras=False)
        arrays = to_arrays(batch, found, self.source.preprocessing, samples)
        arrays |= deviation_arrays(make_records(found.rows, KEYS), records)
        return {
            sample: {name: a for name, a in arrays.items() if sample_of(name) == sample}
            for sample in samples
        }

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

    def attacked(
        self, batch: Batch, progress: Progress | None = None, *, extras: bool = True
    ) -> Attacked:
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
        left_out = Images(batch, predicted, np.flatnonzero(wrong), self.seed)
        chosen = Images(batch, predicted, np.flatnonzero(~wrong), self.seed)
        rows = left_out.rows(EXCLUDED, np.ones(wrong.sum()), role=EXCLUDED, note=MISCLASSIFIED)
        results: dict[tuple[str, str], AttackResult] = {}
        if chosen.places.size:
            for name, explainer in self.explainers.items():
                rows += _gaps(chosen, name, explainer)
                for attack_name, attack in self._cut.items():
                    result = self._run(attack, explainer, chosen, self.epsilon, progress)
                    results[name, attack_name] = result
                    if attack_name == next(iter(self._cut)):
                        rows += _doubts(chosen, name, result)
                    rows += self._rows(result, chosen, name, attack_name, self._role(attack))
                if extras:
                    rows += self._doubled(chosen, name, explainer, progress)
                    rows += self._searched(chosen, name, explainer, progress)
        return Attacked(rows, chosen.places, predicted, results)

    def _run(
        self,
        attack: Attack,
        explainer: Explainer,
        chosen: Images,
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
        self, chosen: Images, name: str, explainer: Explainer, progress: Progress | None
    ) -> list[dict[str, Any]]:
        """Some images once more, at the largest radius, with twice the steps."""
        again = chosen.among(self.doubled)
        rows: list[dict[str, Any]] = []
        for attack_name, attack in self._longer.items() if again.places.size else ():
            result = self._run(attack, explainer, again, (max(self.epsilon),), progress)
            role = self._role(attack)
            rows += self._rows(result, again, name, attack_name, role, variant=DOUBLED)
        return rows

    def _searched(
        self, chosen: Images, name: str, explainer: Explainer, progress: Progress | None
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
            told = {"explainer": name, "attack": attack_name, "variant": SEARCHED}
            rows += chosen.rows(SMALLEST, found.epsilon, **told)
        return rows

    @staticmethod
    def _role(attack: Attack) -> str:
        return CONTROL if isinstance(attack.optimizer, RandomSign) else MEASURED

    def _rows(
        self,
        result: AttackResult,
        chosen: Images,
        name: str,
        attack_name: str,
        role: str,
        variant: str = "",
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
                role=role,
                variant=variant,
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


_NOBODY = {"sample": -1, "label": -1, "predicted": -1}


def _run_doubts(doubts: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is doubtful of all images, a record a kind; of no sample."""
    return [
        {**_NOBODY, "role": DOUBT, "metric": kind, "value": 1.0, "note": clause}
        for kind, clause in doubts.items()
        if clause
    ]


def map_shape(source: Source, readout: str) -> tf.TensorShape:
    """Of the maps [N, ...] that a readout gives of the samples."""
    one = read_out(tf.ones((1, *source.image_shape)), name=readout)
    return tf.TensorShape([None, *one.shape[1:]])


def _sizes(attack: Attack, maps: tf.TensorShape) -> list[dict[str, Any]]:
    """The k of the overlap and how many places a map has, of no sample: what chance would leave."""
    values = {
        TOP_K: reported_k(attack.k, attack.objective, maps),
        PLACES: maps[1:].num_elements(),
    }
    return [
        {**_NOBODY, "role": CONTROL, "metric": metric, "value": float(value)}
        for metric, value in values.items()
    ]


def _doubts(chosen: Images, name: str, result: AttackResult) -> list[dict[str, Any]]:
    """What makes clean maps no explanation, a record a map of which there is something to say."""
    return [
        chosen.row(column, explainer=name, role=DOUBT, metric=ODD_MAP, value=1.0, note=clause)
        for column, clause in enumerate(result.doubts)
        if clause
    ]


def _note(result: AttackResult, level: int, image: int) -> str:
    if result.stuck[level, image]:
        return "attack never moved"
    return "" if result.success[level, image] else "attack failed"


def _gaps(chosen: Images, name: str, explainer: Explainer) -> list[dict[str, Any]]:
    """Completeness gaps of the clean maps, for methods that have one."""
    gaps = explainer.gap(chosen.images, chosen.predicted[chosen.places])
    return [] if gaps is None else chosen.rows("gap", np.asarray(gaps), explainer=name)
