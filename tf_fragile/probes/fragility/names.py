"""What the records of attacks are called."""

from __future__ import annotations

import pyarrow as pa

from tf_fragile.runs.records import Keys

RANDOM = "random_sign"  # the name of the control in the records
DOUBLED = "twice the steps"
SEARCHED = "smallest radius"
SMALLEST = "smallest_epsilon"
ODD_MAP = "doubt"  # the metric of a clean map that is no explanation; its note says why
TOP_K, PLACES = "k", "places"  # of the overlap and of a map, in rows of no sample
KEYS: Keys = {"attack": pa.string(), "epsilon": pa.float64()}
