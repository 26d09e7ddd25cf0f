"""Attribution methods. Calling this module, `tff.explainers()`, lists their names."""

from __future__ import annotations

import sys
from types import ModuleType

from tf_fragile.explainers.catalog import EXPLAINERS, explain, method, names
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.deeplift import DeepLIFT
from tf_fragile.explainers.entry import Entry, Need, Points, Price
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.grad_cam import GradCAM, GuidedGradCAM
from tf_fragile.explainers.gradient import Gradient, GradientXInput
from tf_fragile.explainers.integrated_gradients import IntegratedGradients
from tf_fragile.explainers.pattern import PatternBackprop
from tf_fragile.explainers.smoothgrad import SmoothGrad

__all__ = [
    "EXPLAINERS",
    "DeepLIFT",
    "Entry",
    "Explainer",
    "GradCAM",
    "Gradient",
    "GradientXInput",
    "GuidedGradCAM",
    "IntegratedGradients",
    "Method",
    "Need",
    "PatternBackprop",
    "Points",
    "Price",
    "SmoothGrad",
    "explain",
    "method",
    "names",
]


class _Callable(ModuleType):
    """A module that answers a call, so that the room and the list share their natural name."""

    def __call__(self) -> tuple[str, ...]:
        return names()


sys.modules[__name__].__class__ = _Callable
