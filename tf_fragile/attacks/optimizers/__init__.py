"""How attacks move: one file a family, and the table of their names."""

from __future__ import annotations

from collections.abc import Callable

from tf_fragile.attacks.optimizers.annealed import AnnealedMomentum, Secant
from tf_fragile.attacks.optimizers.optimizer import Iterate, Move, Optimizer
from tf_fragile.attacks.optimizers.sign import RandomSign, Sign
from tf_fragile.registry import Registry

__all__ = [
    "OPTIMIZERS",
    "AnnealedMomentum",
    "Iterate",
    "Move",
    "Optimizer",
    "RandomSign",
    "Secant",
    "Sign",
]

OPTIMIZERS: Registry[Callable[..., Optimizer]] = Registry("attack optimizer")
OPTIMIZERS.register("sign", Sign)
OPTIMIZERS.register("random_sign", RandomSign)
OPTIMIZERS.register("annealed_momentum", AnnealedMomentum)
OPTIMIZERS.register("secant", Secant)
