"""The curvature probe: the most fragile direction of the gradient map, as records.

Source: Ghorbani et al. 2019, the section on the Hessian and its figure of angles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Batch, Source
from tf_fragile.explainers import noise
from tf_fragile.probes.contract import Artefact, Findings, Progress, Task, Work
from tf_fragile.probes.curvature.hessian import Leading, angle, leading_eigenpair
from tf_fragile.probes.curvature.settings import PowerIteration
from tf_fragile.probes.left_out import split
from tf_fragile.probes.seeds import sample_seed
from tf_fragile.runs.records import CONTROL, DOUBT, MEASURED, Keys
from tf_fragile.runs.tasks import cut
from tf_fragile.surrogates import Softplus, Surrogate

EXPLAINER = "gradient"
NO_CURVATURE = "no curvature"
RANDOM_ANGLE = "random_angle"
DERIVATIVES = "derivatives"
_OF_THE_RUN = {
    "sample": -1,
    "label": -1,
    "predicted": -1,
    "role": DOUBT,
    "metric": DERIVATIVES,
    "value": 1.0,
}

# What each stream of random numbers of a sample is for.
_FORWARDS = 6.0  # of an iteration: a gradient and its derivative in one direction
_START, _FIRST, _SECOND = 0, 1, 2


@dataclass(frozen=True, eq=False)
class CurvatureProbe:
    """How the curvature of the predicted class's logit is looked at.

    Attributes:
      network: the true network, whose label decides which logit.
      source: where the images come from.
      surrogate: what stands in for it; a ReLU network has no curvature of its own.
      settings: when the power iteration ends.
      seed: of its start and of the random control; folded with each sample's index.
      only_correct: whether images that the model gets wrong are left out.
      doubt: why second derivatives of the model can't be believed, a clause; a row of the first
        task.
    """

    name: ClassVar[str] = "curvature"
    keys: ClassVar[Keys] = {}

    network: Network
    source: Source
    surrogate: Surrogate = field(default_factory=Softplus)
    settings: PowerIteration = field(default_factory=PowerIteration)
    seed: int = 0
    only_correct: bool = False
    doubt: str = ""

    def artefacts(self) -> Sequence[Artefact]:
        """None."""
        return ()

    def tasks(self, positions: Sequence[int], size: int) -> Sequence[Task]:
        """The images in consecutive parts of `size`."""
        return cut(positions, size)

    def work(self, tasks: Sequence[Task]) -> Work:
        """Forward passes of all iterations, if none ends early."""
        images = sum(len(task.positions) for task in tasks)
        steps = self.settings.max_iterations
        line = f"{EXPLAINER}: {images} images x at most {steps} power iterations"
        return Work(_FORWARDS * images * steps, len(tasks), 1, (line,))

    def __call__(self, task: Task, progress: Progress | None = None) -> Findings:
        """Looks at the images of a task; one tick."""
        rows = self.looked_at(self.source.load(task.positions))
        if self.doubt and task.number == 0:
            rows = [{**_OF_THE_RUN, "note": self.doubt}, *rows]
        if progress is not None:
            progress(1)
        return Findings(rows)

    def looked_at(self, batch: Batch) -> list[dict[str, Any]]:
        """Looks at every image of `batch`.

        Args:
          batch: images in model units.

        Returns:
          Rows for `runs.records.make_records`, for each image one of

          * `angle`: between most fragile direction and gradient, degrees in [0, 90];
          * `angle_unfolded`: the same in [0, 180], by the direction's arbitrary sign;
          * `random_angle`: between two random vectors, of role control, in [0, 90];
          * `eigenvalue`: largest in absolute value, of the Hessian, in logit per input unit²;
          * `local_curvature`: |eigenvalue| / ‖gradient‖, the relative change of the gradient
            per unit of L2 distance in the worst direction, per input unit;
          * `residual`, `iterations`, `converged`: of the power iteration;
          * `surrogate_agrees`: whether the surrogate network has the same label.

          Where the Hessian or the gradient is zero, angles are NaN and the note says so.
        """
        images = tf.constant(batch.image)
        predicted = self.network.predict(images)
        kept, left_out = split(batch, predicted, self.only_correct)
        seeds = noise.sample_seeds([sample_seed(self.seed, int(i)) for i in batch.index], None)
        leading = Leading(*(np.asarray(t) for t in self._compiled(images, predicted, seeds)))
        agrees = np.asarray(tf.argmax(self._smooth.logits(images), -1, tf.int32) == predicted)
        controls = [np.asarray(noise.normal(seeds, d, images)) for d in (_FIRST, _SECOND)]
        metrics = measure(leading) | {
            RANDOM_ANGLE: angle(*controls),
            "surrogate_agrees": agrees.astype(np.float64),
        }
        return left_out + [
            {
                "sample": int(batch.index[i]),
                "label": int(batch.label[i]),
                "predicted": int(predicted[i]),
                "explainer": EXPLAINER,
                "role": CONTROL if name == RANDOM_ANGLE else MEASURED,
                "metric": name,
                "value": float(values[i]),
                "note": NO_CURVATURE if np.isnan(metrics["angle"][i]) else "",
            }
            for i in kept
            for name, values in metrics.items()
        ]

    @cached_property
    def _smooth(self) -> Network:
        return self.surrogate.apply(self.network)

    @cached_property
    def _compiled(self) -> Any:
        """The whole power iteration as one `tf.function` with a free batch axis."""

        def iterate(x: tf.Tensor, target: tf.Tensor, seeds: tf.Tensor) -> Leading:
            start = noise.normal(seeds, _START, x)
            score = lambda x: self._smooth.score(x, target)  # noqa: E731
            return leading_eigenpair(score, x, start, self.settings)

        return tf.function(iterate, autograph=False, reduce_retracing=True)


def measure(leading: Leading) -> dict[str, np.ndarray]:
    """Angles, curvature and the state of the iteration [B] of eigenpairs given as arrays."""
    eigenvalue = np.asarray(leading.eigenvalue, np.float64)
    rows = len(eigenvalue)
    lengths = np.linalg.norm(np.asarray(leading.gradient, np.float64).reshape(rows, -1), axis=1)
    flat = (eigenvalue == 0) | (lengths == 0)

    def unless_flat(values: np.ndarray) -> np.ndarray:
        return np.where(flat, np.nan, values)

    folded = angle(leading.gradient, leading.direction)
    unfolded = angle(leading.gradient, leading.direction, folded=False)
    curvature = np.divide(np.abs(eigenvalue), lengths, out=np.full(rows, np.nan), where=lengths > 0)
    return {
        "angle": unless_flat(folded),
        "angle_unfolded": unless_flat(unfolded),
        "eigenvalue": eigenvalue,
        "local_curvature": curvature,
        "residual": np.asarray(leading.residual, np.float64),
        "iterations": np.asarray(leading.iterations, np.float64),
        "converged": np.asarray(leading.converged, np.float64),
    }
