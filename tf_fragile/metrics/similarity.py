"""The similarity metrics of two maps, in one place to import from."""

from __future__ import annotations

from tf_fragile.metrics.centre import center_of_mass, center_shift
from tf_fragile.metrics.cosine import cosine
from tf_fragile.metrics.lens import chance_lens, lens_precision, lens_recall
from tf_fragile.metrics.rank import average_ranks, spearman
from tf_fragile.metrics.structural import ssim
from tf_fragile.metrics.top_k import (
    above_chance,
    chance_top_k,
    check_k,
    default_k,
    top_k_intersection,
    top_k_mask,
)

__all__ = [
    "above_chance",
    "average_ranks",
    "center_of_mass",
    "center_shift",
    "chance_lens",
    "chance_top_k",
    "check_k",
    "cosine",
    "default_k",
    "lens_precision",
    "lens_recall",
    "spearman",
    "ssim",
    "top_k_intersection",
    "top_k_mask",
]
