"""Radii: as they are written, where none are given, and in words, in grey levels or data units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tf_fragile.errors import InputError

STEPS_OF_255 = (1.0, 2.0, 4.0, 8.0)
"""The radii where none is given: grey levels, or 255ths of the range of other data."""

Range = tuple[float, float] | None
_GREY = (0.0, 255.0)
_FRACTION = re.compile(r"\s*([0-9.]+)\s*/\s*([0-9.]+)\s*")


def grey_level(bounds: Range) -> float:
    """A 255th of the range of the data, in input units: 1 for pictures."""
    return 1.0 if bounds is None else (bounds[1] - bounds[0]) / 255


def resolved(epsilon: tuple[float, ...] | None, bounds: Range) -> tuple[float, ...]:
    """Radii in input units: those given, or `STEPS_OF_255` of the range of the data."""
    if epsilon is not None:
        return epsilon
    return tuple(step * grey_level(bounds) for step in STEPS_OF_255)


def check(epsilon: tuple[float, ...] | None, bounds: Range) -> None:
    """Refuses radii that no picture can change by, or that are as wide as the range.

    Raises:
      InputError: says which, and gives such as may be meant.
    """
    radii = resolved(epsilon, bounds)
    small, large = min(radii), max(radii)
    if bounds is None and small < 1:
        raise InputError(
            f"--epsilon={small:g} is less than one grey level, the least by which a picture "
            f"can change; epsilon is in grey levels: write {max(1, round(255 * small)):g}, if "
            f"{small:g} of the range is meant."
        )
    if bounds is not None and large >= 255 * grey_level(bounds):
        raise InputError(
            f"--epsilon={large:g} is in units of the data, whose range "
            f"{bounds[0]:.9g}..{bounds[1]:.9g} is no wider; give radii such as "
            f"{grey_level(bounds):.3g},{8 * grey_level(bounds):.3g}, or none for "
            f"{_listed(STEPS_OF_255)} 255ths of the range."
        )
    if bounds is None and large >= 255:
        raise InputError(
            f"--epsilon={large:g} takes black to white, since pictures have 255 grey "
            f"levels and epsilon is in them; give radii such as {_listed(STEPS_OF_255)}."
        )


def in_words(radii: Sequence[float], bounds: Range, given: bool = True) -> str:
    """Radii and their unit, e.g. `1, 2 grey levels`.

    Args:
      radii: in input units.
      bounds: smallest and largest value of data that are no pictures.
      given: whether somebody asked for these.
    """
    said = ", ".join(f"{radius:.4g}" for radius in radii)
    if bounds is None:
        return f"{said} grey levels"
    from tf_fragile.data.preprocessing import in_words as range_in_words  # it takes seconds

    low, high = bounds
    shares = ", ".join(f"{100 * radius / (high - low):.2g} %" for radius in radii)
    default = "" if given else f"; {_DEFAULT}"
    return f"{said} ({shares} of the range {range_in_words(bounds)}{default})"


def understood(given: Mapping[str, Any], bounds: Range) -> dict[str, Any]:
    """Settings with the radii that texts stand for, where there are any; see `read`."""
    texts = given.get("epsilon")
    return dict(given) if texts is None else {**given, "epsilon": read(texts, bounds)}


def read(texts: Sequence[str], bounds: Range = None) -> tuple[float, ...]:
    """Radii in input units.

    Args:
      texts: as they were written.
      bounds: smallest and largest value of data that are no pictures of 0 to 255.

    Raises:
      InputError: one is no number. A fraction is of the range, which no radius is, so it is
        answered with the number to write.
    """
    return tuple(_radius(text, bounds) for text in texts)


def _radius(text: str, bounds: Range) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    share = _share(text)
    if share is None:
        raise InputError(f"--epsilon has {text!r}, which is no number; write --epsilon=1,2,4,8.")
    text, (low, high) = text.strip(), bounds or _GREY
    number = f"{share * (high - low):g}"
    units, what = "in grey levels", f"{number} grey level{'' if number == '1' else 's'}"
    if bounds is not None:
        units, what = f"in the units of the data, {low:g} to {high:g}", number
    raise InputError(
        f"--epsilon={text}: epsilon is {units}: write {number}; {text} of the range is {what}."
    )


def _share(text: str) -> float | None:
    """The value of a fraction or a percentage; `None` where it is none."""
    found = _FRACTION.fullmatch(text)
    try:
        if found:
            return float(found[1]) / float(found[2])
        return float(text.strip().removesuffix("%")) / 100 if text.strip().endswith("%") else None
    except (ValueError, ZeroDivisionError):
        return None


def _listed(numbers: Sequence[float]) -> str:
    return ", ".join(f"{number:g}" for number in numbers)


_DEFAULT = f"{_listed(STEPS_OF_255)} 255ths of it, since no --epsilon was given"
