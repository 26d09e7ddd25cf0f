"""Networks by name, with a plain file format for their weights."""

from tf_fragile.models.zoo.catalogue import ZOO
from tf_fragile.models.zoo.entry import ZooEntry
from tf_fragile.models.zoo.loading import entry, load, load_keras_file
from tf_fragile.models.zoo.weights import load_weights_npz, save_weights_npz

__all__ = [
    "ZOO",
    "ZooEntry",
    "entry",
    "load",
    "load_keras_file",
    "load_weights_npz",
    "save_weights_npz",
]
