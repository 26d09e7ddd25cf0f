"""Radii in words: in grey levels, or in units of the data and as shares of their range."""

from __future__ import annotations

from tf_fragile.audit.settings import STEPS_OF_255, AuditSettings
from tf_fragile.data.preprocessing import in_words


def radii_in_words(settings: AuditSettings) -> str:
    """The radii of an audit and their unit, e.g. `1, 2 grey levels`."""
    radii = ", ".join(f"{radius:.4g}" for radius in settings.radii)
    if settings.bounds is None:
        return f"{radii} grey levels"
    low, high = settings.bounds
    shares = ", ".join(f"{100 * radius / (high - low):.2g} %" for radius in settings.radii)
    default = "" if settings.epsilon is not None else f"; {_DEFAULT}"
    return f"{radii} ({shares} of the range {in_words(settings.bounds)}{default})"


_STEPS = ", ".join(f"{step:g}" for step in STEPS_OF_255)
_DEFAULT = f"{_STEPS} 255ths of it, since no --epsilon was given"
