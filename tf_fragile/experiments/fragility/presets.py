"""What decides how much work a figure is, besides model, data and seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tf_fragile.errors import InputError
from tf_fragile.settings import LARGE, MOST, MOST_ROWS, SMALL, WHOLE, check, names_in, setting


@dataclass(frozen=True)
class Budget:
    """What one method is given.

    Attributes:
      num_images: correctly classified images to attack.
      steps: iterates of each attack.
      step_size: in grey levels.
      settings: of the method, by name; those it does not have are not for it.
    """

    num_images: int = setting(low=1, high=WHOLE)
    steps: int = setting(low=1, high=MOST)
    step_size: float = setting(low=SMALL, high=LARGE)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self, "--{}")


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
    methods: tuple[str, ...] = setting(
        ("gradient", "deeplift_rescale", "integrated_gradients"),
        distinct=True,
        help="Registered explainers, one column each.",
    )
    epsilon: tuple[float, ...] = setting(
        (1.0, 2.0, 4.0, 8.0), low=SMALL, high=255, help="Radii in grey levels."
    )
    k: int = setting(1000, low=1, high=WHOLE, help="Of the top-k attack and of the overlap.")
    beta: float = setting(1.0, low=1e-6, high=1e6, help="Sharpness of the softplus surrogate.")
    select: str | None = setting(
        None,
        choices=names_in("tf_fragile.attacks.selection:SELECTIONS"),
        named="selection rule",
        help="How attacks keep their worst iterate.",
    )
    random: Literal["one_shot", "walk"] = setting(
        "one_shot", named="random control", help="The random control."
    )
    shard_size: int = setting(4, low=1, high=MOST_ROWS, help="Images written together.")
    rows: int = setting(16, low=1, high=MOST_ROWS, help="Images times radii in memory at once.")

    def __post_init__(self) -> None:
        check(self, "--{}")
        if list(self.epsilon) != sorted(set(self.epsilon)):
            raise InputError("The radii must increase; give them as in 1,2,4,8.")

    @property
    def rows_at_once(self) -> int:
        """`rows`, or what a shard has if that is less: a chunk that is filled up costs in full."""
        return min(self.rows, self.shard_size * len(self.epsilon))

    def of(self, method: str) -> Budget:
        """The budget of `method`."""
        return self.own.get(method, self.budget)
