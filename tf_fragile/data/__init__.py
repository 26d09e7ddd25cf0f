"""Data sources: numbered samples in a model's own input units."""

from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.source import Batch, Skipped, Source, choose
from tf_fragile.data.sources import open_source

__all__ = [
    "PREPROCESSINGS",
    "Batch",
    "InputRange",
    "Preprocessing",
    "Skipped",
    "Source",
    "choose",
    "open_source",
]
