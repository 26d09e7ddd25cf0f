"""How much work each figure is, by name: quick, cpu, or the paper's own protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tf_fragile.errors import InputError, unknown_name
from tf_fragile.registry import Registry


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
      beta: sharpness of the softplus surrogate; 1 for inputs of 0..255, as in the paper's code.
      select: the rule by which attacks keep their worst iterate; each objective's own where
        `None` (intersection for top-k, centre shift for mass-center).
      random: `"one_shot"` (the paper) or `"walk"` (its code).
      shard_size: images written together.
      rows: images times radii in memory at once.
    """

    budget: Budget
    own: Mapping[str, Budget] = field(default_factory=dict)
    methods: tuple[str, ...] = ("gradient", "integrated_gradients")
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

    def of(self, method: str) -> Budget:
        """The budget of `method`."""
        return self.own.get(method, self.budget)


def _ig(images: int, steps: int, step_size: float, points: int, rule: str) -> dict[str, Budget]:
    budget = Budget(images, steps, step_size, {"steps": points, "rule": rule})
    return {"integrated_gradients": budget}


def _paper(images: int, **settings: Any) -> Preset:
    """300 steps of half a grey level; 100 points of the right rule for integrated gradients."""
    return Preset(
        Budget(images, 300, 0.5), _ig(images, 300, 0.5, 100, "right"), rows=64, **settings
    )


FIGURES: Registry[Mapping[str, Preset]] = Registry("figure")
"""Figure -> preset name -> preset. `imagenet` serves both the curves and the centre shifts."""

FIGURES.register(
    "imagenet",
    {
        "quick": Preset(
            Budget(1, 6, 2.0), _ig(1, 3, 4.0, 2, "gauss_legendre"), shard_size=1, rows=4
        ),
        "cpu": Preset(Budget(12, 30, 1.0), _ig(4, 15, 1.0, 6, "gauss_legendre")),
        "paper": _paper(512),
    },
)
FIGURES.register(
    "cifar",
    {
        "quick": Preset(
            Budget(16, 10, 2.0), _ig(4, 8, 2.0, 5, "gauss_legendre"), k=100, shard_size=8, rows=64
        ),
        "cpu": Preset(
            Budget(48, 50, 1.0), _ig(16, 30, 1.0, 6, "gauss_legendre"),
            k=100, shard_size=8, rows=32,
        ),
        "paper": _paper(512, k=100, shard_size=32),
    },
)  # fmt: skip
FIGURES.register(
    "examples",
    {
        "quick": Preset(
            Budget(1, 10, 2.0), _ig(1, 5, 4.0, 4, "gauss_legendre"), epsilon=(8.0,), shard_size=1
        ),
        "cpu": Preset(
            Budget(3, 100, 0.5), _ig(3, 40, 1.0, 10, "gauss_legendre"), epsilon=(8.0,), shard_size=3
        ),
        "paper": _paper(3, epsilon=(8.0,), shard_size=3),
    },
)
FIGURES.register(
    "targeted",
    {
        "quick": Preset(
            Budget(1, 20, 1.0), _ig(1, 6, 4.0, 4, "gauss_legendre"), epsilon=(8.0,), shard_size=1
        ),
        "cpu": Preset(
            Budget(1, 200, 0.5), _ig(1, 60, 1.0, 10, "gauss_legendre"), epsilon=(8.0,), shard_size=1
        ),
        "paper": _paper(1, epsilon=(8.0,), shard_size=1),
    },
)

PRESET_NAMES = ("quick", "cpu", "paper")


def preset(figure: str, name: str, **overrides: Any) -> Preset:
    """A preset with some of its fields replaced.

    Args:
      figure: a key of `FIGURES`.
      name: `"quick"`, `"cpu"` or `"paper"`.
      **overrides: fields of `Preset`; `num_images`, `steps`, `step_size`, each a value for all
        methods or a mapping from methods to values; `ig_steps` and `ig_rule`, for integrated
        gradients. `None` keeps the preset's.

    Raises:
      InputError: an unknown figure, preset or field, a method that the figure does not have, or
        a value out of range.
    """
    presets = FIGURES[figure]
    if name not in presets:
        raise unknown_name("preset", name, presets)
    given = {key: value for key, value in overrides.items() if value is not None}
    path = {key: given.pop(f"ig_{key}") for key in ("steps", "rule") if f"ig_{key}" in given}
    spent = {key: given.pop(key) for key in _BUDGET_FIELDS if key in given}
    unknown = sorted(given.keys() - _PRESET_FIELDS)
    if unknown:
        known = {*_PRESET_FIELDS, *_BUDGET_FIELDS, "ig_steps", "ig_rule"}
        raise unknown_name("setting of a preset", unknown[0], known)
    chosen = replace(presets[name], **given)
    for values in spent.values():
        _check_methods(values, chosen.methods)
    own = {}
    for method in chosen.methods:
        budget = chosen.of(method)
        own[method] = replace(budget, **{key: _value(v, method, getattr(budget, key))
                                         for key, v in spent.items()})  # fmt: skip
        if method == "integrated_gradients":
            own[method] = replace(own[method], settings={**own[method].settings, **path})
    return replace(chosen, own=own)


_BUDGET_FIELDS = ("num_images", "steps", "step_size")
_PRESET_FIELDS = {"methods", "epsilon", "k", "beta", "select", "random", "shard_size", "rows"}


def _value(given: Any, method: str, otherwise: Any) -> Any:
    return given.get(method, otherwise) if isinstance(given, Mapping) else given


def _check_methods(values: Any, methods: tuple[str, ...]) -> None:
    if isinstance(values, Mapping):
        for method in values:
            if method not in methods:
                raise unknown_name("method of this figure", method, methods)
