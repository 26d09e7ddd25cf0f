"""A user's model as one of a single input: pictures of one size, signals, or rows of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.places import FIRST, said_channel_axis
from tf_fragile.backprop.series import reads_series
from tf_fragile.data.arrays import Part, Parts
from tf_fragile.errors import InputError

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model of one input.

    Attributes:
      model: the user's own where it takes one already, else one around it.
      image_shape: of one sample: (H, W, C) of a picture, (T, C) of a signal, (F,) of a row.
      note: what was put before the user's model, a sentence; empty where nothing was.
      parts: of a row, the user's own inputs in order, where there are several.
    """

    model: keras.Model
    image_shape: tuple[int, ...]
    note: str = ""
    parts: Parts = ()


def adapted(
    model: keras.Model, image_size: tuple[int, int] | None = None, head: str | None = None
) -> Adapted:
    """The model as one of a single input.

    A model of rows, and one that takes `[T, C]` as signals, stay as they are. A model of `[H, W]`
    gets a channel axis of one, one of `[C, H, W]` its axes in that order, and one of any size the
    one size given; several inputs become one row of numbers. Nothing else about it is changed.

    Args:
      model: the user's, never changed.
      image_size: height and width, for a model that takes any.
      head: what its outputs are, where they don't tell.

    Raises:
      InputError: it takes something else, any size fits and none is given, or a size is given
        that does not fit.
    """
    shapes = _shapes(model)
    if len(shapes) > 1:
        return _of_several(model)
    shape = shapes[0]
    if len(shape) == 1 or (len(shape) == 2 and _takes_signals(model, head)):
        if None in shape or image_size is not None:
            raise _unfit(model, shape)
        return Adapted(model, tuple(map(int, shape)))  # type: ignore[arg-type]
    first = len(shape) == 3 and _channels_first(model, shape, head)
    places = shape[1:] if first else shape[:2]
    size = _size(model, places, image_size)
    channels = 1 if len(shape) == 2 else shape[0] if first else shape[2]
    if channels is None:
        raise _unfit(model, shape)
    image_shape = (*size, int(channels))
    notes = []
    if len(shape) == 2:
        notes.append(f"takes [{_spoken(shape)}] without a channel axis, and gets grey pictures")
    if first:
        notes.append(f"takes channels first, [{_spoken(shape)}], and gets pictures so turned")
    if None in places:
        notes.append(f"takes images of any size, and gets {size[0]} x {size[1]}")
    if not notes:
        return Adapted(model, image_shape)
    return Adapted(
        _around(model, image_shape, turned=first, flat=len(shape) == 2),
        image_shape,
        f"the model {'; it '.join(notes)}",
    )


def _shapes(model: keras.Model) -> list[tuple[int | None, ...]]:
    shapes = [tuple(t.shape[1:]) for t in getattr(model, "inputs", None) or []]
    if not shapes or (len(shapes) == 1 and len(shapes[0]) not in (1, 2, 3)):
        raise _unfit(model, *shapes)
    return shapes


def _unfit(model: keras.Model, *shapes: Sequence[int | None]) -> InputError:
    found = ", ".join(f"[{_spoken(shape)}]" for shape in shapes)
    return InputError(
        "An audit needs a model of pictures, signals or rows of one size, but "
        f"{model.name!r} takes inputs of shape {found or 'unknown'}; use tff.explain and "
        "tff.attack for other models."
    )


def _takes_signals(model: keras.Model, head: str | None) -> bool:
    """Whether the last of two axes is that of channels, as for a convolution in one dimension.

    Where it is, places are those of the first; a model that puts a channel axis behind both, or
    flattens them, takes grey pictures.
    """
    graph = as_network(model, head).whole
    return graph is not None and reads_series(graph)


def _of_several(model: keras.Model) -> Adapted:
    """Several inputs as one row of numbers, cut and brought into shape before the model.

    Raises:
      InputError: one of them has no size, or is no input of real numbers.
    """
    for tensor in model.inputs:
        if None in tensor.shape[1:]:
            raise _unfit(model, *(tuple(t.shape[1:]) for t in model.inputs))
        if not str(tensor.dtype).startswith(("float", "bfloat")):
            raise InputError(
                f"The input {tensor.name!r} of {model.name!r} is of {tensor.dtype}, by which "
                "nothing can be explained together with the others; build a model that takes what "
                "they are looked up to, and audit that."
            )
    parts = tuple(Part(t.name, tuple(map(int, t.shape[1:]))) for t in model.inputs)
    size = sum(part.size for part in parts)
    row = keras.Input((size,), dtype="float32")
    given, begin = [], 0
    for part in parts:
        cut = row[:, begin : begin + part.size]
        given.append(cut if len(part.shape) == 1 else keras.ops.reshape(cut, (-1, *part.shape)))
        begin += part.size
    listed = keras.Model(model.inputs, model.outputs)  # whatever nesting the user's takes
    told = ", ".join(f"{part.name!r} [{_spoken(part.shape)}]" for part in parts)
    return Adapted(
        keras.Model(row, listed(given), name=model.name),
        (size,),
        f"the model takes {told}, and gets them as one row of {size} numbers in that order",
        parts,
    )


def _channels_first(model: keras.Model, shape: Sequence[int | None], head: str | None) -> bool:
    """Whether the first axis is that of channels, by what the model does, else by the sizes."""
    if shape[0] is None or (shape[0] not in _CHANNELS and shape[2] in _CHANNELS):
        return False
    graph = as_network(model, head).whole
    said = None if graph is None else said_channel_axis(graph)
    if said is None:
        return shape[0] in _CHANNELS and shape[2] not in _CHANNELS
    return said == FIRST


def _size(
    model: keras.Model, places: Sequence[int | None], given: tuple[int, int] | None
) -> tuple[int, int]:
    if None in places and given is None:
        raise InputError(
            f"The model {model.name!r} takes images of {_sizes(places)}; say which with "
            f"--image_size=HxW, as in --image_size={_example(places)}."
        )
    wanted = given or places
    if any(own not in (None, said) for own, said in zip(places, wanted, strict=True)):
        advice = f"write --image_size={_example(places)}" if None in places else "leave it out"
        raise InputError(
            f"--image_size={_spoken(wanted, 'x')} does not fit the model {model.name!r}, which "
            f"takes images of {_spoken(places, ' x ')}; {advice}."
        )
    height, width = wanted
    return int(height or 0), int(width or 0)


def _sizes(places: Sequence[int | None]) -> str:
    free = all(side is None for side in places)
    return "any size" if free else f"size {_spoken(places, ' x ')}"


def _example(places: Sequence[int | None]) -> str:
    """A size that fits, square where that does."""
    known = next((side for side in places if side is not None), 224)
    return _spoken([known if side is None else side for side in places], "x")


def _spoken(shape: Sequence[int | None], between: str = ", ") -> str:
    return between.join("any" if side is None else str(side) for side in shape)


def _around(
    model: keras.Model, image_shape: tuple[int, int, int], *, turned: bool, flat: bool
) -> keras.Model:
    own = model.inputs[0]
    picture = keras.Input(batch_shape=(own.shape[0], *image_shape), dtype=own.dtype)
    # A layer of another precision would round what goes through it.
    kept = own.dtype if own.dtype.startswith("float") else None
    given = picture
    if turned:
        given = keras.layers.Permute((3, 1, 2), dtype=kept)(picture)
    if flat:
        given = keras.layers.Reshape(image_shape[:2], dtype=kept)(picture)
    try:
        return keras.Model(picture, model(given), name=model.name)
    except (ValueError, TypeError, RuntimeError) as error:
        size = _spoken(image_shape[:2], " x ")
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"The model {model.name!r} can't take images of {size} ({reason}); choose another "
            "--image_size."
        ) from error
