"""A Keras model as a score function: logits, the target's logit, and the graph behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import keras
import numpy as np
import tensorflow as tf
from scipy import special

from tf_fragile.backprop.batches import in_batches
from tf_fragile.backprop.derivable import check_derivable
from tf_fragile.backprop.faithful import answered, check_cheaper, check_faithful, is_half
from tf_fragile.backprop.graph import Graph, Node, widened
from tf_fragile.backprop.head import Head, Task, check_said, graphless_head, strip_head
from tf_fragile.backprop.nestings import check_nesting
from tf_fragile.backprop.outputs import check_outputs, looks_like_probabilities
from tf_fragile.backprop.places import channel_axis
from tf_fragile.backprop.record import in_order, input_structure, record
from tf_fragile.backprop.rewrites import cheaper, target_column
from tf_fragile.backprop.rounding import check_determined, nudged
from tf_fragile.backprop.stateful import check_alone, check_repeatable, check_stateless
from tf_fragile.errors import InputError

# By model, for which kinds of head it has been compared with what was recorded of it.
_CHECKED: WeakKeyDictionary[keras.Model, set[str]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Network:
    """A model whose outputs before the softmax or sigmoid are explained.

    A classifier with a single output unit is a two-class model: its logits are (-z, z), so class 1
    is explained by the gradient of z itself and its probability is sigmoid(z). A regression with
    one unit is explained by z, the second of the two.

    Attributes:
      model: the user's model, never changed.
      graph: its operations up to the logits; `None` for a subclassed model.
      head: what was stripped, and what the outputs are.
      units: the number of output units; `None` where only calling the model would tell.
      whole: the operations up to the model's own output.
    """

    model: keras.Model = field(repr=False)
    graph: Graph | None = field(repr=False)
    head: Head
    units: int | None
    whole: Graph | None = field(default=None, repr=False)

    # Inputs -----------------------------------------------------------------------------------

    @cached_property
    def dtype(self) -> tf.DType:
        """The float type in which inputs, logits and maps are: float64 for models that compute so.

        Half precision stays inside the model; its numbers fit into float32.
        """
        types = {getattr(layer, "compute_dtype", "") for layer in _layers(self.model)}
        return tf.float64 if "float64" in types else tf.float32

    @cached_property
    def fixed_batch(self) -> int | None:
        """The one batch size that the model takes, `None` where it takes any."""
        shapes = [tensor.shape for tensor in getattr(self.model, "inputs", None) or []]
        return shapes[0][0] if shapes and shapes[0] else None

    @cached_property
    def channel_axis(self) -> int:
        """The axis of the one image input along which its channels lie: 1 or -1."""
        return -1 if self.whole is None else channel_axis(self.whole)

    def flat(self, x: Any) -> Any:
        """A user's `x` as methods take it: one tensor, or a list in the order of the inputs.

        Raises:
          InputError: a nesting that can't be matched to the model's inputs.
        """
        if self.graph is None:
            return x
        given = in_order(self.model, x)
        return given[0] if len(given) == 1 else given

    def nested_like(self, x: Any, values: Any) -> Any:
        """`values`, as methods answer, in the nesting that the user gave `x` in."""
        if self.graph is None:
            return values
        places = keras.tree.pack_sequence_as(x, list(range(len(keras.tree.flatten(x)))))
        by_place = dict(zip(in_order(self.model, places), tf.nest.flatten(values), strict=True))
        if isinstance(x, Mapping):  # the model may not take everything that is in there
            known = {key: value for key, value in places.items() if value in by_place}
            places = known if len(known) < len(places) else places
        return keras.tree.map_structure(by_place.__getitem__, places)

    def flat_setting(self, value: Any) -> Any:
        """A setting that may be nested like the model's inputs, as methods take it."""
        return self.flat(value) if isinstance(value, Mapping) else value

    def _ordered(self, x: Any) -> Any:
        """`x` of a user's or as methods have it; a list is taken to be in order."""
        x = self.flat(x) if isinstance(x, Mapping) else x
        return tf.nest.map_structure(tf.convert_to_tensor, x)

    def outputs(self, x: Any) -> tf.Tensor:
        """What the user's own model answers, nothing rewritten: [B, units], float32 or float64.

        Args:
          x: inputs in any nesting that the model takes.
        """
        return in_batches(self._outputs, self.fixed_batch, self._ordered(x))

    def _outputs(self, x: Any) -> tf.Tensor:
        if self.graph is not None:
            leaves = list(x) if isinstance(x, (list, tuple)) else [x]
            x = keras.tree.pack_sequence_as(input_structure(self.model), leaves)
        result = keras.tree.flatten(self.model(x, training=False))
        if len(result) != 1:
            raise InputError(
                f"Model {self.model.name!r} gives {len(result)} outputs; build a model with the "
                "one output to explain."
            )
        return self._wide(result[0])

    def _wide(self, z: tf.Tensor) -> tf.Tensor:
        """Scores in the dtype of the maps, at least; in a copy of more digits they keep those."""
        return tf.cast(z, tf.float64) if self.dtype == tf.float64 else widened(z)

    # Scores -----------------------------------------------------------------------------------

    @property
    def task(self) -> Task:
        """What is predicted: one of several classes, a set of labels, or numbers."""
        if self.head.kind == "regression":
            return "regression"
        several = self.units is None or self.units > 1
        by_unit = self.head.by_unit or (self.head.kind == "probabilities" and not self._shares)
        return "labels" if several and by_unit else "classes"

    def logits(self, x: Any) -> tf.Tensor:
        """Logits [B, classes] of inputs `x`; for regression (-y, y), or the numbers."""
        x = self._ordered(x)
        z = self._outputs(x) if self._fast is None else self._wide(self._fast(x))
        if z.shape[-1] != 1:
            return z
        if self.head.kind == "probabilities":
            return tf.concat([1 - z, z], -1)
        return tf.concat([-z, z], -1)

    def score(self, x: Any, target: tf.Tensor) -> tf.Tensor:
        """The logit [B] of class `target` [B] (int); cheaper than taking it from all logits."""
        x = self._ordered(x)
        if self._column is None:
            return tf.gather(self.logits(x), target, batch_dims=1)
        return self._wide(self._column([*tf.nest.flatten(x), target])[:, 0])

    def probabilities(self, logits: tf.Tensor) -> tf.Tensor:
        """Probabilities [B, classes] of `logits`, by the head that was stripped."""
        if self.head.kind == "probabilities":
            return logits
        by_unit = self.head.by_unit or self.units == 1
        return tf.nn.sigmoid(logits) if by_unit else tf.nn.softmax(logits)

    def predict(self, x: Any) -> tf.Tensor:
        """What the user's own model says of `x`, nothing rewritten.

        Returns:
          int32 [B] for classes, bool [B, units] for labels, float [B, units] for regression.

        Raises:
          InputError: one linear output, of which nobody said what it is.
        """
        return self.decided(self.outputs(x))

    def decided(self, y: tf.Tensor) -> tf.Tensor:
        """`predict` of inputs of which the model's own `outputs` are `y`."""
        self._check_decided(int(y.shape[-1]))
        if self.task == "regression":
            return y
        if self.task == "labels":
            return y > 0.5
        return self._label(y)

    def confidence(self, y: tf.Tensor) -> np.ndarray:
        """Probability [B] of the class that is predicted, float64, where one of several is.

        Args:
          y: the model's own `outputs` [B, units]; logits are taken through a softmax, or through
            a sigmoid where there is one unit.
        """
        z = np.asarray(y, np.float64)
        if z.shape[-1] == 1:
            p = special.expit(z[:, 0]) if self.head.kind == "linear" else z[:, 0]
            return np.asarray(np.maximum(p, 1 - p))
        if self.head.kind == "linear":
            return np.asarray(special.softmax(z, -1).max(-1))
        largest = np.asarray(z.max(-1))
        return np.exp(largest) if self.head.kind == "log_softmax" else largest

    def top(self, x: Any) -> tf.Tensor:
        """What is explained where nobody said what: int32 [B], by the user's own model.

        Raises:
          InputError: one output of which nobody said what it is, or several numbers.
        """
        if self.task != "regression":
            y = self.outputs(x)
            self._check_decided(int(y.shape[-1]))
            return self._label(y)
        batch = tf.shape(tf.nest.flatten(x)[0])[0]
        if self.units is not None and self.units > 1:
            raise InputError(
                f"Model {self.model.name!r} has {self.units} numbers to explain; give a target, 0 "
                f"to {self.units - 1}."
            )
        return self.unit(tf.zeros([batch], tf.int32))

    def unit(self, target: tf.Tensor) -> tf.Tensor:
        """The place [B] in `logits` of what a user calls `target` [B]."""
        return target + 1 if self.task == "regression" and self.units == 1 else target

    def _label(self, y: tf.Tensor) -> tf.Tensor:
        """The most probable class or label [B] for outputs of the model [B, units]."""
        if y.shape[-1] == 1:
            threshold = 0.0 if self.head.kind == "linear" else 0.5
            return tf.cast(y[:, 0] > threshold, tf.int32)
        return tf.argmax(y, -1, output_type=tf.int32)

    def check_decided(self) -> None:
        """Refuses to guess what a single linear output is.

        Raises:
          InputError: it may be a logit or a number, and nobody said which.
        """
        self._check_decided(self.units)

    def _check_decided(self, units: int | None) -> None:
        unsaid = self.head.kind == "linear" and not self.head.known
        if self.head.kind == "open" or (units == 1 and unsaid):
            raise InputError(
                f"Model {self.model.name!r} has one output, which may be the logit of two classes "
                "or a number; say head='logits', head='probabilities' or head='regression', or "
                "give a target (1: what raises the output, 0: what lowers it)."
            )

    # Substitutions ----------------------------------------------------------------------------

    def map_nodes(self, change: Callable[[Node], Node]) -> Network:
        """The network with every graph node replaced by `change(node)`, variables shared."""
        return replace(self, graph=self.substitutable.map(change))

    @property
    def substitutable(self) -> Graph:
        """The graph; raises `InputError` for a subclassed model, which has none."""
        if self.graph is None:
            raise InputError(
                f"Model {self.model.name!r} is subclassed and has no graph to substitute in; "
                "attack it with optimizer='secant', or rebuild it with the functional API."
            )
        return self.graph

    # Trust ------------------------------------------------------------------------------------

    def check(self, x: Any) -> None:
        """Compares what was recorded with the user's model on some inputs, once a model.

        Args:
          x: [B, ...], of which the first two samples are used.

        Raises:
          InputError: nothing can be derived by an input, the outputs are no logits, the model is no
            function of its input or one of which rounding is most, or the recorded operations don't
            compute what the model does, as they are (names the first that differs) or rewritten.
        """
        if self.head.kind in _CHECKED.get(self.model, ()):
            return
        check_stateless(self.model)
        if self.graph is not None:
            check_derivable(self.model, self.graph)
        few = tf.nest.map_structure(lambda leaf: leaf[: self.fixed_batch or 2], self._ordered(x))
        answer = check_repeatable(
            self.model, few, lambda: answered(self.outputs, few), self.outputs
        )
        # Before a sample is compared with itself in other company: there, sums come otherwise.
        moved = 0.0 if self.graph is None else self._check_determined(self.graph, few)
        check_alone(self.model, few, answer[0], self.outputs)
        outputs = answer[0]
        if outputs.ndim != 2:
            raise InputError(
                f"Model {self.model.name!r} gives outputs of shape {outputs.shape}; a classifier "
                "gives (batch, classes)."
            )
        check_outputs(self.head, outputs, self.model.name)
        if self.whole is not None:
            check_faithful(self.model, self.whole, few, answer)
        if self.graph is not None:
            self._check_cheaper(self.graph, few, moved)
        _CHECKED.setdefault(self.model, set()).add(self.head.kind)

    def check_nesting(self, given: Any, x: Any) -> None:
        """Compares the model's answers to inputs as they were given with those to `x`.

        Args:
          given: [B, ...] as the user nested them.
          x: what `flat` made of it, tensors.

        Raises:
          InputError: the model takes `given` for other inputs.
        """
        if self.graph is not None:
            check_nesting(
                self.model,
                given,
                x,
                self.outputs,
                batch=self.fixed_batch or 2,
                half=is_half(self.graph),
            )

    def _check_determined(self, graph: Graph, x: Any) -> float:
        """How far rounding moves the logits; half precision, which rounds all, is not judged."""
        if is_half(graph):
            return 0.0
        here, near = (self._wide(graph(given)).numpy() for given in (x, nudged(x)))
        return check_determined(self.model.name, self.dtype.name, here, near)

    def _check_cheaper(self, graph: Graph, x: Any, moved: float) -> None:
        """Compares what scores are computed by with the graph that it stands for."""
        name, half = self.model.name, is_half(graph)
        if self._fast is None:
            return
        plain = self._wide(graph(x))
        check_cheaper(name, plain, self._wide(self._fast(x)), half, moved)
        if self._column is not None:
            top, largest = tf.argmax(plain, -1, output_type=tf.int32), tf.reduce_max(plain, -1)
            off = tf.where(tf.math.is_finite(largest), self.score(x, top) - largest, 0)
            check_cheaper(name, plain, plain + off[:, None], half, moved)

    def check_in_advance(self) -> None:
        """`check` on random inputs, for calls that are traced before there are any."""
        inputs = getattr(self.model, "inputs", None)
        known = inputs and all(None not in tensor.shape[1:] for tensor in inputs)
        if known and self.head.kind not in _CHECKED.get(self.model, ()):
            with tf.init_scope():
                self.check(self._random_inputs())

    def _random_inputs(self) -> Any:
        """Uniform numbers from 0 to 1 in the shapes of the model's inputs; free axes are 8 long."""
        rng = np.random.default_rng(0)
        shapes = [(t.shape[0] or 2, *(s or 8 for s in t.shape[1:])) for t in self.model.inputs]
        x = [tf.constant(rng.random(shape), self.dtype) for shape in shapes]
        return x if len(x) > 1 else x[0]

    @cached_property
    def _shares(self) -> bool:
        """Whether probabilities that are explained as such sum to one, seen on random inputs."""
        if not getattr(self.model, "inputs", None):
            return True
        with tf.init_scope():
            return looks_like_probabilities(self._outputs(self._random_inputs()).numpy())

    @cached_property
    def _fast(self) -> Graph | None:
        return None if self.graph is None else cheaper(self.graph)

    @cached_property
    def _column(self) -> Graph | None:
        if self._fast is None or self.units == 1:
            return None
        return target_column(self._fast)


def as_network(model: keras.Model | Network, head: str | None = None) -> Network:
    """`model` recorded and stripped of its head; a `Network` is returned as it is.

    Args:
      model: a Keras model, or what was recorded of one.
      head: what its outputs are, where the operations don't tell or tell otherwise: `"logits"`,
        `"probabilities"` or `"regression"`.

    Raises:
      InputError: not a Keras model, one that does not give [batch, classes], or another `head`.
    """
    check_said(head)
    if isinstance(model, Network):
        return model if head is None else as_network(model.model, head)
    if not isinstance(model, keras.Model):
        raise InputError(f"Expected a keras.Model, got {type(model).__name__}; load it first.")
    whole = record(model)
    if whole is None:
        return Network(model, None, graphless_head(head), None)
    shape = keras.tree.flatten(model.outputs)[0].shape
    if len(shape) != 2:
        raise InputError(
            f"Model {model.name!r} gives outputs of shape {tuple(shape)}; a classifier gives "
            "(batch, classes)."
        )
    units = int(shape[-1])
    stripped, found = strip_head(whole, model.name, units, head)
    return Network(model, stripped, found, units, whole)


def _layers(model: keras.Model) -> list[keras.Layer]:
    found = []
    for layer in getattr(model, "layers", []):
        found.append(layer)
        found += _layers(layer) if isinstance(layer, keras.Model) else []
    return found or [model]
