"""A seed for each sample, the same in whatever batch or task it comes."""

from __future__ import annotations

import numpy as np


def sample_seed(seed: int, index: int) -> int:
    """A seed for sample `index`, from 0 to 2³¹ − 1."""
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0] & 0x7FFFFFFF)
