"""How much work each figure is, by name: quick, cpu, or the paper's own protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tf_fragile.errors import InputError, unknown_name
from tf_fragile.experiments.fragility.presets import Budget, Preset
from tf_fragile.experiments.frame.presets import preset_of
from tf_fragile.registry import Registry
from tf_fragile.settings import names_in

Budgets = dict[str, Budget]

# The rules of the authors' code: max pools send all to the maximum of the image itself, and deep
# Taylor decomposition begins with the bounded rule.
_LIFT = {"max_pool": "gradient"}
_TAYLOR = {"first": "box"}
_FAST = "gauss_legendre"


def _ig(images: int, steps: int, step_size: float, points: int, rule: str = _FAST) -> Budgets:
    budget = Budget(images, steps, step_size, {"steps": points, "rule": rule})
    return {"integrated_gradients": budget}


def _lift(images: int, steps: int, step_size: float) -> Budgets:
    return {"deeplift_rescale": Budget(images, steps, step_size, _LIFT)}


def _taylor(images: int, steps: int, step_size: float) -> Budgets:
    return {"deep_taylor": Budget(images, steps, step_size, _TAYLOR)}


def _paper(images: int, **settings: Any) -> Preset:
    """300 steps of half a grey level; 100 points of the right rule for integrated gradients."""
    given = (images, 300, 0.5)
    own = _ig(*given, 100, "right") | _lift(*given) | _taylor(*given)
    return Preset(Budget(*given), own, rows=64, **settings)


_LARGEST = (8.0,)  # the radius of figures that show single images

_IMAGENET = {
    "quick": Preset(
        Budget(1, 6, 2.0),
        _ig(1, 3, 4.0, 2) | _lift(1, 4, 2.0) | _taylor(1, 6, 2.0),
        shard_size=1, rows=4,
    ),
    "cpu": Preset(
        Budget(12, 30, 1.0), _ig(8, 15, 1.0, 6) | _lift(8, 30, 1.0) | _taylor(8, 30, 1.0)
    ),
    "paper": _paper(512),
}  # fmt: skip

PRESETS: Registry[Mapping[str, Preset]] = Registry("kind of figure")
"""Kind of figure -> name -> preset. `imagenet` serves both curves and centre shifts."""

PRESETS.register("imagenet", _IMAGENET)
# The gradient beside it, with the budget of `imagenet`, so that both figures share its records.
PRESETS.register(
    "dtd",
    {
        name: replace(preset, methods=("gradient", "deep_taylor"))
        for name, preset in _IMAGENET.items()
    },
)
PRESETS.register(
    "cifar",
    {
        "quick": Preset(
            Budget(16, 10, 2.0), _ig(4, 8, 2.0, 5) | _lift(4, 8, 2.0),
            k=100, shard_size=8, rows=64,
        ),
        "cpu": Preset(
            Budget(48, 50, 1.0), _ig(16, 30, 1.0, 6) | _lift(16, 50, 1.0),
            k=100, shard_size=8, rows=32,
        ),
        "paper": _paper(512, k=100, shard_size=32),
    },
)  # fmt: skip
PRESETS.register(
    "examples",
    {
        "quick": Preset(
            Budget(1, 10, 2.0), _ig(1, 5, 4.0, 4) | _lift(1, 6, 2.0), epsilon=_LARGEST, shard_size=1
        ),
        "cpu": Preset(
            Budget(3, 100, 0.5), _ig(3, 40, 1.0, 10) | _lift(3, 60, 0.5),
            epsilon=_LARGEST, shard_size=3,
        ),
        "paper": _paper(3, epsilon=_LARGEST, shard_size=3),
    },
)  # fmt: skip
PRESETS.register(
    "targeted",
    {
        "quick": Preset(
            Budget(1, 20, 1.0), _ig(1, 6, 4.0, 4) | _lift(1, 8, 1.0), epsilon=_LARGEST, shard_size=1
        ),
        "cpu": Preset(
            Budget(1, 200, 0.5), _ig(1, 60, 1.0, 10) | _lift(1, 120, 0.5),
            epsilon=_LARGEST, shard_size=1,
        ),
        "paper": _paper(1, epsilon=_LARGEST, shard_size=1),
    },
)  # fmt: skip
# The paper's own numbers of images are not readable; its deep Taylor page has four of each attack.
PRESETS.register(
    "gallery",
    {
        "quick": Preset(
            Budget(1, 6, 2.0), _ig(1, 3, 4.0, 3) | _lift(1, 4, 2.0), epsilon=_LARGEST, shard_size=1
        ),
        "cpu": Preset(
            Budget(4, 60, 0.5), _ig(4, 20, 1.0, 6) | _lift(4, 40, 0.5),
            epsilon=_LARGEST, shard_size=2,
        ),
        "paper": _paper(4, epsilon=_LARGEST),
    },
)  # fmt: skip
PRESETS.register(
    "dtd_examples",
    {
        "quick": Preset(
            Budget(1, 6, 2.0), _taylor(1, 6, 2.0), ("deep_taylor",), _LARGEST, shard_size=1
        ),
        "cpu": Preset(Budget(4, 100, 0.5), _taylor(4, 100, 0.5), ("deep_taylor",), _LARGEST),
        "paper": _paper(4, methods=("deep_taylor",), epsilon=_LARGEST),
    },
)
PRESETS.register(
    "objectives",
    {
        "quick": Preset(
            Budget(1, 6, 2.0), _ig(1, 3, 4.0, 3) | _lift(1, 4, 2.0), epsilon=_LARGEST, shard_size=1
        ),
        "cpu": Preset(
            Budget(2, 60, 0.5), _ig(2, 20, 1.0, 6) | _lift(2, 40, 0.5),
            epsilon=_LARGEST, shard_size=1,
        ),
        "paper": _paper(2, epsilon=_LARGEST, shard_size=1),
    },
)  # fmt: skip


def preset(figure: str, name: str, **overrides: Any) -> Preset:
    """A preset with some of its fields replaced.

    Args:
      figure: a key of `PRESETS`.
      name: `"quick"`, `"cpu"` or `"paper"`.
      **overrides: fields of `Preset`; `num_images`, `steps`, `step_size`, each a value for all
        methods or a mapping from methods to values; `ig_steps` and `ig_rule`, for integrated
        gradients. `None` keeps the preset's.

    Raises:
      InputError: an unknown figure, preset or field, a method that the figure does not have, or
        a value out of range.
    """
    basis = preset_of(PRESETS[figure], name)
    given = {key: value for key, value in overrides.items() if value is not None}
    path = {key: given.pop(f"ig_{key}") for key in ("steps", "rule") if f"ig_{key}" in given}
    spent = {key: given.pop(key) for key in _BUDGET_FIELDS if key in given}
    unknown = sorted(given.keys() - _PRESET_FIELDS)
    if unknown:
        known = {*_PRESET_FIELDS, *_BUDGET_FIELDS, "ig_steps", "ig_rule"}
        raise unknown_name("setting of a preset", unknown[0], known)
    chosen = replace(basis, **given)
    if "methods" in given:
        _check_registered(chosen.methods)
    _check_path(path, chosen.methods)
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


def _check_registered(methods: tuple[str, ...]) -> None:
    known = names_in("tf_fragile.explainers.catalog:EXPLAINERS")()
    for method in methods:
        if method not in known:
            raise unknown_name("explainer", method, known)


def _check_path(path: Mapping[str, Any], methods: tuple[str, ...]) -> None:
    """Refuses points and rules of a path that can't be, or that no method of the figure has."""
    if path:
        # TensorFlow takes seconds to import.
        from tf_fragile.explainers.catalog import setting_of

        for key, value in path.items():
            setting_of("integrated_gradients", key).checked(value, f"--ig_{key}")
        if "integrated_gradients" not in methods:
            raise InputError(
                f"--ig_{next(iter(path))} is of integrated_gradients, which is not among "
                f"{', '.join(methods)}; leave it out, or name that method."
            )


def _value(given: Any, method: str, otherwise: Any) -> Any:
    return given.get(method, otherwise) if isinstance(given, Mapping) else given


def _check_methods(values: Any, methods: tuple[str, ...]) -> None:
    if isinstance(values, Mapping):
        for method in values:
            if method not in methods:
                raise unknown_name("method of this figure", method, methods)
