"""What stands at the end of a model: the text, and the same without what follows the logits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Values = np.ndarray


def _softmax(z: Values) -> Values:
    e = np.exp(z - z.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _log_softmax(z: Values) -> Values:
    return np.log(_softmax(z))


def _sigmoid(z: Values) -> Values:
    return 1 / (1 + np.exp(-z))


def _hard_sigmoid(z: Values) -> Values:
    return np.clip(z / 6 + 0.5, 0, 1)


def _same(z: Values) -> Values:
    return z


@dataclass(frozen=True)
class HeadText:
    """A head.

    Attributes:
      weight: how often it is drawn.
      text: of `$`, the last features [B, F].
      logits: the same up to the logits; `None` where a model has none, and must be refused.
      of_logits: the outputs as a function of the logits.
      refused: whether a refusal is the only right answer.
    """

    weight: int
    text: str
    logits: str | None
    of_logits: Callable[[Values], Values] = _same
    refused: bool = False


_THREE, _ONE = "L.Dense(3)($)", "L.Dense(1)($)"
_UNIT = "L.Activation(lambda z: tf.nn.l2_normalize(z, -1))"
_EXPS = "ops.exp(z) / ops.sum(ops.exp(z), -1, keepdims=True)"

HEADS: dict[str, HeadText] = {
    "logits": HeadText(7, _THREE, _THREE),
    "normalised": HeadText(1, f"{_UNIT}({_THREE})", f"{_UNIT}({_THREE})"),
    "softmax": HeadText(6, 'L.Dense(3, activation="softmax")($)', _THREE, _softmax),
    "softmax_float32": HeadText(
        3,
        'L.Dense(3, activation="softmax", dtype="float32")($)',
        'L.Dense(3, dtype="float32")($)',
        _softmax,
    ),
    "tf_softmax": HeadText(2, "L.Dense(3, activation=tf.nn.softmax)($)", _THREE, _softmax),
    "softmax_layer": HeadText(2, f"L.Softmax()({_THREE})", _THREE, _softmax),
    "softmax_activation": HeadText(2, f'L.Activation("softmax")({_THREE})', _THREE, _softmax),
    "softmax_float32_activation": HeadText(
        2, f'L.Activation("softmax", dtype="float32")({_THREE})', _THREE, _softmax
    ),
    "softmax_operation": HeadText(2, f"ops.softmax({_THREE})", _THREE, _softmax),
    "softmax_function": HeadText(1, f"L.Lambda(lambda z: {_EXPS})({_THREE})", _THREE, _softmax),
    "softmax_own": HeadText(1, f"L.Dense(3, activation=lambda z: {_EXPS})($)", _THREE, _softmax),
    "softmax_subclass": HeadText(1, "SoftmaxDense(3)($)", _THREE, _softmax),
    "softmax_einsum": HeadText(
        1,
        'L.EinsumDense("ab,bc->ac", 3, bias_axes="c", activation="softmax")($)',
        'L.EinsumDense("ab,bc->ac", 3, bias_axes="c")($)',
        _softmax,
    ),
    "softmax_named_output": HeadText(
        1, f'L.Activation("linear")(L.Softmax()({_THREE}))', _THREE, _softmax
    ),
    "temperature": HeadText(1, f"L.Softmax()({_THREE} / 2.0)", f"{_THREE} / 2.0", _softmax),
    "log_softmax": HeadText(2, 'L.Dense(3, activation="log_softmax")($)', _THREE, _log_softmax),
    "log_softmax_operation": HeadText(1, f"ops.log_softmax({_THREE})", _THREE, _log_softmax),
    "sigmoid": HeadText(3, 'L.Dense(1, activation="sigmoid")($)', _ONE, _sigmoid),
    "tf_sigmoid": HeadText(1, "L.Dense(1, activation=tf.nn.sigmoid)($)", _ONE, _sigmoid),
    "own_sigmoid": HeadText(
        1, "L.Dense(1, activation=lambda z: 1.0 / (1.0 + ops.exp(-z)))($)", _ONE, _sigmoid
    ),
    "sigmoid_activation": HeadText(1, f'L.Activation("sigmoid")({_ONE})', _ONE, _sigmoid),
    "hard_sigmoid": HeadText(1, 'L.Dense(1, activation="hard_sigmoid")($)', _ONE, _hard_sigmoid),
    "sigmoids": HeadText(2, 'L.Dense(4, activation="sigmoid")($)', "L.Dense(4)($)", _sigmoid),
    "tf_sigmoids": HeadText(
        1, "L.Dense(4, activation=tf.nn.sigmoid)($)", "L.Dense(4)($)", _sigmoid
    ),
    "ensemble": HeadText(
        2,
        'L.Average()([L.Dense(3, activation="softmax")($), L.Dense(3, activation="softmax")($)])',
        None,
        refused=True,
    ),
    "one_linear_unit": HeadText(2, _ONE, _ONE, refused=True),
}
