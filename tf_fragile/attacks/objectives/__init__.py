"""What an attack makes of the map: one file a family, and the table of their names."""

from __future__ import annotations

from collections.abc import Callable

from tf_fragile.attacks.objectives.distance import Distance, TargetMap
from tf_fragile.attacks.objectives.mass import MassCenter, TargetRegion
from tf_fragile.attacks.objectives.objective import Objective, arrays_of
from tf_fragile.attacks.objectives.top_k import SoftRank, TopK
from tf_fragile.registry import Registry

__all__ = [
    "OBJECTIVES",
    "Distance",
    "MassCenter",
    "Objective",
    "SoftRank",
    "TargetMap",
    "TargetRegion",
    "TopK",
    "arrays_of",
]

OBJECTIVES: Registry[Callable[..., Objective]] = Registry("attack objective")
OBJECTIVES.register("top_k", TopK)
OBJECTIVES.register("soft_rank", SoftRank)
OBJECTIVES.register("mass_center", MassCenter)
OBJECTIVES.register("target_region", TargetRegion)
OBJECTIVES.register("target_map", TargetMap)
OBJECTIVES.register("distance", Distance)
