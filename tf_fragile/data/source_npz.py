"""Images and labels from a NumPy archive."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from tf_fragile.data.classes import Classes
from tf_fragile.data.geometry import in_words, resizer
from tf_fragile.data.npz_choice import Choice, choose, split
from tf_fragile.data.npz_labels import Labels, to_labels
from tf_fragile.data.npz_layout import arranged
from tf_fragile.data.npz_members import members, read
from tf_fragile.data.npz_scale import check_scale, survey
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Numbering, Read, Sample, Source
from tf_fragile.errors import readable
from tf_fragile.limits import FILE_LIMIT


def open_npz(
    spec: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, int, int],
    reading: Reading | None = None,
    outputs: int | None = None,
    classes: Classes | None = None,
    file_limit: float = FILE_LIMIT,
) -> Source:
    """Opens an archive with images and perhaps labels.

    Images are pixel values 0..255, or what `preprocessing.bounds` says; the scale is looked for in
    all of their values. Labels are whole numbers of any type, one-hot rows, or names of classes.

    Args:
      spec: the archive, whose `images` (or `x`) and `labels` (or `y`) are read, or
        `FILE#IMAGES,LABELS`, or `FILE#IMAGES` for images alone. Nothing in it is unpickled.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes; images of another size are resized.
      reading: how; as Keras' loader does where `None`.
      outputs: how many the model has; labels are not compared with it where `None`.
      classes: what they are called.
      file_limit: GB that an array may expand to in memory, see `limits.too_large`.

    Returns:
      The source; labels are -1 where there are none.

    Raises:
      InputError: if the file, an array, or a value in it can't be used, or could be meant in more
        than one way; says what to write.
    """
    path, asked = split(spec)
    choice = choose(members(path, file_limit), asked, path)
    rule, where = reading or Reading(), f"{choice.images!r} in {path!r}"
    images = arranged(read(path, choice.images), image_shape, choice.images, path)
    values = survey(images, where)
    odd = check_scale(values, images.dtype, preprocessing, where)
    labels = _labels(path, choice, len(images), outputs, classes)
    by_name = labels.by_name
    fits = images.shape[1:3] == image_shape[:2]

    def reader(reading: Reading, image_shape: tuple[int, int, int]) -> Read:
        resize = resizer(reading, image_shape, preprocessing.stored)
        fits = images.shape[1:3] == image_shape[:2]

        def read(position: int) -> Sample:
            pixels = images[position] if fits else resize(images[position])
            return Sample(pixels, int(labels.values[position]))

        return read

    return Source(
        name=f"npz:{readable(spec)}",
        class_names=by_name.names if by_name else None if classes is None else classes.names,
        image_shape=image_shape,
        preprocessing=preprocessing,
        read=reader(rule, image_shape),
        digest=lambda: _digest(images, labels.values),
        size=len(images),
        classes_from=by_name.origin if by_name else _classes_from(choice, outputs, classes),
        notes=(*_notes(choice), *labels.notes, *odd),
        geometry=""
        if fits
        else f"{images.shape[1]}x{images.shape[2]}, {in_words(rule, image_shape)}",
        reader=reader,
        numbering=_numbering(choice, labels),
        reading=None if fits else rule,
        outputs=by_name.outputs if by_name else (),
    )


def _labels(
    path: str, choice: Choice, count: int, outputs: int | None, classes: Classes | None
) -> Labels:
    if choice.labels is None:
        return Labels(np.full(count, -1, np.int64))
    return to_labels(
        read(path, choice.labels),
        count,
        where=f"{choice.labels!r} in {path!r}",
        alone=f"npz:{readable(path)}#{choice.images}",
        outputs=outputs,
        classes=classes,
    )


def _classes_from(choice: Choice, outputs: int | None, classes: Classes | None) -> str:
    if choice.labels is None or outputs is None:
        return ""
    named = "" if classes is None else f", names by {classes.origin}"
    return f"labels are the outputs' own numbers{named}"


def _numbering(choice: Choice, labels: Labels) -> Numbering:
    if choice.labels is None:
        return ""
    return "names" if labels.by_name else "one-hot" if labels.one_hot else "numbers"


def _notes(choice: Choice) -> tuple[str, ...]:
    if not choice.left:
        return ()
    names = ", ".join(map(repr, choice.left))
    return (f"Arrays of the archive that are not read: {names}.",)


def _digest(images: npt.NDArray[np.generic], labels: npt.NDArray[np.int64]) -> str:
    sha = hashlib.sha256(f"{images.dtype.str}{images.shape}".encode())
    sha.update(np.ascontiguousarray(images).tobytes())
    sha.update(labels.tobytes())
    return sha.hexdigest()
