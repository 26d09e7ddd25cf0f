"""Data sources: numbered samples in a model's own input units."""

from tf_fragile.data.classes import Classes
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Batch, Skipped, Source, choose
from tf_fragile.data.sources import open_source

__all__ = [
    "PREPROCESSINGS",
    "Batch",
    "Classes",
    "InputRange",
    "Preprocessing",
    "Reading",
    "Skipped",
    "Source",
    "choose",
    "open_source",
]
