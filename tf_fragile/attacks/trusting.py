"""The derivative gate in front of an attack, and what else has to be said of its derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from tf_fragile.attacks.given import Given
from tf_fragile.attacks.optimizers import AnnealedMomentum, Optimizer, Secant
from tf_fragile.attacks.remembered import Remembered
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.unreplaced import replaced, without_surrogate
from tf_fragile.backprop.network import Network
from tf_fragile.data.ranges import InputRange
from tf_fragile.derivatives.corrected import Corrected
from tf_fragile.derivatives.trust import trusted
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.surrogates import NoSurrogate, ScaledSoftplus, Softplus, Surrogate

UNCHECKED = "Derivatives were not checked (gate='off')."
# A third of what an audit spends on it, for attacks that last seconds: a layer whose derivative is
# wrong is wrong along any direction.
_PROBES = {"inputs": 2, "directions": 1}
_GREY = 255.0  # the secant's h is meant for inputs as wide as grey levels


class Trust(NamedTuple):
    """What is remembered of the gate's decision.

    Attributes:
      kind: of `Decision`.
      text: the gate's sentence.
    """

    kind: str
    text: str


class Course(NamedTuple):
    """Whose derivatives an attack follows, and what has to be said of it.

    Attributes:
      kind: those of its surrogate `"as_is"`, those of the `"corrected"` network, or by the
        `"secant"` none.
      notes: sentences.
    """

    kind: Literal["as_is", "corrected", "secant"]
    notes: tuple[str, ...]


# Both are found once a model, and die with it.
_TRUST: Remembered[Trust] = Remembered()
_BARE: Remembered[tuple[str, ...]] = Remembered()


def course(
    optimizer: Optimizer,
    surrogate: Surrogate,
    gate: Literal["auto", "off"],
    explainer: Explainer,
    given: Given,
) -> Course:
    """How an attack can be run by derivatives that are right.

    Where second derivatives are wrong they are taken of a network with the layers at fault
    rewritten, or the secant optimiser, which needs none, takes as many steps. The gate runs once a
    model and kind of surrogate.

    Args:
      optimizer: the attack's.
      surrogate: the attack's.
      gate: whether derivatives are checked.
      explainer: whose maps are attacked.
      given: what it is to attack.

    Raises:
      InputError: second derivatives can't be believed, and the secant does not fit the method.
    """
    if not optimizer.cost.derivatives:
        return Course("as_is", ())
    network = explainer.network
    if network.graph is None and not isinstance(surrogate, NoSurrogate):
        return Course("as_is", ())  # which the surrogate refuses
    bare = unfollowed(network, surrogate, given.x)
    if gate == "off":
        return Course("as_is", (UNCHECKED, *bare))
    trust = _trust(network, surrogate, given.x, given.target)
    if trust.kind == "as_is":
        return Course("as_is", bare)
    if trust.kind == "corrected":
        return Course("corrected", (trust.text, *bare))
    _check_secant(explainer, trust.text)
    said = f"{trust.text} The secant optimizer took {optimizer.steps} steps in its place."
    return Course("secant", (said,))


def unfollowed(network: Network, surrogate: Surrogate, x: Any = None) -> tuple[str, ...]:
    """A sentence that names what has a kink and no stand-in; none where there is nothing.

    Args:
      network: the true one.
      surrogate: the attack's.
      x: clean inputs, see `without_surrogate`.
    """
    names = bare_layers(network, surrogate, x)
    if not names:
        return ()
    return (
        f"{listed(names)} {'has' if len(names) == 1 else 'have'} or may have a kink and no "
        "surrogate, so the attack may have no derivative to follow; a map that does not move "
        "under it is not robust.",
    )


def bare_layers(network: Network, surrogate: Surrogate, x: Any = None) -> tuple[str, ...]:
    """Names of what has or may have a kink and no stand-in under `surrogate`."""
    found = _BARE.get(network, None, lambda: without_surrogate(network, x))
    return (*replaced(network), *found) if isinstance(surrogate, NoSurrogate) else found


def corrected(surrogate: Surrogate) -> Surrogate:
    """`surrogate` on the corrected network."""
    return surrogate if isinstance(surrogate, Corrected) else Corrected(surrogate)


def as_secant(optimizer: Optimizer, h: float) -> Secant:
    """The secant with as many steps, and the same momentum where there is one."""
    if isinstance(optimizer, AnnealedMomentum):
        momentum, pull, kappa = optimizer.momentum, optimizer.pull, optimizer.kappa
        return Secant(optimizer.steps, h, momentum, pull, kappa)
    return Secant(optimizer.steps, h)


def secant_step(limits: InputRange) -> float:
    """The secant's `h` in input units, for inputs of this width."""
    width = float(np.mean((limits.high - limits.low) / limits.unit))
    return Secant().h * width / _GREY


def listed(names: Sequence[str], most: int = 4) -> str:
    """`Layer 'a'`, or `Layers 'a', 'b' and 7 more`."""
    shown = ", ".join(repr(name) for name in names[:most])
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"Layer{'s' if len(names) > 1 else ''} {shown}{more}"


def _trust(network: Network, surrogate: Surrogate, x: tf.Tensor, target: tf.Tensor) -> Trust:
    # The derivative code is the same at any sharpness, and a blunt softplus has no kinks at all.
    plain = isinstance(surrogate, (Softplus, ScaledSoftplus))

    def ask() -> Trust:
        decision = trusted(network, x, target, surrogate=None if plain else surrogate, **_PROBES)
        return Trust(decision.kind, decision.text)

    return _TRUST.get(network, "softplus" if plain else repr(surrogate), ask)


def _check_secant(explainer: Explainer, text: str) -> None:
    try:
        check_symmetric(explainer.name, explainer.method)
    except InputError:
        raise InputError(
            f"{text} The secant optimizer needs a map with a symmetric Jacobian, which "
            f"{explainer.name} is not; attack gradient, integrated_gradients or smoothgrad, or "
            "decline the check with gate='off'."
        ) from None
