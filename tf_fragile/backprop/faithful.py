"""Is what was recorded the model? Values and a derivative of both, on real inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.backprop.casts import Cast, ToInteger, Whole
from tf_fragile.backprop.graph import Graph
from tf_fragile.backprop.masks import Hung, MaskOf
from tf_fragile.errors import InputError

Outputs = Callable[[Any], tf.Tensor]
Answer = tuple[np.ndarray, list[np.ndarray]]
_ALIKE = 1e-4  # of the largest; Keras cuts float64 images to float32
_HALF_ALIKE = 3e-2
_REORDERED, _HALF_REORDERED = 1e-2, 0.1
_ROUNDINGS = 4.0  # a sum in another order rounds at every layer, a nudge only at the input
# A ReLU at a tie turns by rounding alone, and its part of the gradient with it.
_SLOPES_ALIKE, _HALF_SLOPES_ALIKE = 0.05, 0.5


def check_faithful(model: keras.Model, graph: Graph, x: Any, answer: Answer) -> None:
    """Refuses a recorded graph that does not compute what the model does.

    Args:
      model: the user's.
      graph: its operations up to its output.
      x: a few inputs, one tensor [B, ...] or a list of them.
      answer: of the user's model on `x`, see `answered`.

    Raises:
      InputError: values or a derivative differ; names the first operation whose values do.
    """
    half = is_half(graph)
    expected, true = answer
    found, slopes = answered(lambda given: tf.cast(graph(given), expected.dtype), x)
    alike = _HALF_ALIKE if half else _ALIKE
    off = difference(found, expected)
    if not off <= alike:
        raise InputError(_sentence(model, graph, x, f"its outputs differ by {off:.1e} of theirs"))
    if any(isinstance(node.operation, (Whole, ToInteger)) for node in graph.nodes):
        return  # nothing can be derived by whole numbers; what is behind them is explained
    turned = max((distance(a, b) for a, b in zip(slopes, true, strict=True)), default=0.0)
    if not turned <= (_HALF_SLOPES_ALIKE if half else _SLOPES_ALIKE):
        raise InputError(
            _sentence(model, graph, x, f"its gradient is off by {turned:.1e} of the model's")
        )


def is_half(graph: Graph) -> bool:
    """Whether anything in `graph` is in half precision."""
    return any("16" in spec.dtype for spec in graph.specs.values())


def check_cheaper(
    name: str, plain: tf.Tensor, cheaper: tf.Tensor, half: bool, moved: float = 0.0
) -> None:
    """Refuses scores of a rewritten graph that are not those of the graph as recorded.

    Args:
      name: the model's.
      plain: scores of the graph as recorded, float.
      cheaper: the same of the rewritten graph.
      half: whether something in the model is in half precision.
      moved: how far rounding alone moves the recorded graph's, as a share of the largest.

    Raises:
      InputError: they differ by more than sums in another order do.
    """
    off = difference(cheaper.numpy(), plain.numpy())
    if not off <= max(_HALF_REORDERED if half else _REORDERED, _ROUNDINGS * moved):
        raise InputError(
            f"The cheaper form in which model {name!r} is explained is not the model: its scores "
            f"differ by {off:.1e} of the largest; that is a fault of ours, so report the model."
        )


def answered(outputs: Outputs, x: Any) -> Answer:
    """The outputs [B, units] for `x`, and what a fixed direction of them gives each input.

    Where an operation has no derivative at all, what it gives is zero.
    """

    def both(x: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            y = outputs(x)
        slopes = tape.gradient(
            y, tf.nest.flatten(x), output_gradients=_noise(y), unconnected_gradients="zero"
        )
        return y, [tf.convert_to_tensor(slope) for slope in slopes]

    try:
        y, slopes = both(x)
    except tf.errors.OpError:  # on CPUs some, as of grouped convolutions, exist in graphs only
        y, slopes = tf.function(both, autograph=False)(x)
    except LookupError:
        y, slopes = outputs(x), [tf.zeros_like(leaf) for leaf in tf.nest.flatten(x)]
    return y.numpy(), [slope.numpy() for slope in slopes]


def _noise(like: tf.Tensor) -> tf.Tensor:
    return tf.random.stateless_normal(tf.shape(like), [0, 1], dtype=like.dtype)


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest, as a share of the largest value; infinite values have to be the same."""
    wild = ~np.isfinite(expected)
    if found.shape != expected.shape or (wild != ~np.isfinite(found)).any():
        return float("inf")
    size = np.abs(expected[~wild]).max(initial=0)
    return float(np.abs(found[~wild] - expected[~wild]).max(initial=0) / max(size, 1e-30))


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Of two gradients, as a share of the expected one's length."""
    if not (np.isfinite(expected).all() and np.isfinite(found).all()):
        return 0.0  # an overflow is told by the map
    length = float(np.linalg.norm(expected.astype("float64")))
    return float(np.linalg.norm((found - expected).astype("float64"))) / max(length, 1e-30)


def _sentence(model: keras.Model, graph: Graph, x: Any, what: str) -> str:
    place = _first_difference(model, graph, x)
    where = f", first behind layer {place!r}" if place else ""
    return (
        f"What was recorded of model {model.name!r} is not what the model computes: {what}{where}; "
        "an explanation would be of another model, so rebuild that part from layers of Keras or "
        "report the model."
    )


def _first_difference(model: keras.Model, graph: Graph, x: Any) -> str:
    """The name of the first layer, called once, whose values differ from the model's own."""
    recorded = _outputs_by_name(graph)
    found = {layer.name: _own_output(layer) for layer in model.layers if layer.name in recorded}
    watched = _within(model, {name: y for name, y in found.items() if y is not None})
    if not watched:
        return ""
    values = graph.run(x)
    leaves = [x] if tf.is_tensor(x) else list(x)
    answers = keras.Model(model.inputs, list(watched.values()))(
        leaves[0] if len(leaves) == 1 else leaves, training=False
    )
    for name, expected in zip(watched, keras.tree.flatten(answers), strict=True):
        ours = values[recorded[name]]
        if difference(np.asarray(ours, "float64"), np.asarray(expected, "float64")) > _HALF_ALIKE:
            return name
    return ""


def _outputs_by_name(graph: Graph) -> dict[str, int]:
    """The slot of the last result of each layer that was recorded once."""
    last: dict[str, int] = {}
    calls: Counter[tuple[str, type]] = Counter()
    for node in graph.nodes:
        if isinstance(node.operation, (MaskOf, Hung, Cast)):
            continue
        last[node.name] = node.output
        calls[node.name, type(node.operation)] += 1
    several = {name for (name, _), count in calls.items() if count > 1}
    return {name: slot for name, slot in last.items() if name not in several}


def _own_output(layer: keras.Layer) -> Any:
    """What its first call gave; `None` where there was none, or several tensors came of it."""
    try:  # a nested model's own `output` is inside it
        output = keras.Operation.output.fget(layer)
    except AttributeError:
        return None
    return output if isinstance(output, keras.KerasTensor) else None


def _within(model: keras.Model, tensors: dict[str, Any]) -> dict[str, Any]:
    """Those of `tensors` that come from the model's inputs: layers may have been called before."""
    if not tensors or _come_from(model, list(tensors.values())):
        return tensors
    return {name: tensor for name, tensor in tensors.items() if _come_from(model, tensor)}


def _come_from(model: keras.Model, outputs: Any) -> bool:
    try:
        keras.Model(model.inputs, outputs)
    except ValueError:
        return False
    return True
