"""Backward rules: pure functions `(node, inputs, output, relevance) -> relevance of each input`."""

from __future__ import annotations

from tf_fragile.backprop.rules.alpha_beta import AlphaBeta, zplus
from tf_fragile.backprop.rules.contrast import Contrast
from tf_fragile.backprop.rules.epsilon import Epsilon, Gamma
from tf_fragile.backprop.rules.input_layer import ZBox, flat, wsquare
from tf_fragile.backprop.rules.rectifier import (
    ProportionalRedistribution,
    RectGrad,
    cut_after_routing,
    deconvnet,
    guided_backprop,
    padding_trick,
)
from tf_fragile.backprop.rules.structural import (
    AlphaBetaSum,
    Proportional,
    column_gradient,
    gradient,
    pass_through,
    smooth_share,
    uniform,
)

__all__ = [
    "AlphaBeta",
    "AlphaBetaSum",
    "Contrast",
    "Epsilon",
    "Gamma",
    "Proportional",
    "ProportionalRedistribution",
    "RectGrad",
    "ZBox",
    "column_gradient",
    "cut_after_routing",
    "deconvnet",
    "flat",
    "gradient",
    "guided_backprop",
    "padding_trick",
    "pass_through",
    "smooth_share",
    "uniform",
    "wsquare",
    "zplus",
]
