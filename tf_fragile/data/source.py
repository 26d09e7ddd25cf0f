"""A data set as the rest of the library meets it: numbered samples in model units."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.reading import Reading
from tf_fragile.errors import InputError

Numbering = Literal["", "names", "numbers", "one-hot"]


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture before preprocessing.

    Attributes:
      pixels: RGB or grey values 0..255, or what `Preprocessing.bounds` says, `[H, W, C]`.
      label: its class, or -1 where none is known.
      mask: `[H, W]` booleans, true on the object, where the truth is known.
    """

    pixels: npt.NDArray[np.generic]
    label: int
    mask: npt.NDArray[np.bool_] | None = None


Read = Callable[[int], Sample]


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples in the order they were asked for.

    Attributes:
      index: position of each sample in its source, `[B]` int64.
      image: model units, `[B, H, W, C]` float32.
      label: class of each sample, -1 where none is known, `[B]` int64.
      mask: `[B, H, W]` booleans, true on the object; `None` where the truth is not known.
    """

    index: npt.NDArray[np.int64]
    image: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]
    mask: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Skipped:
    """A file that was left out of a source, and why."""

    path: str
    reason: str


@dataclass(frozen=True, eq=False)
class Source:
    """A data set of known size, read by position.

    Attributes:
      name: what was opened, e.g. `"folder:photos"`.
      class_names: name of each label, where known; with `classes_from`, of each output.
      image_shape: `(H, W, C)` of every image; `(T, C)` of signals, `(F,)` of rows.
      preprocessing: how pixels become model units.
      read: gives the sample at a position.
      digest: gives a SHA-256 hash of the stored content alone, as 64 hexadecimal digits.
      size: how many samples there are.
      skipped: files that could not be used; they take no position.
      classes_from: how labels were matched with the outputs of a model, a clause; empty where
        there are no labels or nobody said how many outputs there are.
      notes: what was found out while opening, one sentence each, for plan and report.
      files: name of each sample for people, e.g. its path in the folder; `None` where samples are
        known by position alone.
      geometry: how pictures were brought to `image_shape`, in words.
      numbering: what the data tell classes apart by: names, which `--classes` puts in order,
        numbers, or rows of them; empty where there are no labels.
      reader: gives a `read` for another geometry and `(H, W, C)` of the same C, without looking at
        the data again; `None` where pictures are of one size.
      reading: the same as data, its decoder included; `None` where nothing was decoded or resized.
      outputs: the output of each class of the data, in their own order; empty where labels are the
        outputs' numbers, or there are none.
    """

    name: str
    class_names: tuple[str, ...] | None
    image_shape: tuple[int, ...]
    preprocessing: Preprocessing
    read: Read
    digest: Callable[[], str]
    size: int
    skipped: tuple[Skipped, ...] = ()
    classes_from: str = ""
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] | None = None
    geometry: str = ""
    numbering: Numbering = ""
    reader: Callable[[Reading, tuple[int, int, int]], Read] | None = None
    reading: Reading | None = None
    outputs: tuple[int, ...] = ()

    def name_of(self, position: int) -> str:
        """What a sample is called: its file, or its number."""
        return f"image {position}" if self.files is None else self.files[position]

    def __len__(self) -> int:
        return self.size

    def seen_as(self, reading: Reading, image_shape: tuple[int, int, int]) -> Source | None:
        """The same data brought to a model otherwise; `None` where they can't be."""
        if self.reader is None:
            return None
        read = self.reader(reading, image_shape)
        return replace(self, image_shape=image_shape, read=read, geometry="", reading=reading)

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """`image_shape` of pictures."""
        height, width, channels = self.image_shape
        return height, width, channels

    @property
    def is_bounded(self) -> bool:
        """Whether the data are stored as the model takes them, in units of their own."""
        return self.preprocessing.bounds is not None

    @property
    def range(self) -> InputRange:
        """The valid range of the images in model units, and the size of one input unit."""
        return self.preprocessing.range

    def load(self, positions: Sequence[int] | npt.NDArray[np.int64]) -> Batch:
        """Reads samples.

        Args:
          positions: which ones, each from 0 to `len(source) - 1`; at least one.

        Returns:
          The samples in that order, in model units.

        Raises:
          InputError: if a position lies outside the source or none is given.
        """
        index = np.asarray(positions, dtype=np.int64).reshape(-1)
        outside = index[(index < 0) | (index >= self.size)]
        if outside.size or not index.size:
            asked = f"sample {outside[0]}" if outside.size else "no sample"
            raise InputError(
                f"Source {self.name!r} was asked for {asked}; "
                f"give positions from 0 to {self.size - 1}."
            )
        samples = [self.read(int(position)) for position in index]
        masks = [s.mask for s in samples if s.mask is not None]
        return Batch(
            index=index,
            image=self.preprocessing.forward(np.stack([s.pixels for s in samples])),
            label=np.asarray([s.label for s in samples], np.int64),
            mask=np.stack(masks) if len(masks) == len(samples) else None,
        )

    def fingerprint(self) -> str:
        """A SHA-256 hash of what a model is shown and told, as 64 hexadecimal digits.

        It covers the content, preprocessing with its bounds, size, resizing, interpolation,
        orientation and decoder, the output that each class stands for, and the classes' names.
        """
        facts = {
            "content": self.digest(),
            "shape": self.image_shape,
            "preprocessing": dataclasses.asdict(self.preprocessing),
            "reading": None if self.reading is None else dataclasses.asdict(self.reading),
            "outputs": self.outputs,
            "classes": self.class_names,
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def choose(source: Source, num: int | None, seed: int = 0) -> npt.NDArray[np.int64]:
    """Chooses samples of a source, the same ones whenever asked.

    Args:
      source: what to choose from.
      num: how many; `None`, or as many as there are, takes every one.
      seed: which choice.

    Returns:
      Positions in ascending order, without repetition, int64.

    Raises:
      InputError: if `num` is below 1 or above the number of samples.
    """
    size = len(source)
    if num is None:
        return np.arange(size, dtype=np.int64)
    if not 1 <= num <= size:
        raise InputError(
            f"{num} images were asked for, but source {source.name!r} has {size}; "
            f"give a number from 1 to {size}."
        )
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(size, num, replace=False)).astype(np.int64)
