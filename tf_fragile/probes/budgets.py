"""How much is spent, by name; each probe says what that is for it."""

from __future__ import annotations

BUDGETS = ("quick", "standard", "paper")
