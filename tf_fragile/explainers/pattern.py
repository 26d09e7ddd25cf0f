"""PatternNet and PatternAttribution: relevance sent back through patterns instead of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.explained import Explained, Head
from tf_fragile.backprop.graph import Node
from tf_fragile.backprop.kinds import kind_of, unsupported
from tf_fragile.backprop.linear import Affine
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.patterns import Patterns, bottlenecks, pattern_nodes
from tf_fragile.backprop.prepared import graph_of
from tf_fragile.backprop.propagation import propagate
from tf_fragile.backprop.rules.structural import gradient
from tf_fragile.backprop.walk import Rule
from tf_fragile.backprop.weighted import transpose
from tf_fragile.errors import InputError
from tf_fragile.settings import check

_BY_GRADIENT = ("activation", "routing", "average", "sum", "batch_norm", "rescale")


@dataclass(frozen=True)
class PatternBackprop:
    """A backward pass with patterns for kernels, or patterns times kernels.

    Activations let through what their derivative in the true forward pass does, max pools send all
    to the maximum. The paper covers dense and convolutional layers, ReLU, max pools,
    concatenations and reshapes; other activations, sums, average pools and batch norm pass by
    their derivative, too.

    Source: Kindermans et al. 2018.

    Attributes:
      patterns: from `estimate_patterns` or `load_patterns`; they belong to one set of weights.
      attribution: patterns times kernels (PatternAttribution) instead of patterns (PatternNet).
      project: divide relevance by its largest magnitude at every tensor with spatial axes through
        which all paths go, as iNNvestigate does: without, values may explode or vanish, and only
        the direction of the map means anything either way.
      head: relevance of the output: the `"logit"`, which may be negative, `"one"`, or `"relu"`,
        the logit's positive part.
    """

    patterns: Patterns | None = None
    attribution: bool = False
    project: bool = True
    head: Head = "logit"

    def __post_init__(self) -> None:
        if not isinstance(self.patterns, Patterns):
            raise InputError(
                f"{self._name} needs patterns; give patterns=estimate_patterns(model, batches) "
                "or load_patterns(path)."
            )
        check(self)

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used.

        Raises:
          InputError: patterns of another model, or a layer without a rule; names the layer.
        """
        graph = graph_of(network, self._name)
        assert self.patterns is not None  # refused above
        self.patterns.check(graph, network.model.name)
        tensors = self.patterns.tensors
        patterns = {node.output: tensors[key] for key, node in pattern_nodes(graph).items()}
        projected = set(bottlenecks(graph)) if self.project else set()

        def rule_of(node: Node) -> Rule:
            rule = self._rule(node, patterns)
            return _after_projection(rule) if node.output in projected else rule

        linear = not self.attribution
        return propagate(network, Explained(graph, target), x, rule_of, self.head, linear)

    def _rule(self, node: Node, patterns: dict[int, tf.Tensor]) -> Rule:
        if isinstance(node.operation, Affine):
            return _PatternRule(patterns[node.output], self.attribution)
        if kind_of(node) not in _BY_GRADIENT:
            raise unsupported(
                self._name,
                node,
                "patterns say nothing about it",
                "explain this model with integrated_gradients",
            )
        return gradient

    @property
    def _name(self) -> str:
        return "PatternAttribution" if self.attribution else "PatternNet"


@dataclass(frozen=True, eq=False)
class _PatternRule:
    """The transposed layer with its pattern, or pattern times kernel, for a kernel."""

    pattern: tf.Tensor
    attribution: bool

    def __call__(
        self, node: Node, inputs: Sequence[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        (x,) = inputs
        kernel = tf.cast(self.pattern, x.dtype)
        if self.attribution:
            kernel *= tf.cast(node.operation.kernels[0], x.dtype)
        return [transpose(node.operation, x, relevance, (kernel,))]


def _after_projection(rule: Rule) -> Rule:
    def projected(
        node: Node, inputs: Sequence[tf.Tensor], output: tf.Tensor, relevance: tf.Tensor
    ) -> Sequence[tf.Tensor]:
        return rule(node, inputs, output, _project(relevance))

    return projected


def _project(relevance: tf.Tensor) -> tf.Tensor:
    """Relevance [B, ..., C] divided by its largest magnitude, per sample; vectors as they are."""
    if relevance.shape.rank <= 2:
        return relevance
    axes = list(range(1, relevance.shape.rank))
    largest = tf.reduce_max(tf.abs(relevance), axes, keepdims=True)
    return relevance / tf.where(largest == 0, tf.ones_like(largest), largest)
