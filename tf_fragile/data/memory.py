"""Data that are at hand: arrays, named arrays, `tf.data` data sets, Keras' `PyDataset`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tf_fragile.data.arrays import Parts, of_arrays, only
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError, shown
from tf_fragile.limits import FILE_LIMIT

Step = Callable[[Any], Any]
Array = NDArray[np.generic]
_CHUNK = 64
_ALONE = 16  # samples that a preprocessing is given once more, each by itself
_CLOSE = 1e-4  # of the range: a map that is one of mean and scale


@dataclass(frozen=True, eq=False)
class Held:
    """Samples and what they are.

    Attributes:
      x: samples [N, ...], or by the names of a model's inputs.
      y: labels [N, ...], `None` where there are none.
    """

    x: Array | Mapping[str, Array]
    y: Array | None


def open_memory(
    data: Any,
    shape: tuple[int, ...],
    *,
    parts: Parts = (),
    outputs: int | None = None,
    range: tuple[float, float] | None = None,
    preprocess: Step | None = None,
    inverse: Step | None = None,
    limit: float = FILE_LIMIT,
) -> Source:
    """A source of data at hand.

    Args:
      data: `x` or `(x, y)`, where `x` is an array [N, ...] or, for several inputs, a mapping of
        arrays by their names or a list in the model's order; a finite `tf.data.Dataset` or
        `PyDataset` of these, in batches or not.
      shape: of one sample, as the model takes it.
      parts: names and shapes of several inputs, which `shape` holds as one row.
      outputs: how many classes the model tells apart; labels are compared with it.
      range: smallest and largest value there can be, before `preprocess`; those of the data where
        `None`.
      preprocess: what makes inputs of the model of batches of samples.
      inverse: undoes it.
      limit: GB that a data set may take in memory.

    Raises:
      InputError: data that are infinite, ragged, of another shape, or other ones at the second
        look; values that are no finite numbers or out of range; labels that can't be used; a
        preprocessing that is random, looks at the whole batch, or is not undone by its inverse.
    """
    held = _held(data, shape, parts, limit)
    x, notes = held.x, []
    if preprocess is not None:
        if parts:
            raise InputError(
                "preprocess= is of one input, and this model takes several; prepare the arrays "
                "yourself and leave it out."
            )
        x = only(x, "the data")
        whole = _applied(preprocess, x, "preprocess")
        _check_one_by_one(preprocess, x[:_ALONE], whole[:_ALONE])
        affine = None if inverse is None else _affine(x, whole, inverse)
        if affine is not None and _is_pixels(x, range):
            return of_arrays(
                "memory", x, held.y, shape, outputs=outputs, preprocessing=affine,
                notes=("epsilon is in grey levels, by preprocess= and its inverse=.",),
            )  # fmt: skip
        x, range = whole, None if range is None else _range_of(preprocess, x, range)
        why = "no inverse= was given" if inverse is None else "preprocess= is no one mean and scale"
        notes.append(f"epsilon is in the model's units, since {why}.")
    elif not isinstance(x, Mapping) and len(shape) == 3 and _is_pixels(x, range):
        range = None  # of bytes: pixels as they are
        return of_arrays("memory", x, held.y, shape, outputs=outputs, pixels=True)
    return of_arrays(
        "memory", x, held.y, shape, parts=parts, outputs=outputs, bounds=range, notes=tuple(notes)
    )


def _is_pixels(x: Any, range: tuple[float, float] | None) -> bool:
    """Whether values are 0..255 for sure: bytes, or said to be."""
    return range == (0, 255) or (range is None and getattr(x, "dtype", None) == np.uint8)


def _held(data: Any, shape: tuple[int, ...], parts: Parts, limit: float) -> Held:
    if isinstance(data, tf.data.Dataset):
        return _of_dataset(data, shape, parts, limit)
    if isinstance(data, keras.utils.PyDataset):
        return _of_pydataset(data, parts, limit)
    if hasattr(data, "__next__"):
        raise InputError(
            "The data are a generator, which can be read only once; give arrays, a tf.data.Dataset "
            "or a PyDataset."
        )
    if isinstance(data, tuple) and len(data) in (2, 3):
        x = _arrays(_named(data[0], parts), "x")
        return Held(x, None if data[1] is None else _array(data[1], "y"))
    return Held(_arrays(_named(data, parts), "x"), None)


def _named(x: Any, parts: Parts) -> Any:
    """Several inputs by their names, where they are listed in the model's order."""
    if not parts or not isinstance(x, list | tuple):
        return x
    if len(x) != len(parts):
        names = ", ".join(repr(part.name) for part in parts)
        raise InputError(
            f"The model takes {len(parts)} inputs, and x lists {len(x)}; give one array for each "
            f"of {names}."
        )
    return {part.name: one for part, one in zip(parts, x, strict=True)}


def _arrays(x: Any, name: str) -> Array | Mapping[str, Array]:
    if isinstance(x, Mapping):
        return {str(key): _array(value, f"{name}[{key!r}]") for key, value in x.items()}
    return _array(x, name)


def _array(value: Any, name: str) -> Array:
    if isinstance(value, tf.RaggedTensor):
        raise _ragged(name)
    try:
        array = np.asarray(value)
    except ValueError:
        raise _ragged(name) from None
    if array.dtype.kind not in "biuf" and not (name == "y" and array.dtype.kind in "US"):
        raise InputError(
            f"{name} is {shown(value)}, an array of {array.dtype}; give numbers [N, ...]."
        )
    if not array.ndim or not len(array):
        raise InputError(f"{name} is {shown(value)}; give an array [N, ...] of samples.")
    return array


def _ragged(name: str) -> InputError:
    return InputError(
        f"{name} is ragged: its samples are of several shapes; bring them to one, as by padding."
    )


def _of_dataset(data: tf.data.Dataset, shape: tuple[int, ...], parts: Parts, limit: float) -> Held:
    if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise InputError("The tf.data.Dataset never ends; give data.take(N).")
    ragged = [s for s in tf.nest.flatten(data.element_spec) if isinstance(s, tf.RaggedTensorSpec)]
    if ragged:
        raise _ragged("The tf.data.Dataset")
    first, again = (list(islice(data.as_numpy_iterator(), 1)) for _ in range(2))
    if not first:
        raise InputError("The tf.data.Dataset is empty; give one with samples.")
    _check_repeats(first[0], again[0] if again else None, "tf.data.Dataset")
    batched = _is_batched(_named(_inputs(first[0]), parts), shape, parts)
    return _joined(data.as_numpy_iterator(), parts, batched, "tf.data.Dataset", limit)


def _is_batched(x: Any, shape: tuple[int, ...], parts: Parts) -> bool:
    """Whether an element is a batch: by an input of known rank, as they have several."""
    ranks = {part.name: len(part.shape) for part in parts}
    if isinstance(x, Mapping):
        known = [np.ndim(x[name]) == rank + 1 for name, rank in ranks.items() if name in x]
        return all(known)  # where none is known, what comes next says so
    return np.ndim(x) == len(shape) + 1


def _of_pydataset(data: Any, parts: Parts, limit: float) -> Held:
    number = data.num_batches
    if number is None:
        raise InputError("The PyDataset never ends; give one that says its length.")
    if not number:
        raise InputError("The PyDataset is empty; give one with samples.")
    _check_repeats(data[0], data[0], "PyDataset")
    return _joined((data[i] for i in range(number)), parts, True, "PyDataset", limit)


def _check_repeats(first: Any, again: Any, kind: str) -> None:
    pairs = [tf.nest.flatten(one) for one in (first, again)]
    if len(pairs[0]) != len(pairs[1]) or not all(
        np.array_equal(np.asarray(a), np.asarray(b), equal_nan=np.asarray(a).dtype.kind == "f")
        for a, b in zip(*pairs, strict=True)
    ):
        raise InputError(
            f"The {kind} changes between passes: its first batch is another one the second time; "
            "leave out its shuffling and augmentation, or give a fixed seed."
        )


def _inputs(element: Any) -> Any:
    return element[0] if isinstance(element, tuple) else element


def _joined(elements: Iterator[Any], parts: Parts, batched: bool, kind: str, limit: float) -> Held:
    """All elements one after the other."""
    xs: list[Any] = []
    ys: list[Any] = []
    size = 0
    for element in elements:
        xs.append(_named(_inputs(element), parts))
        ys.append(element[1] if isinstance(element, tuple) and len(element) > 1 else None)
        size += sum(np.asarray(leaf).nbytes for leaf in tf.nest.flatten(xs[-1]))
        if size > limit * 1e9:
            raise InputError(
                f"The {kind} takes more than {limit:g} GB in memory; give fewer samples, as by "
                "data.take(N)."
            )
    join = np.concatenate if batched else np.stack
    try:
        if isinstance(xs[0], Mapping):
            x: Any = {key: join([one[key] for one in xs]) for key in xs[0]}
        else:
            x = join(xs)
        y = None if ys[0] is None else join(ys)
    except ValueError:
        raise _ragged(f"The {kind}") from None
    return Held(_arrays(x, "x"), None if y is None else _array(y, "y"))


def _applied(step: Step, x: Array, name: str) -> Array:
    """A step of the user's on all samples, some at a time."""
    found = []
    for begin in range(0, len(x), _CHUNK):
        part = tf.constant(x[begin : begin + _CHUNK])
        try:
            done = np.asarray(step(part))
        except Exception as error:
            first = next(iter(str(error).splitlines()), "")[:200]
            raise InputError(
                f"{name}= can't take samples of shape {list(part.shape)} and dtype "
                f"{part.dtype.name} ({type(error).__name__}: {first}); it gets batches as they "
                "are in the data."
            ) from error
        if len(done) != len(part):
            raise InputError(
                f"{name}= makes {len(done)} samples of {len(part)}; it has to give one for each."
            )
        found.append(done)
    return np.concatenate(found)


def _range_of(preprocess: Step, x: Array, ends: Sequence[float]) -> tuple[float, float]:
    """The range after preprocessing, where every value goes its own way."""
    constant = [_applied(preprocess, np.full_like(x[:1], end), "preprocess") for end in ends]
    values = [float(edge(both)) for edge, both in ((np.min, constant), (np.max, constant))]
    return values[0], values[1]


def _check_one_by_one(step: Step, x: Array, whole: Array) -> None:
    """Refuses a preprocessing whose answer on a sample depends on chance or on other samples.

    Raises:
      InputError: a sample by itself gives something else than it does among others.
    """
    alone = np.concatenate([_applied(step, x[i : i + 1], "preprocess") for i in range(len(x))])
    span = float(np.ptp(whole)) or 1.0
    if alone.shape != whole.shape or not np.allclose(
        alone, whole, rtol=0, atol=_CLOSE * span, equal_nan=True
    ):
        raise InputError(
            "preprocess= gives a sample by itself another value than in a batch: it is random or "
            "looks at the whole batch; give one that treats each sample alike."
        )


def _affine(x: Array, whole: Array, inverse: Step) -> Preprocessing | None:
    """Mean and scale of a preprocessing; `None` where it is not one of each for a channel.

    Raises:
      InputError: the inverse does not undo it, on any of the samples.
    """
    back = _applied(inverse, whole, "inverse")
    span = float(np.ptp(x)) or 1.0
    if back.shape != x.shape or any(
        np.abs(b.astype(np.float64) - a).max() > _CLOSE * span for a, b in _pieces(x, back)
    ):
        raise InputError("inverse= does not undo preprocess= on the data; give its inverse.")
    if whole.shape != x.shape:
        return None
    own, made = (v.reshape(-1, x.shape[-1]) for v in next(_pieces(x, whole)))
    spread = own.std(axis=0)
    slope = ((own - own.mean(0)) * (made - made.mean(0))).mean(0)
    slope /= np.maximum(spread, 1e-12) ** 2
    if not (spread > 0).all() or not (slope > 0).all():
        return None
    mean, size = own.mean(0) - made.mean(0) / slope, float(np.ptp(whole)) or 1.0
    near = all(np.abs((a - mean) * slope - b).max() <= _CLOSE * size for a, b in _pieces(x, whole))
    return Preprocessing("given", mean=tuple(mean), scale=tuple(1 / slope)) if near else None


def _pieces(*arrays: Array) -> Iterator[tuple[NDArray[np.float64], ...]]:
    """A few samples of each at a time, in float64."""
    for begin in range(0, len(arrays[0]), _CHUNK):
        yield tuple(np.asarray(array[begin : begin + _CHUNK], np.float64) for array in arrays)
