"""The procedural data set as a source: nothing to download, and every mask is known."""

from __future__ import annotations

import hashlib

import numpy as np

from tf_fragile.data.classes import Classes
from tf_fragile.data.embedded import (
    GENERATOR_VERSION,
    OBJECTS,
    SCENES,
    SIDE,
    Composite,
    Difficulty,
    composite,
)
from tf_fragile.data.fitting import check_shape
from tf_fragile.data.labelling import Named, assign
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import unknown_name

SPLITS = {"train": 12_000, "val": 1_000}
"""Pictures in each split: the same number of every pair of object and scene."""


def open_embedded(
    split: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, int, int],
    outputs: int | None = None,
    classes: Classes | None = None,
    seed: int = 0,
    difficulty: Difficulty | None = None,
) -> Source:
    """Opens a split of the procedural data; the label is the object.

    Args:
      split: `"val"` (the default where empty) or `"train"`; no picture is in both.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes; must be (64, 64, 3).
      outputs: how many classes the model tells apart.
      classes: what they are called.
      seed: which data set; not negative.
      difficulty: how hard the scenes are to tell apart.

    Returns:
      The source, with masks.

    Raises:
      InputError: if the split is unknown, the network takes images of another size, or its classes
        are not the objects.
    """
    split = split or "val"
    if split not in SPLITS:
        raise unknown_name("split of the embedded data", split, SPLITS)
    name = f"embedded/{split}"
    check_shape(name, (SIDE, SIDE, 3), image_shape)
    difficulty = difficulty or Difficulty()
    found = Named(
        "The embedded data", "class", OBJECTS, "the embedded data's own order", movable=False
    )
    labelling = assign(found, outputs=outputs, classes=classes)

    def draw(position: int) -> Composite:
        return composite(split_seed(seed, split), *pair_at(position), difficulty=difficulty)

    def read(position: int) -> Sample:
        picture = draw(position)
        return Sample(picture.image, labelling.outputs[picture.object], picture.mask)

    def digest() -> str:
        settings = f"embedded {GENERATOR_VERSION} {split} {SPLITS[split]} {seed} {difficulty}"
        sha = hashlib.sha256(settings.encode())
        sha.update(draw(0).image.astype(np.uint8).tobytes())
        return sha.hexdigest()

    return Source(
        name=name,
        class_names=labelling.names,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=read,
        digest=digest,
        size=SPLITS[split],
        classes_from=labelling.origin,
        numbering="names",
        outputs=labelling.outputs,
    )


def split_seed(seed: int, split: str) -> int:
    """The generator's seed for a split: no two (seed, split) share one."""
    return len(SPLITS) * seed + sorted(SPLITS).index(split)


def pair_at(position: int) -> tuple[int, int, int]:
    """The (object, scene, index) drawn at a position.

    Each run of 10 positions holds every object and every scene once, each run of 100 every pair.
    """
    index, pair = divmod(position, len(OBJECTS) * len(SCENES))
    block, object = divmod(pair, len(OBJECTS))
    return object, (object + block) % len(SCENES), index
