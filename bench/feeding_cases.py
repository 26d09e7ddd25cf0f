"""Networks with public weights, a small one trained here, and ten ways to feed each wrongly."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data import PREPROCESSINGS, Source, open_source
from tf_fragile.data.preprocessing import Preprocessing, swapped
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Sample
from tf_fragile.models import zoo

WEIGHTS = {
    "squeezenet_v1.0": "squeezenet_v1.0_imagenet.npz",
    "efficientnet_lite0": "efficientnet_lite0_imagenet.npz",
    "mobilenet_v1": "mobilenet_v1_1.0_224_imagenet.npz",
    "mobilenet_v2": "mobilenet_v2_1.0_224_imagenet.npz",
}
XRAY = "chest X-ray net"
EPOCHS = 6
SUBSET = 10  # classes


@dataclass(frozen=True, eq=False)
class Case:
    """One way to feed one model.

    Attributes:
      network: the model.
      source: the data as it is given them.
      resize: how pictures are brought to its size, a key of `data.reading.RESIZES`.
      reopened: the same data in another geometry.
    """

    network: Network
    source: Source
    resize: str
    reopened: Callable[[str], Source]


@dataclass(frozen=True, eq=False)
class Fed:
    """A network and the data that it was trained for.

    Attributes:
      name: of the network.
      model: the network.
      preprocessing: what it was trained with.
      spec: of the data.
      shape: of its input.
      resize: how pictures are brought to it.
      short_side: of `Reading("imagenet")`.
      wrong_scales: names of preprocessings: scale missing, and one range where another is wanted.
      subset: a folder of a part of the classes.
    """

    name: str
    model: keras.Model
    preprocessing: Preprocessing
    spec: str
    shape: tuple[int, int, int]
    resize: str
    short_side: int | None
    wrong_scales: tuple[str, str, str]
    subset: str

    def opened(self, resize: str | None = None, spec: str = "") -> Source:
        """The data, read as `resize` says."""
        how = resize or self.resize
        reading = Reading(how, short_side=self.short_side if how == "imagenet" else None)  # type: ignore[arg-type]
        return open_source(
            spec or self.spec,
            preprocessing=self.preprocessing,
            image_shape=self.shape,
            reading=reading,
            outputs=int(self.model.output_shape[-1]),
        )


class Remembering:
    """A network that computes each input once; anything else is the network's own."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._known: dict[int, np.ndarray] = {}
        self._compiled = tf.function(network.outputs, autograph=False, reduce_retracing=True)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)

    def outputs(self, x: Any) -> tf.Tensor:
        """As `Network.outputs`."""
        rows = np.asarray(x)
        keys = [zlib.crc32(row.tobytes()) for row in rows]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            for i, row in zip(new, self._compiled(tf.constant(rows[new])), strict=True):
                self._known[keys[i]] = row.numpy()
        return tf.constant(np.stack([self._known[key] for key in keys]))


def photographs(data: Path, name: str, scratch: Path) -> Fed:
    """A network of the zoo on the photographs."""
    entry = zoo.entry(name)
    assert entry.input_shape is not None
    right = PREPROCESSINGS[str(entry.preprocessing)]
    bgr = right.order == "bgr"
    return Fed(
        name=name,
        model=zoo.load(name, weights=data / WEIGHTS[name]),
        preprocessing=right,
        spec=f"folder:{data / 'imagenet_sample'}",
        shape=entry.input_shape,
        resize="imagenet",
        short_side=entry.short_side,
        wrong_scales=("raw_bgr", "unit_bgr", "tf_bgr") if bgr else ("raw", "unit", "unit"),
        subset=f"folder:{_linked(data / 'imagenet_sample', scratch / 'subset')}",
    )


def xrays(data: Path, scratch: Path) -> Fed:
    """A small network trained here on chest X-rays, 28 x 28."""
    arrays = np.load(data / "pneumoniamnist.npz")
    right = PREPROCESSINGS["unit"]
    keras.utils.set_random_seed(0)
    x = keras.Input((28, 28, 1))
    h = x
    for width in (16, 32, 64):
        h = layers.Conv2D(width, 3, strides=2, padding="same", activation="relu")(h)
    model = keras.Model(x, layers.Dense(2, activation="softmax")(layers.Flatten()(h)))
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    images = right.forward(arrays["train_images"][..., None])
    model.fit(images, arrays["train_labels"].reshape(-1), 64, EPOCHS, verbose=0)
    scratch.mkdir(parents=True, exist_ok=True)
    labels = arrays["test_labels"].reshape(-1)
    np.savez(scratch / "xrays.npz", images=arrays["test_images"], labels=labels)
    ill = scratch / "subset" / "pneumonia"
    ill.mkdir(parents=True, exist_ok=True)
    for i in np.flatnonzero(labels == 1)[:100]:
        keras.utils.save_img(ill / f"{i}.png", arrays["test_images"][i][..., None], scale=False)
    return Fed(
        XRAY,
        model,
        right,
        f"npz:{scratch / 'xrays.npz'}",
        (28, 28, 1),
        "stretch",
        None,
        ("raw", "unit", "tf"),
        f"folder:{scratch / 'subset'}",
    )


def _linked(folder: Path, scratch: Path) -> Path:
    """Every 60th class folder under a name of its own, so that only its place is known."""
    scratch.mkdir(parents=True, exist_ok=True)
    chosen = sorted(path for path in folder.iterdir() if path.is_dir())[:: 600 // SUBSET]
    for i, path in enumerate(chosen):
        link = scratch / f"kind_{i}"
        if not link.exists():
            link.symlink_to(path, target_is_directory=True)
    return scratch


def right(fed: Fed) -> Case:
    """As it should be."""
    return Case(as_network(fed.model), fed.opened(), fed.resize, fed.opened)


def cases(fed: Fed) -> Mapping[str, Callable[[], Case]]:
    """Ten mistakes; each is made when called, or refused with an `InputError`."""
    missing, twice, range_ = fed.wrong_scales
    classes = int(fed.model.output_shape[-1])
    scaled = any(scale != 1 for scale in fed.preprocessing.scale)
    made: dict[str, Callable[[], Case]] = {
        "scale missing": lambda: _given(fed, PREPROCESSINGS[missing]),
        "scaled twice": lambda: _given(fed, PREPROCESSINGS[twice], inside=scaled),
        "0..1 and -1..1 confused": lambda: _given(fed, PREPROCESSINGS[range_]),
        "BGR for RGB": lambda: _given(fed, swapped(fed.preprocessing)),
        "centred twice": lambda: _given(fed, _centred(fed.preprocessing), inside=True),
        "wrong size": lambda: _wrong_size(fed),
        "classes in reverse": lambda: _labelled(fed, lambda label: classes - 1 - label),
        "classes shifted by one": lambda: _labelled(fed, lambda label: (label + 1) % classes),
        "a subset of the classes": lambda: replace(right(fed), source=fed.opened(spec=fed.subset)),
        "16 bits clipped to 8": lambda: _clipped(fed),
    }
    if fed.shape[2] == 1:
        del made["BGR for RGB"]
    return made


def _centred(preprocessing: Preprocessing) -> Preprocessing:
    """Itself where it centres anything, else the usual one that does."""
    return preprocessing if any(preprocessing.mean) else PREPROCESSINGS["tf"]


def _given(fed: Fed, other: Preprocessing, inside: bool = False) -> Case:
    """Fed as `other`; `inside`: the model does its own preprocessing, too."""

    def opened(resize: str | None = None) -> Source:
        return replace(fed.opened(resize), preprocessing=other)

    model = _with_own(fed) if inside else fed.model
    return Case(as_network(model), opened(), fed.resize, opened)


def _with_own(fed: Fed) -> keras.Model:
    """The model behind layers that do its preprocessing."""
    x = keras.Input(fed.shape)
    own = fed.preprocessing
    channels = fed.shape[2]
    h = keras.ops.flip(x, -1) if own.order == "bgr" else x
    scale, mean = (np.broadcast_to(v, channels).astype("float32") for v in (own.scale, own.mean))
    h = layers.Normalization(mean=mean, variance=scale**2)(h)
    return keras.Model(x, fed.model(h))


def _wrong_size(fed: Fed) -> Case:
    """Pictures whole in a black frame where their centre is wanted; X-rays with their rim cut."""
    if fed.resize == "imagenet":
        return replace(right(fed), source=fed.opened("pad"), resize="pad")
    path = Path(fed.spec.removeprefix("npz:"))
    arrays = np.load(path)
    cut = path.with_name("cut.npz")
    np.savez(cut, images=arrays["images"][:, 4:-4, 4:-4], labels=arrays["labels"])

    def opened(resize: str) -> Source:
        return fed.opened(resize, spec=f"npz:{cut}")

    return Case(as_network(fed.model), opened(fed.resize), fed.resize, opened)


def _changed(fed: Fed, change: Callable[[Sample], Sample]) -> Case:
    def opened(resize: str | None = None) -> Source:
        source = fed.opened(resize)
        return replace(source, read=lambda position: change(source.read(position)))

    return Case(as_network(fed.model), opened(), fed.resize, opened)


def _labelled(fed: Fed, relabel: Callable[[int], int]) -> Case:
    return _changed(fed, lambda sample: replace(sample, label=relabel(sample.label)))


def _clipped(fed: Fed) -> Case:
    """Values of 0..65535 cut off at 255, as a reader that knows 8 bits does."""

    def clip(sample: Sample) -> Sample:
        return replace(
            sample,
            pixels=np.minimum(257 * np.asarray(sample.pixels, np.float32), 255).astype(np.uint8),
        )

    return _changed(fed, clip)
