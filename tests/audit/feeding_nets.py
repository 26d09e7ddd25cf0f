"""A network that tells six colours apart by hue and brightness, for any preprocessing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import keras
import numpy as np

from tf_fragile.audit.alternatives import geometries, preprocessings
from tf_fragile.audit.class_orders import class_orders
from tf_fragile.audit.feeding import Feeding, judge
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Sample, Source
from tf_fragile.probes.sampling import Seen, draw, nothing_seen

SIDE, CLASSES = 6, 6
NAMES = ("dark_red", "dark_green", "dark_blue", "red", "green", "blue")


def pictures(n: int, seed: int = 0, shape: tuple[int, int] = (SIDE, SIDE)) -> np.ndarray:
    """One of every class in turn [n, H, W, 3] uint8."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(n) % CLASSES
    pixels = rng.integers(20, 60, (n, *shape, 3)) + 100 * (kinds // 3)[:, None, None, None]
    pixels[np.arange(n), :, :, kinds % 3] += 60
    return pixels.astype(np.uint8)


def model(fed: Preprocessing, gain: float = 0.1, own: Preprocessing | None = None) -> keras.Model:
    """Softmax over hue and brightness of the mean colour of inputs that were preprocessed as `fed`.

    Args:
      fed: what the weights expect.
      gain: logits a grey level.
      own: what the model does to its inputs first, as a layer.
    """
    x = keras.Input((SIDE, SIDE, 3))
    h = x
    if own is not None:
        h = keras.layers.Rescaling(1 / own.scale[0], -own.mean[0] / own.scale[0])(x)
    dense = keras.layers.Dense(CLASSES, activation="softmax", name="probs")
    made = keras.Model(x, dense(keras.layers.GlobalAveragePooling2D()(h)))
    hue, mean = np.eye(3) - 1 / 3, np.full((3, 3), 1 / 3)
    kernel = gain * np.concatenate([hue - mean, hue + mean], 1)
    bias = gain * 110 * np.repeat([1.0, -1.0], 3)
    if fed.order == "bgr":
        kernel = kernel[::-1]
    means, scales = (np.broadcast_to(v, 3) for v in (fed.mean, fed.scale))
    weights = [kernel * scales[:, None], bias + means @ kernel]
    dense.set_weights([w.astype(np.float32) for w in weights])
    return made


def network(name: str = "unit", **how: float) -> Network:
    return as_network(model(PREPROCESSINGS[name], **how))


def source(
    name: str = "unit", n: int = 60, labels: np.ndarray | None = None, images=None, **more
) -> Source:
    """Pictures in memory, fed as `name` says; `labels` of -1 are unknown."""
    images = pictures(n) if images is None else images
    labels = np.arange(len(images)) % CLASSES if labels is None else labels
    return Source(
        name="colours",
        class_names=NAMES,
        image_shape=(SIDE, SIDE, 3),
        preprocessing=PREPROCESSINGS[name],
        read=lambda position: Sample(images[position], int(labels[position])),
        digest=lambda: "",
        size=len(images),
        **{"numbering": "names", **more},
    )


def judged(
    data: Source,
    net: Network,
    num: int | None = 4,
    seed: int = 0,
    resize: str = "stretch",
    opened: Callable[[str], Source] | None = None,
) -> Feeding:
    """As an audit of `num` images judges it."""

    def others(seen: Seen):
        found = preprocessings(data, net)
        if seen.labelled.any():
            found += class_orders(data, net, seen)
            other = opened or (lambda _: data)
            found += geometries(
                data, net, Reading(resize), lambda how: other(how.resize), seen.positions[:4]
            )
        return found

    classes = net.task == "classes"
    seen = draw(data, net, num, only_correct=True, seed=seed).seen if classes else nothing_seen()
    return judge(data, net, seen, seed=seed, alternatives=others)


def refed(data: Source, name: str) -> Source:
    return replace(data, preprocessing=PREPROCESSINGS[name])
