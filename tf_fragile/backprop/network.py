"""A Keras model as a score function: logits, the target's logit, and the graph behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.backprop.graph import Graph, Node
from tf_fragile.backprop.head import Head, looks_like_probabilities, strip_head
from tf_fragile.backprop.record import record
from tf_fragile.backprop.rewrites import cheaper, target_column
from tf_fragile.errors import InputError


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier whose logits are explained.

    A model with a single output unit is a two-class model: its logits are (-z, z), so class 1 is
    explained by the gradient of z itself and its probability is sigmoid(z).

    Attributes:
      model: the user's model, never changed.
      graph: its operations up to the logits; `None` for a subclassed model.
      head: what was stripped.
      units: the number of output units; `None` where only calling the model would tell.
    """

    model: keras.Model = field(repr=False)
    graph: Graph | None = field(repr=False)
    head: Head
    units: int | None

    def logits(self, x: Any) -> tf.Tensor:
        """Logits [B, classes] of inputs `x` in the model's nesting."""
        z = self.model(x, training=False) if self._fast is None else self._fast(x)
        return tf.concat([-z, z], -1) if z.shape[-1] == 1 else z

    def score(self, x: Any, target: tf.Tensor) -> tf.Tensor:
        """The logit [B] of class `target` [B] (int); cheaper than taking it from all logits."""
        if self._column is None:
            return tf.gather(self.logits(x), target, batch_dims=1)
        return self._column([*keras.tree.flatten(x), target])[:, 0]

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Class probabilities [B, classes] of `logits`, by the head that was stripped."""
        sigmoid = self.head.kind == "sigmoid" or self.units == 1
        return tf.nn.sigmoid(logits) if sigmoid else tf.nn.softmax(logits)

    def predict(self, x: Any) -> tf.Tensor:
        """The label [B] (int32) that the user's own model gives, nothing rewritten."""
        z = self.model(x, training=False)
        if z.shape[-1] == 1:
            return tf.cast(z[:, 0] > (0.5 if self.head.kind == "sigmoid" else 0.0), tf.int32)
        return tf.argmax(z, -1, output_type=tf.int32)

    @property
    def task(self) -> str:
        """What the outputs are: `"classes"`, `"labels"` or `"regression"`."""
        return "classes"

    @property
    def channel_axis(self) -> int:
        """The axis of the channels of the one image input."""
        return -1

    @property
    def fixed_batch(self) -> int | None:
        """The only batch size that the model takes, `None` where it takes any."""
        return None

    def outputs(self, x: Any) -> tf.Tensor:
        """What the user's own model gives, [B, units] float32, nothing rewritten."""
        return tf.cast(self.model(x, training=False), tf.float32)

    def map_nodes(self, change: Callable[[Node], Node]) -> Network:
        """The network with every graph node replaced by `change(node)`, variables shared."""
        if self.graph is None:
            raise InputError(
                f"Model {self.model.name!r} is subclassed and has no graph to substitute in; "
                "rebuild it with the functional API."
            )
        return replace(self, graph=self.graph.map(change))

    def check_ends_in_logits(self, x: Any) -> None:
        """Refuses a graphless model whose outputs for `x` are probabilities.

        Raises:
          InputError: a softmax sits inside the model's own call, where it can't be stripped.
        """
        if self.head.kind == "linear" and looks_like_probabilities(self.logits(x)):
            raise InputError(
                f"Model {self.model.name!r} returns probabilities from code that can't be "
                "stripped of its softmax; give a model that ends in logits."
            )

    @cached_property
    def _fast(self) -> Graph | None:
        return None if self.graph is None else cheaper(self.graph)

    @cached_property
    def _column(self) -> Graph | None:
        if self._fast is None or self.units == 1:
            return None
        return target_column(self._fast)


def as_network(model: keras.Model | Network) -> Network:
    """`model` recorded and stripped of its head; a `Network` is returned as it is.

    Raises:
      InputError: not a Keras model, or one that does not give [batch, classes].
    """
    if isinstance(model, Network):
        return model
    if not isinstance(model, keras.Model):
        raise InputError(f"Expected a keras.Model, got {type(model).__name__}; load it first.")
    graph = record(model)
    if graph is None:
        head = Head("linear", "subclassed model; its outputs are taken as logits")
        return Network(model, None, head, None)
    shape = model.output_shape
    if len(shape) != 2:
        raise InputError(
            f"Model {model.name!r} gives outputs of shape {shape}; a classifier gives "
            "(batch, classes)."
        )
    stripped, head = strip_head(graph, model.name)
    return Network(model, stripped, head, int(shape[-1]))
