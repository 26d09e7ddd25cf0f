"""The classes of data sets that networks of the zoo were trained on."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from tf_fragile.data.classes import Classes
from tf_fragile.data.embedded import OBJECTS
from tf_fragile.errors import unknown_name

CIFAR10 = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)


@cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """The 1000 ImageNet classes in their standard order, as (WordNet id, name)."""
    table = resources.files("tf_fragile.data").joinpath("imagenet_classes.csv")
    rows = csv.DictReader(table.read_text(encoding="utf-8").splitlines())
    return tuple((row["wnid"], row["name"]) for row in rows)


@cache
def imagenet() -> Classes:
    """The 1000 ImageNet classes; folders of them are called by their WordNet ids."""
    keys, names = zip(*imagenet_classes(), strict=True)
    return Classes(names, "ImageNet's class index", keys)


def class_index(name: str) -> Classes:
    """The classes of `"imagenet"`, `"cifar10"` or `"embedded"`, in their standard order.

    Raises:
      InputError: if there is no such index.
    """
    if name == "imagenet":
        return imagenet()
    if name == "cifar10":
        return Classes(CIFAR10, "CIFAR-10's class index")
    if name == "embedded":
        return Classes(OBJECTS, "the embedded data's class index")
    raise unknown_name("class index", name, ("imagenet", "cifar10", "embedded"))
