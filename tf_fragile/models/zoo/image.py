"""The input of networks that take square RGB images of any size."""

from __future__ import annotations

import keras

from tf_fragile.errors import InputError

SIDE = 224
"""The side that the mobile networks were trained at, in pixels."""

_SMALLEST = 32  # five strides of 2 leave one position


def image_input(side: int) -> keras.KerasTensor:
    """An input of images `[B, side, side, 3]`.

    Raises:
      InputError: if the side is no whole number of at least 32 pixels.
    """
    if type(side) is not int or side < _SMALLEST:  # True is an int, too
        raise InputError(
            f"The side of the image is {side!r}; give a whole number of pixels, "
            f"{_SMALLEST} or more."
        )
    return keras.Input((side, side, 3), name="image")
