"""What was found in the files of a folder, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_fragile.data.decoding import Look
from tf_fragile.data.reading import Reading

_KERAS_ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")

_NEARLY_BLACK = 32 * 256
"""Largest value of pictures of 16 bits of which next to nothing is left."""

_REMEDY_FOR_BLACK = (
    ", so the model is shown nearly black pictures; if it was not trained on such, store "
    "values / {} * 255 as 8 bits, or divide by what is white"
)


@dataclass(frozen=True)
class Found:
    """A file that was looked at.

    Attributes:
      path: relative to the folder.
      look: what was seen.
      sha256: of its content; empty where it has a problem.
    """

    path: Path
    look: Look
    sha256: bytes = b""


def judged(found: Sequence[Found]) -> list[Found]:
    """The same files; floats have a problem unless all of them lie in 0 to 1."""
    floats = [f.look for f in found if f.look.deep == "floats" and not f.look.problem]
    if not floats:
        return list(found)
    low, high = min(look.low for look in floats), max(look.high for look in floats)
    if low >= 0 and high <= 1:
        return list(found)
    reason = (
        f"floats; those in the folder run from {low:g} to {high:g}, so their scale is not known: "
        "store 0 to 1, or 8 or 16 bits"
    )
    return [
        Found(f.path, Look(reason)) if f.look.deep == "floats" and not f.look.problem else f
        for f in found
    ]


def notes(found: Sequence[Found], reading: Reading, channels: int) -> tuple[str, ...]:
    """What is to be known of the readable files, one sentence each with their number."""
    looks = [f.look for f in found]
    keras = reading.resize != "imagenet"
    said = [
        *_turns(looks, reading),
        *_depths(looks),
        *_counted(
            looks,
            lambda look: look.transparent and channels != 4,
            "{n} {have} transparent pixels; transparency is dropped, as Keras does, and what is "
            "stored below it shows.",
        ),
        *_counted(looks, lambda look: look.frames, "{n} {have} several frames; the first is read."),
    ]
    if keras:
        said += _counted(
            looks,
            lambda look: look.indexed and channels != 1,
            "{n} {are} BMP with a palette, of which Keras' decoder shows the numbers of the "
            "colours as grey levels; store them as PNG if the model was not trained on that.",
        )
        strange = [f.path.suffix.lower() for f in found if not _is_listed_by_keras(f.path)]
        endings = ", ".join(sorted({ending or "none" for ending in strange}))
        said += _said(
            len(strange),
            f"{{n}} {{have}} an ending ({endings}) that Keras' loader passes over; read all the "
            "same.",
        )
    return tuple(said)


def reasons(problems: Sequence[str], most: int = 3) -> str:
    """The commonest reasons with their numbers."""
    counted = Counter(problems).most_common()
    shown = [f"{number} {reason}" for reason, number in counted[:most]]
    return ", ".join(shown) + (", …" if len(counted) > most else "")


def _turns(looks: Sequence[Look], reading: Reading) -> list[str]:
    if reading.orientation == "exif":
        return _counted(
            looks,
            lambda look: look.orientation != 1,
            "{n} turned as {their} orientation tag says.",
        )
    return [
        *_counted(
            looks,
            lambda look: look.orientation != 1 and not look.turns,
            "{n} {have} an EXIF orientation tag, which is ignored, as Keras does; if the model was "
            "trained on upright pictures, give --orientation=exif.",
        ),
        *_counted(
            looks,
            lambda look: look.orientation != 1 and look.turns,
            "{n} {are} TIFF with an orientation tag, which Pillow always follows.",
        ),
    ]


def _depths(looks: Sequence[Look]) -> list[str]:
    deep = [look.high for look in looks if look.deep == "16 bits"]
    largest = f"{max(deep, default=0):g}"
    dark = max(deep, default=0) < _NEARLY_BLACK
    return [
        *_said(
            len(deep),
            "{n} {have} 16 bits; the high byte is taken, as tf.io.decode_image does "
            f"(their largest value is {largest} of 65535)"
            + _REMEDY_FOR_BLACK.format(largest) * dark
            + ".",
        ),
        *_counted(
            looks,
            lambda look: look.deep == "floats",
            "{n} {have} floats from 0 to 1, which are multiplied by 255.",
        ),
    ]


def _is_listed_by_keras(path: Path) -> bool:
    return path.name.lower().endswith(_KERAS_ENDINGS)


def _counted(looks: Sequence[Look], holds: Callable[[Look], bool], sentence: str) -> list[str]:
    return _said(sum(map(holds, looks)), sentence)


def _said(number: int, sentence: str) -> list[str]:
    if not number:
        return []
    words = {"n": f"{number} picture{'s' * (number > 1)}"}
    words |= {"have": "has", "are": "is", "their": "its"} if number == 1 else {}
    return [sentence.format_map({"have": "have", "are": "are", "their": "their"} | words)]
