"""Other sizes of picture, for a model that takes any: which one it was trained at, nobody says."""

from __future__ import annotations

from collections.abc import Callable

from tf_fragile.audit.alternatives import Alternative, fed_by
from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import Seen

Size = tuple[int, int]

SIDES = (28, 32, 48, 64, 96, 128, 160, 192, 224, 256, 299, 384)
"""What models of photographs are usually trained at."""

# A larger picture costs as many times more as it has pixels. The largest are tried only where the
# model is mostly wrong.
_LARGER, _MUCH_LARGER = 4, 8


def sizes(
    current: Size, seen: Seen, made: Callable[[Size], tuple[Source | None, Network]]
) -> list[Alternative]:
    """The usual sizes, and half and twice the one in use.

    Args:
      current: height and width in use.
      seen: what was seen with it.
      made: the same data and model in another size.
    """
    mostly_wrong = 2 * seen.right.sum() < max(seen.labelled.sum(), 1)
    largest = (_MUCH_LARGER if mostly_wrong else _LARGER) * max(current)
    height, width = current
    wanted = [(height // 2, width // 2), (2 * height, 2 * width), *((s, s) for s in SIDES)]
    found = []
    for size in sorted({size for size in wanted if max(size) <= largest} - {current}):
        try:
            source, network = made(size)
        except InputError:  # too small for the model's windows
            continue
        if source is not None:
            found.append(fed_by(f"--image_size={size[0]}x{size[1]}", source, network))
    return found
