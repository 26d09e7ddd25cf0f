"""DeepLIFT: multipliers for the difference of a forward pass from that of a reference."""

from __future__ import annotations

from tf_fragile.backprop.deeplift.engine import Conventions, Plan, plan

__all__ = ["Conventions", "Plan", "plan"]
