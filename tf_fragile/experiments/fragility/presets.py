"""What decides how much work a figure is, besides model, data and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tf_fragile.errors import InputError, unknown_name

PRESET_NAMES = ("quick", "cpu", "paper")


@dataclass(frozen=True)
class Budget:
    """What one method is given.

    Attributes:
      num_images: correctly classified images to attack.
      steps: iterates of each attack.
      step_size: in grey levels.
      settings: of the method, by name; those it does not have are not for it.
    """

    num_images: int
    steps: int
    step_size: float
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.num_images < 1 or self.steps < 1 or not self.step_size > 0:
            raise InputError(
                f"The budget has {self.num_images} images, {self.steps} steps and a step size of "
                f"{self.step_size:g}; each must be above 0."
            )


@dataclass(frozen=True)
class Preset:
    """Everything that decides a figure, besides model, data and seed.

    Attributes:
      budget: of every method without one of its own.
      own: budgets of single methods.
      methods: registered explainers, one column each.
      epsilon: radii in grey levels.
      k: of the top-k attack and of the reported overlap.
      beta: sharpness of the softplus surrogate, of the methods that have one (see
        `methods.surrogate_of`); 1 for inputs of 0..255, as in the paper's code.
      select: the rule by which attacks keep their worst iterate; each objective's own where
        `None` (intersection for top-k, centre shift for mass-center).
      random: `"one_shot"` (the paper) or `"walk"` (its code).
      shard_size: images written together.
      rows: images times radii in memory at once.
    """

    budget: Budget
    own: Mapping[str, Budget] = field(default_factory=dict)
    methods: tuple[str, ...] = ("gradient", "deeplift_rescale", "integrated_gradients")
    epsilon: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0)
    k: int = 1000
    beta: float = 1.0
    select: str | None = None
    random: str = "one_shot"
    shard_size: int = 4
    rows: int = 16

    def __post_init__(self) -> None:
        if not self.epsilon or not all(0 < e < float("inf") for e in self.epsilon):
            raise InputError(
                f"The radii are {', '.join(map(str, self.epsilon)) or 'missing'}; give positive "
                "numbers of grey levels such as 1,2,4,8."
            )
        if list(self.epsilon) != sorted(set(self.epsilon)):
            raise InputError("The radii must increase; give them as in 1,2,4,8.")
        if len(set(self.methods)) != len(self.methods):
            raise InputError("A method is named twice; give each once.")
        if self.random not in ("one_shot", "walk"):
            raise unknown_name("random control", self.random, ("one_shot", "walk"))
        if self.shard_size < 1 or self.rows < 1:
            raise InputError("shard_size and rows must be at least 1.")

    @property
    def rows_at_once(self) -> int:
        """`rows`, or what a shard has if that is less: a chunk that is filled up costs in full."""
        return min(self.rows, self.shard_size * len(self.epsilon))

    def of(self, method: str) -> Budget:
        """The budget of `method`."""
        return self.own.get(method, self.budget)
