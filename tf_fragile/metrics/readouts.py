"""What of an attribution is compared: named maps without negative entries that sum to 1.

    READOUTS.register("strongest", lambda attribution, channel_axis: ...)

A readout is a reduction of `maps.REDUCTIONS` that has no signs, then `unit_sum`. Attacks raise,
metrics compare and curves count what it gives, whatever the rank of the input.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.maps import normalise, reduce
from tf_fragile.registry import Registry

Readout = Callable[[tf.Tensor, int | None], tf.Tensor]
"""From an attribution [B, ...] and its axis of channels, `None` for none, to a map [B, ...]."""

DEFAULT = "sum_abs"
READOUTS: Registry[Readout] = Registry("readout")

_ROUNDING = 1e-3  # of a sum in float32


def read_out(
    attribution: tf.Tensor, channel_axis: int | None = -1, name: str = DEFAULT
) -> tf.Tensor:
    """The map that is attacked and measured.

    Args:
      attribution: signed, float32 or float64: pictures [B, H, W, C], signals [B, T, C], rows of a
        table [B, F], or any other [B, ...].
      channel_axis: where the channels are, the batch being axis 0; `None` where there are none, so
        that every entry is a place of its own. The entries of a row [B, F] always are.
      name: a key of `READOUTS`.

    Returns:
      Non-negative, summing to 1, in the same dtype: [B, H, W], [B, T], [B, F]. A map of which the
      readout leaves nothing stays zero.

    Raises:
      InputError: there is no such readout, or no axis beside the batch.
    """
    return READOUTS[name](tf.convert_to_tensor(attribution), channel_axis)


def check_read_out(maps: tf.Tensor, attribution: tf.Tensor, name: str) -> None:
    """Refuses what is no map of an attribution, for readouts that anybody may register.

    Args:
      maps: what the readout gave, [B, ...].
      attribution: of what, [B, ...].
      name: of the readout.

    Raises:
      InputError: another batch, negative entries, or sums that are not 1.
    """
    if maps.shape.rank is None or maps.shape.rank < 2 or maps.shape[0] != attribution.shape[0]:
        raise InputError(
            f"The readout {name!r} gives an array of shape {tuple(maps.shape)} of an attribution "
            f"of shape {tuple(attribution.shape)}; it has to give a map [B, ...] for each sample."
        )
    rows = np.asarray(maps, np.float64).reshape(int(maps.shape[0]), -1)
    sums = rows.sum(axis=1)
    # Comparisons with NaN are false: a map that is not finite is a doubt about the explainer.
    if (rows < 0).any() or ((np.abs(sums - 1) > _ROUNDING) & (sums != 0)).any():
        raise InputError(
            f"The readout {name!r} gives maps with entries from {rows.min():g} and sums from "
            f"{sums.min():g} to {sums.max():g}; they must not be negative and have to sum to 1: "
            "end with maps.normalise(..., 'unit_sum') of magnitudes."
        )


def of_channels(reduction: str, attribution: tf.Tensor, channel_axis: int | None) -> tf.Tensor:
    """Channels folded by a reduction of `maps.REDUCTIONS` without signs, summing to 1.

    Source, for `sum_abs`: Ghorbani et al. 2019, and their code, which sums the channels before
    normalising.
    """
    return normalise(reduce(_channels_last(attribution, channel_axis), reduction), "unit_sum")


def net(attribution: tf.Tensor, channel_axis: int | None) -> tf.Tensor:
    """The magnitude of the sum over channels, in which channels of opposite signs cancel."""
    return normalise(tf.abs(reduce(_channels_last(attribution, channel_axis), "sum")), "unit_sum")


def entries(attribution: tf.Tensor, channel_axis: int | None) -> tf.Tensor:
    """The magnitude of every entry, channels apart, [B, D].

    Flat, since an axis of channels among places would be taken for one of a picture.
    """
    flat = tf.reshape(attribution, [-1, attribution.shape[1:].num_elements()])
    return of_channels("sum_abs", flat, None)


def _channels_last(attribution: tf.Tensor, axis: int | None) -> tf.Tensor:
    rank = attribution.shape.rank
    if axis is None:
        return attribution if rank == 2 else attribution[..., tf.newaxis]
    axis %= rank
    if axis == rank - 1:
        return attribution
    return tf.transpose(attribution, [i for i in range(rank) if i != axis] + [axis])


for _reduction in ("sum_abs", "abs_max", "positive_sum"):
    READOUTS.register(_reduction, partial(of_channels, _reduction))
READOUTS.register("abs_sum", net)
READOUTS.register("entries", entries)
