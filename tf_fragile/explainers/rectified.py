"""Methods that change the gradient at ReLUs only: guided backprop, deconvnet, RectGrad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.composites import Composite, Condition, activation, of_kind
from tf_fragile.backprop.explained import Explained, Head
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import is_max_pool
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.prepared import graph_of, linear_rewritten
from tf_fragile.backprop.propagation import propagate
from tf_fragile.backprop.rewrites import TargetColumn
from tf_fragile.backprop.rules import (
    ProportionalRedistribution,
    column_gradient,
    cut_after_routing,
    deconvnet,
    gradient,
    guided_backprop,
    padding_trick,
)
from tf_fragile.backprop.rules import (
    RectGrad as RectGradRule,
)
from tf_fragile.backprop.walk import Rule
from tf_fragile.backprop.weighted import is_linear
from tf_fragile.settings import check, setting

RECTIFIERS = ("relu", "relu6", "clipped_relu", "softplus", "smooth_relu")
_PLAIN = of_kind(
    *("weighted", "linear", "routing", "average", "sum", "product", "rescale", "batch_norm")
)


def rectifier_composite(method: str, rule: Rule, *more: tuple[Condition, Rule]) -> Composite:
    """`rule` at every ReLU, the plain gradient elsewhere, `more` tried first."""
    plain = ((_is_column, column_gradient), (_PLAIN, gradient))
    choices = (*more, (activation(*RECTIFIERS), rule), *plain)
    return Composite(method, choices)


@dataclass(frozen=True)
class GuidedBackprop:
    """The gradient with negative relevance cut at every ReLU.

    Source: Springenberg et al. 2014; Sixt et al. 2020 ran it with `head="logit"`.

    Attributes:
      head: what starts the backward pass: the `"logit"` or `"one"`. With a negative logit the
        first cut keeps the paths of the other sign.
    """

    head: Head = "logit"

    def __post_init__(self) -> None:
        check(self)

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        explained = linear_rewritten(network, "guided_backprop", target, hoist=True)
        hoisted = _hoisted(graph_of(network, "guided_backprop"), explained.graph)
        pooled = {node.output for node in explained.graph.nodes if hoisted(node)}
        is_rectifier = activation(*RECTIFIERS)
        rules = rectifier_composite(
            "guided_backprop",
            guided_backprop,
            (hoisted, cut_after_routing),
            (lambda node: is_rectifier(node) and not pooled.isdisjoint(node.inputs), gradient),
        )
        return propagate(network, explained, x, rules, self.head, linear=True)


@dataclass(frozen=True)
class Deconvnet:
    """The gradient with ReLUs applied to the relevance instead of their derivative.

    Source: Zeiler & Fergus 2013; Sixt et al. 2020 ran it with `head="logit"`.

    Attributes:
      head: what starts the backward pass, `"logit"` or `"one"`.
    """

    head: Head = "logit"

    def __post_init__(self) -> None:
        check(self)

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        rules = rectifier_composite("deconvnet", deconvnet)
        explained = linear_rewritten(network, "deconvnet", target)
        return propagate(network, explained, x, rules, self.head, linear=True)


@dataclass(frozen=True)
class RectGrad:
    """The gradient through those units of each ReLU layer where activation times relevance peaks.

    Source: Kim et al. 2019; Sixt et al. 2020 ran q = 98 without the three options.

    Attributes:
      q: percentile, 0 to 100, below which a unit's relevance is dropped.
      input_product: whether the map is multiplied by the input.
      padding_trick: whether relevance at the border of padded convolutions is dropped.
      redistribution: how max pools pass relevance: `False` by the gradient, `True` in proportion
        to the activations in the window (PRR).
      head: what starts the backward pass, `"logit"` or `"one"`.

    Raises:
      InputError: `q` is out of range.
    """

    q: float = setting(98.0, low=0, high=100)
    input_product: bool = False
    padding_trick: bool = False
    redistribution: bool = False
    head: Head = "logit"

    def __post_init__(self) -> None:
        check(self)

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        more: list[tuple[Condition, Rule]] = []
        if self.padding_trick:
            more.append((_is_padded_convolution, padding_trick))
        if self.redistribution:
            pools = ProportionalRedistribution()
            more.append((lambda node: is_max_pool(node.operation), pools))
        rules = rectifier_composite("rectgrad", RectGradRule(self.q), *more)
        if self.padding_trick:  # it has to see the padded layers as they are
            explained = Explained(graph_of(network, "rectgrad"), target)
        else:
            explained = linear_rewritten(network, "rectgrad", target)
        maps = propagate(network, explained, x, rules, self.head, linear=True)
        return tf.nest.map_structure(tf.multiply, x, maps) if self.input_product else maps


def _hoisted(recorded: Graph, rewritten: Graph) -> Condition:
    """Holds for max pools that `hoist_max_pools` put in front of the activation they follow."""
    known = {slot for node in recorded.nodes for slot in node.outputs}
    return lambda node: is_max_pool(node.operation) and known.isdisjoint(node.outputs)


def _is_column(node: Node) -> bool:
    return isinstance(node.operation, TargetColumn)


def _is_padded_convolution(node: Node) -> bool:
    operation = node.operation
    return is_linear(operation) and getattr(operation.layer, "padding", None) == "same"
