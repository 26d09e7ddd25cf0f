"""Networks that stand in for the true one while a derivative is taken."""

from collections.abc import Callable

from tf_fragile.registry import Registry
from tf_fragile.surrogates.scaled_softplus import ScaledSoftplus
from tf_fragile.surrogates.softplus import Softplus, beta_for
from tf_fragile.surrogates.surrogate import NoSurrogate, Scales, Surrogate, relus

SURROGATES: Registry[Callable[..., Surrogate]] = Registry("surrogate")
SURROGATES.register("none", NoSurrogate)
SURROGATES.register("softplus", Softplus)
SURROGATES.register("scaled_softplus", ScaledSoftplus)

__all__ = [
    "SURROGATES",
    "NoSurrogate",
    "ScaledSoftplus",
    "Scales",
    "Softplus",
    "Surrogate",
    "beta_for",
    "relus",
]
