"""What the flags of figures of single images ask for, besides network, data and preset."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """Images before and after one attack.

    Attributes:
      samples: positions of the images; drawn ones where empty.
      objective: of the attack.
    """

    samples: tuple[int, ...] = ()
    objective: str = "mass_center"


@dataclass(frozen=True)
class Region:
    """An image and a region of it.

    Attributes:
      sample: position of the image; otherwise the first one of class `targeted.CLASS`. The
        network's own label is kept and explained, whether it is right or not.
      box: x0, y0, x1, y1 in pixels.
      mask: a picture whose bright pixels are the region; otherwise a superpixel, see
        `regions.superpixel`.
    """

    sample: int | None = None
    box: tuple[int, ...] = ()
    mask: str | None = None
