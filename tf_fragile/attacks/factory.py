"""An attack from the names of its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.attacks.optimizers import OPTIMIZERS
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.settings import described
from tf_fragile.surrogates import SURROGATES

_OWN = (
    *("norm", "k", "grid", "points", "restarts", "rows", "segment"),
    *("fixed_chunks", "gate", "tolerance", "channel_axis", "readout"),
)
_FIXED = {"select"}
# What each optimiser was made for; `sign` is the paper's attack, with the paper's surrogate.
_SURROGATE_OF = {
    "sign": "softplus",
    "annealed_momentum": "scaled_softplus",
    "random_sign": "none",
    "secant": "none",
}


def attack(
    objective: str,
    *,
    optimizer: str = "sign",
    surrogate: str | None = None,
    select: str | None = None,
    **settings: Any,
) -> Attack:
    """An attack from the names of its parts.

    Args:
      objective: `"top_k"`, `"soft_rank"`, `"mass_center"`, `"target_region"`, `"target_map"` or
        `"distance"`.
      optimizer: `"sign"` (the paper's), `"annealed_momentum"`, `"secant"` or `"random_sign"`.
      surrogate: `"softplus"`, `"scaled_softplus"` or `"none"`; where `None`, the one that suits
        the optimiser.
      select: a rule of `SELECTIONS`; the objective's own where `None`.
      **settings: settings of any of these parts, or of `Attack`, by their names: `k`, `steps`,
        `step_size`, `beta`, `mask`, `norm`, `grid`, `points`, `restarts`, `rows`, `gate`,
        `fixed_chunks`, `tolerance`, `channel_axis`, `readout`, ...

    Raises:
      InputError: an unknown name (the nearest are suggested) or a value out of range.
    """
    makers: dict[str, Callable[..., Any]] = {
        "objective": OBJECTIVES[objective],
        "optimizer": OPTIMIZERS[optimizer],
        "surrogate": SURROGATES[_SURROGATE_OF[optimizer] if surrogate is None else surrogate],
    }
    parts: dict[str, Any] = {}
    used: set[str] = set()
    for role, make in makers.items():
        names = [n for n in described(make) if n not in _FIXED]
        chosen = {name: settings[name] for name in names if name in settings}
        used.update(chosen)
        parts[role] = make(**chosen)
    for name in settings:
        if name not in used and name not in _OWN:
            raise _of_no_part(name, makers)
    own = {name: settings[name] for name in _OWN if name in settings}
    return Attack(**parts, select=select, **own)


def _of_no_part(name: str, makers: Mapping[str, Callable[..., Any]]) -> InputError:
    """A setting that none of the chosen parts has, though parts not chosen may."""
    tables: dict[str, Mapping[str, Callable[..., Any]]] = {
        "objective": OBJECTIVES, "optimizer": OPTIMIZERS, "surrogate": SURROGATES
    }  # fmt: skip
    for role, table in tables.items():
        having = [repr(key) for key in table if name in described(table[key]) and name != "select"]
        if having:
            chosen = next(key for key in table if table[key] is makers[role])
            return InputError(
                f"{name} is a setting of {role} {' or '.join(having)}, and this attack has "
                f"{chosen!r}, which takes none; leave {name} out."
            )
    known = {n for make in makers.values() for n in described(make)}
    return unknown_name("attack setting", name, (known | set(_OWN)) - _FIXED)
