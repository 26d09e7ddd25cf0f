"""How far can the explanations of a Keras model be trusted?

    import tf_fragile as tff

    explainer = tff.explain("integrated_gradients", model, steps=64)
    attribution = explainer(x)                      # [B, ...] like x
    attack = tff.attack("top_k", k=1000, steps=100)
    result = attack(explainer, x, epsilon=[1, 2, 4, 8], bounds=(0, 255))

Names are imported when first used, so a command line answers `--help` without TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tf_fragile._version import __version__
from tf_fragile.errors import InputError, UnsupportedLayerError

if TYPE_CHECKING:
    from tf_fragile import attacks, backprop, data, derivatives, explainers, metrics, models
    from tf_fragile.attacks.factory import attack
    from tf_fragile.attacks.halving import smallest_epsilon
    from tf_fragile.audit.python import audit
    from tf_fragile.explainers.catalog import explain

_ROOMS = ("attacks", "audit", "backprop", "data", "derivatives", "explainers", "metrics", "models")
_NAMES = {
    "attack": "tf_fragile.attacks.factory",
    "explain": "tf_fragile.explainers.catalog",
    "smallest_epsilon": "tf_fragile.attacks.halving",
}

__all__ = [
    "InputError",
    "UnsupportedLayerError",
    "__version__",
    "attack",
    "attacks",
    "audit",
    "backprop",
    "data",
    "derivatives",
    "explain",
    "explainers",
    "metrics",
    "models",
    "smallest_epsilon",
]


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"tf_fragile.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'tf_fragile' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
