"""A figure or table of a paper, as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tf_fragile.errors import InputError
from tf_fragile.experiments.frame.asked import Asked, Flags, Images
from tf_fragile.experiments.frame.presets import PRESET_NAMES

if TYPE_CHECKING:  # what stands there takes seconds to import, and a command line answers at once
    from tf_fragile.experiments.frame.job import Job
    from tf_fragile.experiments.frame.place import Place


@dataclass(frozen=True, eq=False)
class Figure:
    """A figure of a paper: one runner makes them all.

    Attributes:
      paper: the room of the paper it is from.
      text: what it shows, in a line.
      presets: `quick`, `cpu` and `paper`, frozen dataclasses of one class with a `setting(...)`
        each field; each field has a flag, where `flags` are not given.
      prepare: opens what it is about and says what has to be computed, and how it is drawn; raises
        `InputError` for what can't work, and takes little time.
      images: the flags of network and data, for figures that have any.
      flags: of the settings, where they are not their fields.
      more: further flags, for `prepare`.
      seed: what `--seed` decides.
      out: default of `--out`; `NAME` stands for the figure's.
      stands_for: flags whose names in capital letters stand for their values in `--out`.
    """

    paper: str
    text: str
    presets: Mapping[str, Any]
    prepare: Callable[[Asked, Place], Job]
    images: Images | None = None
    flags: Flags | None = None
    more: Flags | None = None
    seed: str = "Of everything random."
    out: str = "out/figures/NAME/PRESET"
    stands_for: tuple[str, ...] = ("preset",)

    def __post_init__(self) -> None:
        if tuple(self.presets) != PRESET_NAMES:
            raise InputError(
                f"The presets of the figure {self.text!r} are "
                f"{', '.join(map(str, self.presets)) or 'none'}; give it "
                f"{', '.join(PRESET_NAMES)}, in this order."
            )
