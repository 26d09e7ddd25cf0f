"""Attacks on explanations: objectives, surrogates, optimizers and the compiled loop."""

from tf_fragile.attacks.attack import Attack, attack
from tf_fragile.attacks.objectives import OBJECTIVES, MassCenter, TargetRegion, TopK
from tf_fragile.attacks.optimizers import OPTIMIZERS, RandomSign, Sign
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.selection import SELECTIONS
from tf_fragile.attacks.surrogates import SURROGATES, NoSurrogate, Softplus

__all__ = [
    "OBJECTIVES",
    "OPTIMIZERS",
    "SELECTIONS",
    "SURROGATES",
    "Attack",
    "AttackResult",
    "MassCenter",
    "NoSurrogate",
    "RandomSign",
    "Sign",
    "Softplus",
    "TargetRegion",
    "TopK",
    "attack",
]
