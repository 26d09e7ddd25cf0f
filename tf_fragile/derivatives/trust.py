"""What an attack may do with a network's derivatives."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import keras
import tensorflow as tf

from tf_fragile.backprop.batches import chunk
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.derivatives.check import check_derivatives
from tf_fragile.derivatives.corrections import correct_derivatives, corrected_layers
from tf_fragile.derivatives.report import GateReport
from tf_fragile.surrogates import Surrogate

_SAME_FUNCTION = 1e-4  # of the largest logit: normalisations of random nets amplify rounding


@dataclass(frozen=True, eq=False)
class Decision:
    """How to attack explanations of a network.

    Attributes:
      kind: `"as_is"`: second derivatives are right. `"corrected"`: they are, on `network`.
        `"secant"`: they are not, so use the secant optimizer, which needs the first only.
      network: the network whose derivatives to take.
      corrected: names of the layers that were rewritten in it.
      report: on the user's own network.
      after: on the corrected one, where one was tried.
      text: one sentence for the record.
    """

    kind: Literal["as_is", "corrected", "secant"]
    network: Network = field(repr=False)
    corrected: tuple[str, ...]
    report: GateReport
    after: GateReport | None
    text: str


def trusted(
    network: keras.Model | Network,
    x: Any,
    target: Any = None,
    *,
    surrogate: Surrogate | None = None,
    inputs: int = 3,
    directions: int = 3,
    seed: int = 0,
) -> Decision:
    """Runs the derivative gate and decides.

    Args:
      network: a Keras model, or what was recorded of one.
      x: [B, ...] in the model's nesting; the first `inputs` are used.
      target: as for an explainer.
      surrogate: the attack's; softplus where not given.
      inputs: how many samples are tried.
      directions: how many for each sample.
      seed: of the gate's directions.

    Raises:
      InputError: not a model, or a target that is no class of it.
    """
    network = as_network(network)
    check = partial(
        check_derivatives, surrogate=surrogate, inputs=inputs, directions=directions, seed=seed
    )
    report = check(network, x, target)
    if report.ok and (report.curved or network.graph is not None):
        return Decision("as_is", network, (), report, None, report.text)
    if network.graph is None:
        return Decision("secant", network, (), report, None, _graphless(report))
    repaired = correct_derivatives(network)
    changed = corrected_layers(network, repaired)
    if not changed:
        return Decision("secant", network, (), report, None, _hopeless(report))
    moved = _difference(network, repaired, x)
    if not moved <= _SAME_FUNCTION:
        text = f"{report.text} Rewriting {_listed(changed)} moves the logits by {moved:.1e}."
        return Decision("secant", network, (), report, None, text)
    after = check(repaired, x, target)
    if not after.ok:
        return Decision("secant", network, (), report, after, _hopeless(after))
    text = (
        f"Second derivatives of {_listed(changed)} are wrong in TensorFlow and were rewritten; "
        f"they now agree with differences within {after.second_error:.1e}, the logits within "
        f"{moved:.1e}."
    )
    return Decision("corrected", repaired, changed, report, after, text)


def _difference(before: Network, after: Network, x: Any) -> float:
    """The largest change of a logit on the first inputs, relative to the largest logit."""
    x = keras.tree.map_structure(tf.convert_to_tensor, x)
    x = chunk(x, 0, before.fixed_batch or 3, fill=before.fixed_batch is not None)
    expected, found = (tf.cast(net.logits(x), tf.float64) for net in (before, after))
    size = tf.reduce_max(tf.abs(expected))
    return float(tf.math.divide_no_nan(tf.reduce_max(tf.abs(found - expected)), size))


def _graphless(report: GateReport) -> str:
    why = report.problem or "the gradient does not move, so its derivative is zero"
    return (
        f"Model {report.model!r} is subclassed, so no layer of it can be named or rewritten, and "
        f"{why}; {_remedy(report)}."
    )


def _hopeless(report: GateReport) -> str:
    return f"{report.text.rstrip('.')}; {_remedy(report)}."


def _remedy(report: GateReport) -> str:
    masked = any(fault.order == "first" for fault in report.faults) or report.first_wrong
    if masked or report.zero_gradients or report.not_finite:
        return "maps of this gradient don't describe the model, and no attack on them is evidence"
    return "use the secant optimizer"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(repr(name) for name in names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
