"""On what numbers are computed."""

from __future__ import annotations

import tensorflow as tf


def device() -> str:
    """What TensorFlow computes on, in words; sums round otherwise on another one."""
    gpus = tf.config.list_physical_devices("GPU")
    names = [tf.config.experimental.get_device_details(gpu).get("device_name") for gpu in gpus]
    return ", ".join(str(name) for name in names) or "CPU"
