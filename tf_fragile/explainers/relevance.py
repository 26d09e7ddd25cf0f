"""Layer-wise relevance: one method, made of a rule for each place and the conventions around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import tensorflow as tf

from tf_fragile.backprop.column import explained_column
from tf_fragile.backprop.composites import (
    Composite,
    Condition,
    activation,
    dense,
    first_weighted,
    is_norm,
    last_weighted,
    nonnegative_slots,
    of_kind,
    rectified_slots,
)
from tf_fragile.backprop.explained import head_value
from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.kinds import kind_of, unsupported
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.prepared import canonized
from tf_fragile.backprop.propagation import propagate
from tf_fragile.backprop.rules import (
    AlphaBeta,
    AlphaBetaSum,
    Epsilon,
    Gamma,
    Proportional,
    ZBox,
    flat,
    gradient,
    pass_through,
    smooth_share,
    uniform,
    wsquare,
)
from tf_fragile.backprop.walk import Rule
from tf_fragile.errors import InputError
from tf_fragile.explainers.contract import total
from tf_fragile.explainers.conventions import Conventions
from tf_fragile.explainers.integrated_gradients import baseline_like
from tf_fragile.explainers.rectified import RECTIFIERS

# What may stand between the input and the first weighted layer for z^B to know its bounds there.
_MONOTONE = ("routing", "rescale", "average", "batch_norm")


@dataclass(frozen=True)
class Relevance:
    """A backward pass that redistributes the target's logit layer by layer.

    Attributes:
      name: the explainer's name, for messages.
      weighted: the rule of weighted layers.
      conventions: everything around them.
      dense: the rule of dense layers where it is another.
      top: the rule of the last weighted layers where it is another.
      masked: whether relevance passes a ReLU by its derivative, which refuses other activations,
        instead of unchanged.
      conserved: the part of the head's value that theory gives the input.
    """

    name: str
    weighted: Rule
    conventions: Conventions
    dense: Rule | None = None
    top: Rule | None = None
    masked: bool = False
    conserved: float = 1.0

    def __post_init__(self) -> None:
        if self.conventions.residual == "alpha_beta" and not isinstance(self.weighted, AlphaBeta):
            raise InputError(
                f"{self.name} has no αβ rule to share a residual with; give residual='copy' or "
                "'proportional'."
            )

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used."""
        # Other rules bring no relevance to silent units, so nothing hinges on ties among them.
        hoist = self.weighted not in (flat, wsquare)
        graph = canonized(network, self.name, self.conventions.batch_norm, hoist)
        explained = explained_column(graph, target)
        rules = self._in_order_of(network).composite(explained.graph, x)
        return propagate(network, explained, x, rules, self.conventions.head, linear=False)

    def _in_order_of(self, network: Network) -> Relevance:
        """The method with the bounds of several inputs in the order of the model's inputs."""
        low, high = map(network.flat_setting, (self.conventions.low, self.conventions.high))
        return replace(self, conventions=replace(self.conventions, low=low, high=high))

    def gap(self, network: Network, x: Any, target: tf.Tensor, attribution: Any) -> tf.Tensor:
        """Conservation gap [B]: the map's sum minus the relevance of the output.

        What biases and stabilisers absorb shows here.
        """
        value = head_value(network.score(x, target), self.conventions.head)
        return total(attribution) - self.conserved * value

    def check(self, network: Network, x: Any) -> None:
        """Refuses inputs outside the bounds of z^B.

        Raises:
          InputError: names the first sample at fault and its value.
        """
        if self.conventions.first == "box":
            low, high = (
                baseline_like(network.flat_setting(bound), x)
                for bound in (self.conventions.low, self.conventions.high)
            )
            for leaf, a, b in zip(*map(tf.nest.flatten, (x, low, high)), strict=True):
                _check_bounds(self.name, leaf, a, b)

    def composite(self, graph: Graph, x: Any) -> Composite:
        """The rule of every node of `graph`, which has been canonized, for inputs like `x`."""
        choices: list[tuple[Condition, Rule]] = [(is_norm, self._norm_rule())]
        if self.conventions.first is not None:
            choices.append((first_weighted(graph), self._first_rule(graph, x)))
        if self.top is not None:
            choices.append((last_weighted(graph), self.top))
        if self.dense is not None:
            choices += self._by_sign(graph, dense, self.dense)
        choices += self._by_sign(graph, of_kind("weighted"), self.weighted)
        choices.append((self._is_smooth_before_ratio(graph, tuple(choices)), smooth_share))
        return Composite(self.name, (*choices, *self._weightless()))

    def _is_smooth_before_ratio(
        self, graph: Graph, choices: tuple[tuple[Condition, Rule], ...]
    ) -> Condition:
        """Holds for stand-ins of ReLUs whose relevance is next divided by pre-activations."""
        producers, is_smooth = graph.producers(), activation("smooth_relu")

        def holds(node: Node) -> bool:
            if not is_smooth(node) or self.masked:
                return False
            source = producers.get(node.inputs[0])
            while source is not None and kind_of(source) == "routing":
                source = producers.get(source.inputs[0])
            if source is None or not (kind_of(source) == "weighted" or is_norm(source)):
                return False
            rule = next((rule for condition, rule in choices if condition(source)), None)
            return isinstance(rule, (Epsilon, Gamma))

        return holds

    def _weightless(self) -> tuple[tuple[Condition, Rule], ...]:
        conventions, split = self.conventions, Proportional()
        if self.masked:
            pointwise: tuple[Condition, Rule] = (activation(*RECTIFIERS), gradient)
        else:
            pointwise = (of_kind("activation"), pass_through)
        residual: Rule = gradient if conventions.residual == "copy" else split
        choices: list[tuple[Condition, Rule]] = [pointwise]
        if conventions.residual == "alpha_beta" and isinstance(self.weighted, AlphaBeta):
            rule = AlphaBetaSum(self.weighted.alpha, self.weighted.beta, conventions.add_clip)
            choices.append((_is_plain_add, rule))
        pools: Rule = gradient if conventions.average_pool == "gradient" else split
        choices += [
            (of_kind("sum"), residual),
            (of_kind("average"), pools),
            (of_kind("product"), uniform),
            *self._unseen(),
            (of_kind("routing"), gradient),
            (of_kind("rescale"), pass_through),
        ]
        return tuple(choices)

    def _unseen(self) -> tuple[tuple[Condition, Rule], ...]:
        """What linear layers get whose weights can't be seen: the ε-rule needs none."""
        rule = self.weighted if self.dense is None else self.dense
        return ((of_kind("linear"), Proportional(rule.epsilon)),) if _is_epsilon(rule) else ()

    def _by_sign(
        self, graph: Graph, condition: Condition, rule: Rule
    ) -> list[tuple[Condition, Rule]]:
        """`rule`, and before it its cheaper forms for layers of which more is known."""
        if not isinstance(rule, (AlphaBeta, Gamma)):
            return [(condition, rule)]
        forms: list[tuple[Condition, AlphaBeta | Gamma]] = [(condition, rule)]
        if isinstance(rule, Gamma):
            rectified = rectified_slots(graph, self._is_proportional)
            rule = replace(rule, rectified=True)
            forms.insert(0, (_all(condition, lambda n: rectified.issuperset(n.outputs)), rule))
        known = nonnegative_slots(graph)
        unsigned = [
            (_all(holds, lambda n: known.issuperset(n.inputs)), replace(form, signed=False))
            for holds, form in forms
        ]
        return [*unsigned, *forms]

    def _is_proportional(self, node: Node) -> bool:
        """Whether the rule of `node` gives inputs that are zero nothing."""
        kind, conventions = kind_of(node), self.conventions
        if kind == "average":
            return conventions.average_pool == "proportional"
        return kind == "weighted" or (kind == "sum" and conventions.residual == "proportional")

    def _norm_rule(self) -> Rule:
        treatment = self.conventions.batch_norm
        if treatment == "depthwise":
            return self.weighted
        return Epsilon() if treatment.endswith("zformula") else pass_through

    def _first_rule(self, graph: Graph, x: Any) -> Rule:
        if self.conventions.first != "box":
            return flat if self.conventions.first == "flat" else wsquare
        is_first = first_weighted(graph)
        slots = {node.inputs[0] for node in graph.nodes if is_first(node)}
        sample = tf.nest.map_structure(lambda leaf: leaf[:1], x)
        ends = [
            _run_up_to(self.name, graph, slots, baseline_like(bound, sample))
            for bound in (self.conventions.low, self.conventions.high)
        ]
        low = {slot: tf.minimum(ends[0][slot], ends[1][slot]) for slot in slots}
        high = {slot: tf.maximum(ends[0][slot], ends[1][slot]) for slot in slots}
        return ZBox(low, high)


def _is_epsilon(rule: Rule) -> TypeGuard[Epsilon]:
    return isinstance(rule, Epsilon) and rule.bias


def _all(*conditions: Condition) -> Condition:
    return lambda node: all(condition(node) for condition in conditions)


def _is_plain_add(node: Node) -> bool:
    return kind_of(node) == "sum" and type(node.operation).__name__ == "Add"


def _run_up_to(name: str, graph: Graph, slots: set[int], x: Any) -> dict[int, tf.Tensor]:
    """The tensors in `slots` for input `x`, running nothing else."""
    values = dict(zip(graph.inputs, tf.nest.flatten(x), strict=True))
    needed = set(slots)
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
    for node in graph.nodes:
        if needed.intersection(node.outputs):
            if not _is_monotone(node):
                raise unsupported(
                    f"The z^B rule of {name}",
                    node,
                    "the bounds of the input can't be followed through it to the first layer",
                    "take another first-layer rule, such as first='flat'",
                )
            values.update(zip(node.outputs, node(values), strict=True))
    return {slot: values[slot] for slot in slots}


def _is_monotone(node: Node) -> bool:
    """Whether the bounds of the result are the results of the bounds, in either order."""
    if kind_of(node) == "activation":
        return bool(node.operation.monotone)
    return kind_of(node) in _MONOTONE or is_norm(node)


def _check_bounds(name: str, x: tf.Tensor, low: tf.Tensor, high: tf.Tensor) -> None:
    outside = tf.where((x < low) | (x > high))
    if len(outside):
        place = tuple(int(i) for i in outside[0])
        raise InputError(
            f"Sample {place[0]} of the batch has the value {float(x[place]):.6g}, outside the "
            f"bounds {float(low[place]):.6g} to {float(high[place]):.6g} of {name}; give the "
            "bounds of all possible inputs."
        )
