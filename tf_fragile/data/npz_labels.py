"""Labels of an `.npz` archive as numbers of outputs, or the reason why they are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_fragile.data.classes import Classes
from tf_fragile.data.labelling import Labelling, Named, assign, called
from tf_fragile.errors import InputError, readable

_LARGEST = 2**31 - 1


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as they are used.

    Attributes:
      values: `[N]` int64.
      notes: what was done to them, one sentence each.
      one_hot: whether they were stored as rows.
      by_name: the outputs of names, where they were stored as such.
    """

    values: npt.NDArray[np.int64]
    notes: tuple[str, ...] = ()
    one_hot: bool = False
    by_name: Labelling | None = None


def to_labels(
    stored: npt.NDArray[np.generic],
    count: int,
    *,
    where: str,
    alone: str,
    outputs: int | None = None,
    classes: Classes | None = None,
) -> Labels:
    """Labels from whole numbers of any type, from one-hot rows, or from names of classes.

    Args:
      stored: the array.
      count: how many images there are.
      where: the array and the file, a phrase such as `"'labels' in 'a.npz'"`.
      alone: the source that has the images without them.
      outputs: of the model; one output has two classes. Not compared where `None`.
      classes: their names, likewise.

    Raises:
      InputError: if they are not one whole number an image, or not numbers of outputs.
    """
    if stored.dtype.kind in "US":
        return _from_names(stored, count, where, outputs, classes)
    expected = _expected(outputs, classes)
    if stored.dtype.kind not in "buif":
        raise InputError(
            f"The labels {where} are of type {stored.dtype}, not numbers; store for each image "
            "the number of its class, counted from 0 in the order of the model's outputs."
        )
    if stored.ndim == 2 and stored.shape[0] == count and stored.shape[1] > 1:
        return _from_rows(stored, where, expected)
    if stored.shape not in ((count,), (count, 1)):
        raise InputError(
            f"The labels {where} have shape {list(stored.shape)}; "
            f"store {count} whole numbers, one for each image."
        )
    values = stored.reshape(-1)
    _check_whole(values, where, alone)
    _check_range(values, where, alone, expected)
    labels = values.astype(np.int64)
    if labels.min() != 1:
        return Labels(labels)
    return Labels(labels, (f"Labels run from 1 to {labels.max()}; no image has label 0.",))


def _from_names(
    stored: npt.NDArray[np.generic],
    count: int,
    where: str,
    outputs: int | None,
    classes: Classes | None,
) -> Labels:
    """Labels by the names that outputs are known by; their own order says nothing."""
    if stored.shape not in ((count,), (count, 1)):
        raise InputError(
            f"The labels {where} are text of shape {list(stored.shape)}; "
            f"store {count} whole numbers or names, one for each image."
        )
    spelled = [_text(label) for label in stored.reshape(-1).tolist()]
    names = tuple(sorted(set(spelled)))
    known = classes is not None and all(called(name, classes) for name in names)
    if not known and all(name.strip().isdecimal() for name in names):
        raise InputError(f"The labels {where} are numbers as text; store labels.astype(int).")
    found = Named(f"The array {where}", "label", tuple(map(readable, names)), "", movable=False)
    by_name = assign(found, outputs=2 if outputs == 1 else outputs, classes=classes)
    output = dict(zip(names, by_name.outputs, strict=True))
    return Labels(np.array([output[name] for name in spelled], np.int64), by_name=by_name)


def _text(label: str | bytes) -> str:
    return label.decode("utf-8", "backslashreplace") if isinstance(label, bytes) else label


def _expected(outputs: int | None, classes: Classes | None) -> int | None:
    """How many classes there are."""
    count = 2 if outputs == 1 else outputs
    if classes is None:
        return count
    if count is not None and len(classes.names) != count:
        raise InputError(
            f"There are {len(classes.names)} names of classes ({classes.origin}), but the model "
            f"tells {count} apart; give {count} names."
        )
    return len(classes.names)


def _from_rows(rows: npt.NDArray[np.generic], where: str, expected: int | None) -> Labels:
    columns = rows.shape[1]
    numbers = rows.astype(np.float64)
    hot = np.isin(numbers, (0, 1)).all()
    sums = numbers.sum(axis=1)
    if not hot and (numbers >= 0).all() and np.allclose(sums, 1, atol=1e-3):
        raise InputError(
            f"The labels {where} are shares of {columns} classes, not one class an image; "
            "store labels.argmax(axis=1)."
        )
    if not hot:
        raise InputError(
            f"The labels {where} have shape {list(rows.shape)} and are not one-hot; "
            f"store {len(rows)} whole numbers, one for each image."
        )
    odd = np.flatnonzero(sums != 1)
    if odd.size:
        raise InputError(
            f"The labels {where} have {sums[odd[0]]:.0f} classes for image {odd[0]} ({odd.size} of "
            f"{len(rows)} rows are not one-hot); store one class for each image."
        )
    if expected is not None and columns != expected:
        raise InputError(
            f"The labels {where} are one-hot with {columns} columns, but the model tells "
            f"{expected} classes apart; store them in its order, or choose another model."
        )
    note = f"The labels {where} are one-hot with {columns} columns; the place of the 1 was taken."
    return Labels(numbers.argmax(axis=1).astype(np.int64), (note,), one_hot=True)


def _check_whole(labels: npt.NDArray[np.generic], where: str, alone: str) -> None:
    broken = np.flatnonzero(~np.isfinite(labels) | (labels != np.rint(labels)))
    if broken.size:
        raise InputError(
            f"The label of image {broken[0]} is {labels[broken[0]]:g} ({broken.size} of "
            f"{len(labels)} labels {where} are no whole numbers); store whole numbers, or write "
            f"{alone} to leave labels out."
        )


def _check_range(
    labels: npt.NDArray[np.generic], where: str, alone: str, expected: int | None
) -> None:
    low, high = int(labels.min()), int(labels.max())
    if set(np.unique(labels).tolist()) == {-1, 1}:
        raise InputError(
            f"The labels {where} are -1 and 1, but outputs count from 0; store (labels + 1) // 2."
        )
    if low < 0:
        raise InputError(
            f"The label of image {np.argmin(labels)} is {low} ({where}), but labels count from 0; "
            f"keep the images where labels >= 0, or write {alone} to leave labels out."
        )
    last = _LARGEST if expected is None else expected - 1
    if high == last + 1 and low >= 1:
        raise InputError(
            f"The labels {where} run from {low} to {high}, outputs from 0 to {last}; "
            "subtract 1: store labels - 1."
        )
    if high > last:
        raise InputError(
            f"The label of image {np.argmax(labels)} is {high} ({where}), but outputs run from 0 "
            f"to {last}; number the classes in the order of the model's outputs, or write {alone} "
            "to leave labels out."
        )
