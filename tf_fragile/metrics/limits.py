"""Between which numbers the similarities of two maps lie."""

from __future__ import annotations

from collections.abc import Mapping

LIMITS: Mapping[str, tuple[float, float]] = {
    "top_k_intersection": (0.0, 1.0),
    "spearman": (-1.0, 1.0),
    "cosine": (-1.0, 1.0),
}
"""By the name of the metric in records; one that is not here has no limits known beforehand."""
