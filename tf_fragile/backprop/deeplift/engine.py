"""A DeepLIFT walk: two forward passes, one backward walk, multipliers times differences."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import keras
import tensorflow as tf

from tf_fragile.backprop.canonizers import canonize, split_separable, two_logits
from tf_fragile.backprop.deeplift.rescale import Rescale
from tf_fragile.backprop.deeplift.reveal_cancel import (
    RevealCancel,
    by_sign,
    positive_parts,
)
from tf_fragile.backprop.deeplift.roles import Role, role_of
from tf_fragile.backprop.graph import Graph, Node, Values, widened
from tf_fragile.backprop.kinds import unsupported
from tf_fragile.backprop.pools import volumes_in_two_steps
from tf_fragile.backprop.rewrites import (
    cheaper,
    space_to_depth_convolutions,
    split_concatenations,
)
from tf_fragile.backprop.walk import Rule, walk
from tf_fragile.backprop.wrappers import keras_class

RuleName = Literal["rescale", "reveal_cancel", "ablation"]
MaxPool = Literal["cross_max", "gradient"]
Start = Callable[[Values], dict[int, tf.Tensor]]


@dataclass(frozen=True)
class Conventions:
    """What DeepLIFT implementations differ in.

    Attributes:
      rule: `"rescale"`; `"reveal_cancel"`, everywhere; or `"ablation"`, Rescale without the
        negative weights of weighted layers (Sixt et al. 2020).
      max_pool: `"cross_max"` keeps summation to the difference (Captum, SHAP); `"gradient"` routes
        to the input's own maximum (the authors' package), which does not.
      threshold: differences smaller than this, in units of the tensor, are not divided by; the
        derivative at the reference stands in.
    """

    rule: RuleName = "rescale"
    max_pool: MaxPool = "cross_max"
    threshold: float = 1e-7


@dataclass(frozen=True, eq=False)
class Plan:
    """A graph made ready for DeepLIFT: every node has a role.

    Attributes:
      graph: the operations, separable convolutions split.
      conventions: which rules.
      roles: the role of each node, by the first slot it fills.
    """

    graph: Graph
    conventions: Conventions
    roles: dict[int, Role] = field(repr=False)

    def contributions(
        self, x: Sequence[tf.Tensor], reference: Sequence[tf.Tensor], start: Start
    ) -> Values:
        """Multiplier times difference for every entry of every input.

        Args:
          x: the flattened inputs, [B, ...] each.
          reference: the flattened reference, [1, ...] or [B, ...] each.
          start: from every tensor of the forward pass, the multiplier of the output by its slot.

        Returns:
          Contributions by input slot, none for an input on which the output does not depend. They
          sum to multiplier times `output(x) - output(reference)`, but for rounding, differences
          below the threshold, `max_pool="gradient"` and the ablation.
        """
        values, origin = (
            {slot: widened(t) for slot, t in self.graph.run(list(given)).items()}
            for given in (x, reference)
        )
        choice, top = self.conventions, start(values)
        paired = choice.rule == "reveal_cancel"
        if paired:
            parts = positive_parts(self.graph, values, origin, self._role)
            top = {slot: tf.stack([m, m]) for slot, m in top.items()}

        def rule_of(node: Node) -> Rule:
            role, cross = self._role(node), choice.max_pool == "cross_max"
            if paired:
                return RevealCancel(role, origin, parts, cross, choice.threshold)
            return Rescale(role, origin, cross, choice.rule == "ablation", choice.threshold)

        multipliers = walk(self.graph, values, top, rule_of)
        reached = [slot for slot in self.graph.inputs if slot in multipliers]
        deltas = {slot: values[slot] - origin[slot] for slot in reached}
        if paired:
            one = {slot: by_sign(deltas[slot], *tf.unstack(multipliers[slot])) for slot in reached}
            multipliers = one
        return {slot: multipliers[slot] * deltas[slot] for slot in reached}

    def _role(self, node: Node) -> Role:
        return self.roles[node.output]


def plan(graph: Graph, conventions: Conventions) -> Plan:
    """`graph` made ready.

    Raises:
      UnsupportedLayerError: a layer without a rule; the sentence names it.
    """
    graph = _rewritten(volumes_in_two_steps(graph), conventions)
    dependent = graph.dependent()
    for node in graph.relevant():
        masked = keras_class(node.operation) is keras.layers.Masking
        if masked or not dependent.isdisjoint(set(node.reads) - set(node.inputs)):
            raise unsupported(
                "DeepLIFT",
                node,
                "its mask or condition depends on the input, so that input and reference are "
                "computed differently",
                "use gradient_x_input or an explainer without a reference",
            )
    roles = {node.output: role_of(node) for node in graph.relevant()}
    for node in graph.relevant():
        if roles[node.output] == "linear" and conventions.rule != "rescale":
            raise unsupported(
                f"DeepLIFT by {conventions.rule}",
                node,
                "it is linear, but its weights can't be seen",
                "use deeplift_rescale",
            )
    return Plan(graph, conventions, roles)


def _rewritten(graph: Graph, conventions: Conventions) -> Graph:
    """`graph` with the rewrites under which the chosen rules give the same contributions.

    Rules that look at the signs of weights need every linear map by itself. By Rescale a
    composition of linear maps is one linear map, and a monotone activation in front of a maximum
    passes the same contribution to the same place as behind it, if the maximum is crossed.
    """
    if conventions.rule != "rescale":
        return canonize(graph, (split_separable, two_logits))
    return cheaper(graph) if conventions.max_pool == "cross_max" else _cheaper_affine(graph)


def _cheaper_affine(graph: Graph) -> Graph:
    return space_to_depth_convolutions(split_concatenations(graph)).pruned().sorted()
