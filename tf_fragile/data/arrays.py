"""Arrays of samples as a source: pictures, signals, rows, or several inputs as one row."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tf_fragile.data.classes import Classes
from tf_fragile.data.npz_labels import Labels, to_labels
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.source import Numbering, Sample, Source
from tf_fragile.errors import InputError, unknown_name

Array = NDArray[np.generic]
_UNLIKE = 10.0  # ranges of columns that one epsilon hardly fits


@dataclass(frozen=True)
class Part:
    """One of several inputs.

    Attributes:
      name: of the model's input.
      shape: of one sample of it.
    """

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many numbers it is."""
        return math.prod(self.shape)


Parts = tuple[Part, ...]


def of_arrays(
    name: str,
    x: Array | Mapping[str, Array],
    y: Array | None,
    shape: tuple[int, ...],
    *,
    parts: Parts = (),
    outputs: int | None = None,
    classes: Classes | None = None,
    bounds: tuple[float, float] | None = None,
    preprocessing: Preprocessing | None = None,
    pixels: bool = False,
    notes: tuple[str, ...] = (),
    where: str = "the data",
) -> Source:
    """A source of arrays as a model takes them.

    Args:
      name: of the source.
      x: samples [N, *shape], or those of each part by its name.
      y: labels as `npz_labels.to_labels` takes them; `None` for none.
      shape: of one sample.
      parts: several inputs, which `shape` holds as one row, in their order.
      outputs: how many classes the model tells apart.
      classes: what they are called.
      bounds: smallest and largest value there can be; those of the data where `None`.
      preprocessing: of pixels 0..255; data are as the model takes them where `None`.
      pixels: whether they are pixels 0..255, as the model takes them.
      notes: for plan and report.
      where: the data, in a sentence.

    Raises:
      InputError: samples of another shape, values that are no finite numbers or out of bounds.
    """
    samples = _packed(x, parts, where) if parts else _one(x, shape, where)
    _check_finite(samples, where)
    told = list(notes)
    if preprocessing is None and pixels:
        preprocessing = PREPROCESSINGS["raw"]
    elif preprocessing is None:
        low, high = _bounds(samples, bounds, where)
        if bounds is None:
            told.append(
                f"The range is that of the data, {low:.9g}..{high:.9g}, since none was given."
            )
        preprocessing = PREPROCESSINGS["raw"].within(low, high)
        told += _unlike(samples, shape)
    low, high = preprocessing.stored
    _check_within(samples, low, high, where)
    labels = (
        Labels(np.full(len(samples), -1, np.int64))
        if y is None
        else to_labels(y, len(samples), where="of the data", alone="x", outputs=outputs,
                       classes=classes)
    )  # fmt: skip
    named = labels.by_name
    return Source(
        name=name,
        class_names=named.names if named else None if classes is None else classes.names,
        image_shape=shape,
        preprocessing=preprocessing,
        read=lambda position: Sample(samples[position], int(labels.values[position])),
        digest=lambda: _digest(samples, labels.values),
        size=len(samples),
        classes_from=named.origin if named else "" if y is None else _NUMBERS,
        notes=(*told, *labels.notes),
        numbering=_numbering(labels, y),
        outputs=named.outputs if named else (),
    )


_NUMBERS = "labels are the outputs' own numbers"


def _numbering(labels: Labels, y: Array | None) -> Numbering:
    if y is None:
        return ""
    return "names" if labels.by_name else "one-hot" if labels.one_hot else "numbers"


def only(x: Array | Mapping[str, Array], where: str) -> Array:
    """The array of a model's one input, named or not.

    Raises:
      InputError: there are several.
    """
    if not isinstance(x, Mapping):
        return x
    if len(x) != 1:
        raise InputError(
            f"{where} has {len(x)} arrays ({', '.join(map(repr, x))}), and the model takes one "
            "input; give that one."
        )
    (array,) = x.values()
    return array


def _one(x: Array | Mapping[str, Array], shape: tuple[int, ...], where: str) -> Array:
    x = only(x, where)
    if x.shape[1:] != shape or not len(x):
        wanted = ", ".join(map(str, ("N", *shape)))
        raise InputError(
            f"{where} has shape {list(x.shape)}, and the model takes [{wanted}]; give samples of "
            "that shape."
        )
    return x


def _packed(x: Array | Mapping[str, Array], parts: Parts, where: str) -> Array:
    """Several inputs as one row each, in the order of the parts."""
    names = [part.name for part in parts]
    if not isinstance(x, Mapping):
        raise InputError(
            f"The model takes {len(parts)} inputs, and {where} is one array; give them by their "
            f"names: {', '.join(map(repr, names))}."
        )
    for given in x:
        if given not in names:
            raise unknown_name("input of the model", given, names)
    missing = [name for name in names if name not in x]
    if missing:
        raise InputError(f"{where} has no array {missing[0]!r}, which is an input of the model.")
    counts = {name: len(x[name]) for name in names}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{count} of {name!r}" for name, count in counts.items())
        raise InputError(f"{where} has {said}; give as many samples of each input.")
    own = [_one(x[part.name], part.shape, f"{part.name!r} in {where}") for part in parts]
    return np.concatenate([array.reshape(len(array), -1) for array in own], axis=1)


def _check_finite(samples: Array, where: str) -> None:
    if samples.dtype.kind not in "biuf":
        raise InputError(f"{where} holds {samples.dtype}; give numbers.")
    if samples.dtype.kind == "f":
        bad = np.flatnonzero(~np.isfinite(samples).reshape(len(samples), -1).all(axis=1))
        if bad.size:
            raise InputError(
                f"Sample {bad[0]} of {where} has a value that is no finite number; repair it or "
                "leave it out."
            )


def _bounds(samples: Array, bounds: tuple[float, float] | None, where: str) -> tuple[float, float]:
    if bounds is not None:
        low, high = (float(bound) for bound in bounds)
        if not -math.inf < low < high < math.inf:
            raise InputError(f"range={bounds} is no range; give (low, high), such as (-1, 1).")
        return low, high
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        raise InputError(f"All values of {where} are {low:g}; give range=, or other data.")
    return low, high


def _check_within(samples: Array, low: float, high: float, where: str) -> None:
    slack, values = 1e-6 * (high - low), samples.astype(np.float64)
    outside = (values < low - slack) | (values > high + slack)
    if outside.any():
        sample, *_ = np.argwhere(outside)[0]
        raise InputError(
            f"Sample {sample} of {where} has the value {float(samples[outside][0]):.6g}, outside "
            f"of the range {low:.6g}..{high:.6g}; give the range that the data can have."
        )


def _unlike(samples: Array, shape: tuple[int, ...]) -> list[str]:
    """A note where columns of rows have ranges that one epsilon hardly fits."""
    if len(shape) != 1 or shape[0] < 2:
        return []
    spans = np.ptp(samples.astype(np.float64), axis=0)
    spans = spans[spans > 0]
    if not spans.size or spans.max() <= _UNLIKE * spans.min():
        return []
    return [
        f"Columns have ranges from {spans.min():.3g} to {spans.max():.3g} wide, and epsilon is one "
        "number for all of them: bring them to one scale, or what is found is that of the smallest."
    ]


def _digest(samples: Array, labels: NDArray[np.int64]) -> str:
    sha = hashlib.sha256(f"{samples.dtype.str}{samples.shape}".encode())
    sha.update(np.ascontiguousarray(samples).tobytes())
    sha.update(labels.tobytes())
    return sha.hexdigest()
