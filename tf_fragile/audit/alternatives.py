"""Other ways to feed a model with the same images, in the order of how likely they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from tf_fragile.backprop.network import Network
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing, swapped
from tf_fragile.data.reading import RESIZES, Reading, Resize
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError
from tf_fragile.probes.sampling import Seen, look

_USUAL = ("raw", "unit", "tf", "centered", "mobilenet", "efficientnet_lite", "torch", "caffe")


@dataclass(frozen=True, eq=False)
class Alternative:
    """Another way to feed a model.

    Attributes:
      name: what differs; a flag where one says it, e.g. `"--preprocessing=raw"`.
      source: the data as they are fed then.
      network: the model as it is then.
      see: what the model says then of images that it was shown.
      advice: what to do where `name` is no flag, a clause.
    """

    name: str
    source: Source
    network: Network
    see: Callable[[Seen], Seen]
    advice: str = ""


def preprocessings(source: Source, network: Network) -> list[Alternative]:
    """Every other registered scale in the usual order of channels, then the other order."""
    current, channels = source.preprocessing, source.image_shape[2]
    plain = [PREPROCESSINGS[name] for name in PREPROCESSINGS if not name.endswith(("_rgb", "_bgr"))]
    plain.sort(key=lambda p: _USUAL.index(p.name) if p.name in _USUAL else len(_USUAL))
    if channels == 3:
        # Where the channels are said to be in no usual order, other scales may be in that one, too.
        turned = current.name.endswith(("_rgb", "_bgr"))
        plain += [swapped(p) for p in ([current, *plain] if turned else [current])]
    known = {_without_name(current)}
    found = []
    for other in plain:
        if other.channels in (None, channels) and _without_name(other) not in known:
            known.add(_without_name(other))
            fed = replace(source, preprocessing=other)
            found.append(fed_by(f"--preprocessing={other.name}", fed, network))
    return found


def _without_name(preprocessing: Preprocessing) -> Preprocessing:
    return replace(preprocessing, name="")


def fed_by(name: str, source: Source, network: Network) -> Alternative:
    """Another source or model: it is asked about the images again.

    Args:
      name: the flag that says so.
      source: the same data, fed otherwise.
      network: the model then.
    """

    def see(seen: Seen) -> Seen:
        return look(source, network, seen.positions)

    return Alternative(name, source, network, see)


def geometries(
    source: Source,
    network: Network,
    current: Reading,
    reopened: Callable[[Reading], Source | None],
    sample: np.ndarray,
) -> list[Alternative]:
    """Every other way to bring pictures to the model's size that changes what it sees.

    Args:
      source: the data.
      network: the model.
      current: the one in use.
      reopened: the same data in another; `None` where there is none.
      sample: positions of a few images, to see whether anything changes.
    """
    shown = source.load(sample).image
    found = []
    for resize in RESIZES:
        try:
            other = reopened(_resized(current, resize)) if resize != current.resize else source
        except InputError:  # these data can't be shown like that
            continue
        if other is not None and not np.array_equal(other.load(sample).image, shown):
            found.append(fed_by(f"--resize={resize}", other, network))
    return found


def _resized(reading: Reading, resize: str) -> Reading:
    """Another geometry, its own interpolation, the same orientation."""
    return replace(Reading(cast(Resize, resize)), orientation=reading.orientation)
