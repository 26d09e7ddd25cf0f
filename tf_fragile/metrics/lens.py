"""The top-k overlap of two maps that forgives small shifts (LENS, locality-sensitive)."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.metrics.nan import nan_where_missing
from tf_fragile.metrics.top_k import chance_top_k, top_k_mask


def lens_recall(clean: tf.Tensor, perturbed: tf.Tensor, k: int, window: int = 3) -> tf.Tensor:
    """Share of the perturbed map's top k that has some of the clean map's top k close by.

    `|N_w(T_k(clean)) n T_k(perturbed)| / k` (Kamath et al. 2024, "Rethinking robustness of model
    attributions", w-LENS-recall@k as in the authors' code), N_w(S) being the pixels whose window
    of w x w holds a pixel of S. Windows end at the border, where the authors' code goes on in the
    next row. Never below the top-k intersection, which is its value at w = 1.

    Args:
      clean: `[B, H, W]` float maps.
      perturbed: maps of the same shape.
      k: how many pixels; ties as in `top_k_mask`. `chance_lens` is the value of unrelated maps.
      window: side w of the window in pixels, odd.

    Returns:
      `[B]` in [0, 1], dtype of `clean`; NaN where a map holds a NaN. Not differentiable.

    Raises:
      InputError: maps that are not `[B, H, W]`, a window that is not odd, or a k that does not
        fit the map.
    """
    clean, perturbed = tf.convert_to_tensor(clean), tf.convert_to_tensor(perturbed)
    _check(clean.shape, window)
    close = tf.logical_and(_widen(top_k_mask(clean, k), window), top_k_mask(perturbed, k))
    share = tf.reduce_sum(tf.cast(close, clean.dtype), axis=[1, 2]) / tf.cast(k, clean.dtype)
    return nan_where_missing(share, clean, perturbed)


def lens_precision(clean: tf.Tensor, perturbed: tf.Tensor, k: int, window: int = 3) -> tf.Tensor:
    """Share of the clean map's top k that has some of the perturbed map's top k close by.

    `|T_k(clean) n N_w(T_k(perturbed))| / k`: `lens_recall` with the maps exchanged, which also
    says the arguments, the value and the source.
    """
    return lens_recall(perturbed, clean, k, window)


def chance_lens(height: int, width: int, k: int, window: int = 3) -> float:
    """Expected LENS recall, and precision, of two unrelated maps.

    A pixel whose window holds n of the d = height * width pixels finds none of k pixels thrown at
    random with probability `C(d - n, k) / C(d, k)`; the value is one minus its mean over all
    pixels. For pixels away from the border n = w^2, and with k much smaller than d the value is
    about `1 - (1 - k/d)^(w^2)`: w = 3 turns a chance level of 0.1 into 0.6. Both top k are taken
    as uniformly random; that of a real map is clustered, its surroundings are smaller, and real
    maps that have nothing to do with each other stay below this level.

    Args:
      height: of the maps, in pixels.
      width: of the maps, in pixels.
      k: how many pixels.
      window: side w of the window in pixels, odd.

    Raises:
      InputError: if `k` is not from 1 to d, or the window is not odd.
    """
    size = height * width
    chance_top_k(size, k)
    _check_window(window)
    counts = np.outer(_reach(height, window), _reach(width, window))
    sizes, pixels = np.unique(counts, return_counts=True)
    empty = [_none_inside(size, int(n), k) for n in sizes]
    return float(1.0 - np.average(empty, weights=pixels))


def _widen(mask: tf.Tensor, window: int) -> tf.Tensor:
    pixels = tf.cast(mask, tf.float32)[..., tf.newaxis]
    return tf.nn.max_pool2d(pixels, window, strides=1, padding="SAME")[..., 0] > 0


def _reach(side: int, window: int) -> np.ndarray:
    """How many positions of a row of `side` each window covers, cut at the ends."""
    at, half = np.arange(side), window // 2
    return np.minimum(at + half, side - 1) - np.maximum(at - half, 0) + 1


def _none_inside(size: int, inside: int, k: int) -> float:
    """`C(size - inside, k) / C(size, k)`, in logarithms."""
    if k > size - inside:
        return 0.0
    log = math.lgamma
    return math.exp(
        log(size - inside + 1) + log(size - k + 1) - log(size - inside - k + 1) - log(size + 1)
    )


def _check(shape: tf.TensorShape, window: int) -> None:
    if shape.rank != 3:
        raise InputError(
            f"LENS needs maps [B, H, W], not shape {shape}; reduce the channels first, and use "
            "the top-k intersection for data that are not images."
        )
    _check_window(window)


def _check_window(window: int) -> None:
    if window < 1 or window % 2 == 0:
        raise InputError(f"A LENS window of {window} has no middle pixel; choose 1, 3, 5, ...")
