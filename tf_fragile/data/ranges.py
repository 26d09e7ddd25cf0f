"""What inputs a model can meet: the valid range, and the size of one input unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tf_fragile.errors import InputError, shown
from tf_fragile.settings import is_numeric


@dataclass(frozen=True, eq=False)
class InputRange:
    """The valid range of a model's input, and how far one input unit reaches in it.

    Every field is a read-only float32 array in model units that broadcasts over the last axis
    of the input: shape `()` where all channels agree, `[C]` otherwise.

    Attributes:
      low: the smallest valid value.
      high: the largest valid value.
      unit: the size of one input unit, one grey level for pictures; a perturbation budget of
        `epsilon` input units is `epsilon * unit` in model units.
    """

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    unit: npt.NDArray[np.float32]

    @classmethod
    def of(cls, low: npt.ArrayLike, high: npt.ArrayLike, unit: npt.ArrayLike = 1.0) -> InputRange:
        """A checked range from plain numbers or one number per channel.

        Args:
          low: smallest valid value in model units, a number or `[C]` of them.
          high: largest valid value, likewise.
          unit: size of one input unit in model units, likewise.

        Returns:
          The range, its fields float32.

        Raises:
          InputError: if a value is not finite, `low >= high`, or `unit <= 0`.
        """
        for name, given in {"low": low, "high": high, "unit": unit}.items():
            if not is_numeric(given):
                raise InputError(
                    f"The input range's {name} is {shown(given)}; give a finite number, or one "
                    "for each channel."
                )
        values = {"low": _float32(low), "high": _float32(high), "unit": _float32(unit)}
        for name, value in values.items():
            if value.ndim > 1:
                raise InputError(
                    f"The input range's {name} is {value.tolist()}; give a finite number, "
                    "or one for each channel."
                )
        channels = {value.size for value in values.values() if value.ndim}
        if len(channels) > 1:
            raise InputError(
                f"The input range names {' and '.join(map(str, sorted(channels)))} channels; "
                "give low, high and unit for the same number of channels."
            )
        if np.any(values["low"] >= values["high"]):
            raise InputError(
                f"The input range runs from {values['low'].tolist()} to "
                f"{values['high'].tolist()}; low must lie below high in every channel."
            )
        if np.any(values["unit"] <= 0):
            raise InputError(
                f"The size of one input unit is {values['unit'].tolist()}; it must be above 0."
            )
        return cls(**values)


def _float32(value: npt.ArrayLike) -> npt.NDArray[np.float32]:
    array = np.array(value, dtype=np.float32)
    array.flags.writeable = False
    return array
