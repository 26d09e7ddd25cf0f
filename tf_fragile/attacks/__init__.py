"""Attacks on explanations: objectives, surrogates, optimizers and the compiled loop."""

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.constraints import L2, NORMS, Linf
from tf_fragile.attacks.factory import attack
from tf_fragile.attacks.halving import Halving, smallest_epsilon
from tf_fragile.attacks.objectives import (
    OBJECTIVES,
    Distance,
    MassCenter,
    SoftRank,
    TargetMap,
    TargetRegion,
    TopK,
)
from tf_fragile.attacks.optimizers import OPTIMIZERS, AnnealedMomentum, RandomSign, Secant, Sign
from tf_fragile.attacks.result import AttackResult
from tf_fragile.attacks.selection import SELECTIONS
from tf_fragile.attacks.unreplaced import without_surrogate
from tf_fragile.surrogates import SURROGATES, NoSurrogate, ScaledSoftplus, Softplus

__all__ = [
    "L2",
    "NORMS",
    "OBJECTIVES",
    "OPTIMIZERS",
    "SELECTIONS",
    "SURROGATES",
    "AnnealedMomentum",
    "Attack",
    "AttackResult",
    "Distance",
    "Halving",
    "Linf",
    "MassCenter",
    "NoSurrogate",
    "RandomSign",
    "ScaledSoftplus",
    "Secant",
    "Sign",
    "SoftRank",
    "Softplus",
    "TargetMap",
    "TargetRegion",
    "TopK",
    "attack",
    "smallest_epsilon",
    "without_surrogate",
]
