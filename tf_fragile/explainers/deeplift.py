"""DeepLIFT: what each input entry contributes to the logit's difference from a reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tf_fragile.backprop.deeplift import Conventions, plan
from tf_fragile.backprop.deeplift.engine import MaxPool, RuleName
from tf_fragile.backprop.explained import Explained
from tf_fragile.backprop.graph import Values
from tf_fragile.backprop.network import Network
from tf_fragile.backprop.prepared import graph_of
from tf_fragile.backprop.propagation import relevance_of_inputs
from tf_fragile.errors import InputError
from tf_fragile.explainers.accumulate import sum_over
from tf_fragile.explainers.contract import total
from tf_fragile.settings import check, is_default, setting


@dataclass(frozen=True)
class DeepLIFT:
    """Contributions of the input to `S(x) - S(x0)`, which is what they sum to.

    They do so by Rescale and RevealCancel with `max_pool="cross_max"`, for any reference, any
    pointwise activation, pools, residual sums, products of two and batch norm. The ablation does
    not keep a sum, and `max_pool="gradient"` does only where no pool's maximum moves.

    Source: Shrikumar et al. 2017; the ablation, Sixt et al. 2020.

    Attributes:
      rule: `"rescale"`, `"reveal_cancel"` or `"ablation"`, for all layers.
      reference: x0 in model units: a number; an array of the shape of one sample (or broadcasting
        to it), or of the whole batch; in the model's nesting for several inputs.
      references: a set of references instead, over which the map is averaged in the memory of
        one: an array [R, ...], one sample an entry; in the model's nesting for several inputs.
      max_pool: `"cross_max"` (Captum, SHAP; complete) or `"gradient"` (the authors' package).
      threshold: differences smaller than this are not divided by; the derivative at the reference
        stands in. It is absolute, so a network whose activations themselves are that small needs
        a smaller one; the gap tells.
    """

    rule: RuleName = setting("rescale", named="DeepLIFT rule")
    reference: Any = setting(0.0, values=True)
    references: Any = setting(None, values=True)
    max_pool: MaxPool = setting("cross_max", named="max-pool rule")
    threshold: float = setting(1e-7, low=1e-30, high=1)

    def __post_init__(self) -> None:
        check(self)
        if isinstance(self.references, (int, float)):
            raise InputError(
                f"references of DeepLIFT is {self.references}; give an array of several samples, "
                "or reference=, which may be a number."
            )
        if self.references is not None and not is_default(self, "reference"):
            raise InputError(
                "Both reference and references of DeepLIFT were given, and only one is used; give "
                "one of them."
            )

    @property
    def evaluations(self) -> int:
        """Gradients of the model behind one map."""
        return 1 if self.references is None else len(tf.nest.flatten(self.references)[0])

    def attribute(self, network: Network, x: Any, target: tf.Tensor, seed: tf.Tensor) -> Any:
        """See `Method.attribute`; `seed` is not used. Memory does not grow with `references`."""
        graph = graph_of(network, "DeepLIFT")
        ready = plan(graph, Conventions(self.rule, self.max_pool, self.threshold))
        explained = Explained(ready.graph, target)

        def against(inputs: Sequence[tf.Tensor], reference: Sequence[tf.Tensor]) -> Any:
            def one(values: Values) -> Values:
                return explained.start(values, "one", linear=True)

            parts = ready.contributions(inputs, reference, one)
            return relevance_of_inputs(network, ready.graph, parts, x)

        flat = tf.nest.flatten(x)
        if self.references is None:
            return against(flat, _reference(network.flat_setting(self.reference), x))
        choices = _references(network.flat_setting(self.references), x)
        count = choices[0].shape[0]

        def term(i: tf.Tensor, *inputs: tf.Tensor) -> list[tf.Tensor]:
            reference = [tf.gather(choice, i)[None] for choice in choices]
            return [part / count for part in tf.nest.flatten(against(inputs, reference))]

        return tf.nest.pack_sequence_as(x, sum_over(term, count, flat, flat))

    def gap(self, network: Network, x: Any, target: tf.Tensor, attribution: Any) -> tf.Tensor:
        """Completeness gap [B]: the attribution's sum minus `S(x) - S(x0)`, averaged over x0."""
        end = network.score(x, target)
        batch = tf.shape(end)[0]

        def origin(reference: list[tf.Tensor]) -> tf.Tensor:
            whole = [
                tf.broadcast_to(r, tf.concat([[batch], tf.shape(r)[1:]], 0)) for r in reference
            ]
            return network.score(tf.nest.pack_sequence_as(x, whole), target)

        if self.references is None:
            return total(attribution) - (
                end - origin(_reference(network.flat_setting(self.reference), x))
            )
        choices = _references(network.flat_setting(self.references), x)
        sets = zip(*map(tf.unstack, choices), strict=True)
        scores = [origin([r[None] for r in one]) for one in sets]
        return total(attribution) - (end - tf.add_n(scores) / len(scores))


def _reference(reference: Any, x: Any) -> list[tf.Tensor]:
    """One reference for each input, [1, ...] or [B, ...], flattened.

    Raises:
      InputError: a reference does not broadcast to its input.
    """
    leaves = tf.nest.flatten(x)
    nested = tf.nest.is_nested(reference) and tf.nest.is_nested(x)
    given = _leaves(reference, x, "reference") if nested else [reference] * len(leaves)
    return [_like(value, tensor) for value, tensor in zip(given, leaves, strict=True)]


def _like(value: Any, tensor: tf.Tensor) -> tf.Tensor:
    value = tf.cast(tf.convert_to_tensor(value), tensor.dtype)
    sample = tensor.shape[1:]
    try:
        if value.shape.rank == tensor.shape.rank and value.shape[0] != 1:
            tf.broadcast_static_shape(value.shape, tensor.shape)
            return tf.broadcast_to(value, tf.shape(tensor))
        if value.shape.rank == tensor.shape.rank:
            value = value[0]
        if tf.broadcast_static_shape(value.shape, sample) != sample:
            raise ValueError
    except ValueError:
        raise InputError(
            f"The reference has shape {tuple(value.shape)}, which does not broadcast to inputs of "
            f"shape {tuple(tensor.shape)}; give a number or one sample's shape."
        ) from None
    return tf.broadcast_to(value, tf.shape(tensor)[1:])[None]


def _references(references: Any, x: Any) -> list[tf.Tensor]:
    """The set of references [R, ...] of each input, flattened.

    Raises:
      InputError: not one sample's shape after the first axis, none, or not equally many.
    """
    given = _leaves(references, x, "references")
    tensors = []
    for value, tensor in zip(given, tf.nest.flatten(x), strict=True):
        value = tf.cast(tf.convert_to_tensor(value), tensor.dtype)
        if value.shape.rank != tensor.shape.rank or value.shape[1:] != tensor.shape[1:]:
            raise InputError(
                f"The references have shape {tuple(value.shape)}; give an array of several samples "
                f"of shape {tuple(tensor.shape[1:])}."
            )
        tensors.append(value)
    counts = [tensor.shape[0] for tensor in tensors]
    if min(counts) < 1 or len(set(counts)) > 1:
        raise InputError(
            f"There are {counts} references for the model's inputs; give equally many, at least 1."
        )
    return tensors


def _leaves(value: Any, x: Any, name: str) -> list[Any]:
    """`value` flattened like `x`: one array for each input.

    Raises:
      InputError: another nesting than that of `x`.
    """
    try:
        tf.nest.assert_same_structure(x, value, check_types=False)
    except (TypeError, ValueError):
        raise InputError(
            f"{name} is not nested like the model's inputs; give one array for each input."
        ) from None
    leaves: list[Any] = tf.nest.flatten(value)
    return leaves
