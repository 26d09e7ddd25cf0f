"""A user's model as one of pictures [H, W, C] of one size, where it is another kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from tf_fragile.backprop.network import as_network
from tf_fragile.backprop.places import FIRST, said_channel_axis
from tf_fragile.errors import InputError

_CHANNELS = (1, 3, 4)


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model that takes pictures.

    Attributes:
      model: the user's own where it takes them already, else one around it.
      image_shape: (H, W, C) of one picture.
      note: what was put before the user's model, a sentence; empty where nothing was.
    """

    model: keras.Model
    image_shape: tuple[int, int, int]
    note: str = ""


def adapted(
    model: keras.Model, image_size: tuple[int, int] | None = None, head: str | None = None
) -> Adapted:
    """The model as one of pictures `[H, W, C]`.

    A model of `[H, W]` gets a channel axis of one, one of `[C, H, W]` its axes in that order, and
    one of any size the one size given. Nothing else about it is changed.

    Args:
      model: the user's, never changed.
      image_size: height and width, for a model that takes any.
      head: what its outputs are, where they don't tell.

    Raises:
      InputError: it does not take one picture, any size fits and none is given, or a size is
        given that does not fit.
    """
    shape = _shape(model)
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


def _shape(model: keras.Model) -> tuple[int | None, ...]:
    shapes = [tuple(t.shape[1:]) for t in getattr(model, "inputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) not in (2, 3):
        raise _unfit(model, *shapes)
    return shapes[0]


def _unfit(model: keras.Model, *shapes: Sequence[int | None]) -> InputError:
    found = ", ".join(f"[{_spoken(shape)}]" for shape in shapes)
    return InputError(
        f"An audit needs a model of one image, but {model.name!r} takes inputs of shape "
        f"{found or 'unknown'}; use the Python interface for other models."
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
