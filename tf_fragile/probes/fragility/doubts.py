"""What casts doubt on every attack of a run, in words."""

from __future__ import annotations

from collections.abc import Sequence

_NAMED = 4


def surrogate_doubt(bare: Sequence[str]) -> str:
    """That layers have a kink and no surrogate, one clause; empty where `bare` is."""
    if not bare:
        return ""
    shown = ", ".join(repr(name) for name in bare[:_NAMED])
    named = f"{shown} and {len(bare) - _NAMED} more" if len(bare) > _NAMED else shown
    return f"no surrogate stands in for {named}, which may hide its fragility"
