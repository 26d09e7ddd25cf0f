"""Opening a data source by its spec: `KIND:WHERE`."""

from __future__ import annotations

from tf_fragile.data.arrays import Parts
from tf_fragile.data.classes import Classes
from tf_fragile.data.preprocessing import Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.data.source_embedded import open_embedded
from tf_fragile.data.source_folder import open_folder
from tf_fragile.data.source_npz import open_npz
from tf_fragile.data.source_rows import open_rows
from tf_fragile.data.source_tfds import open_tfds
from tf_fragile.data.specs import KINDS
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.limits import FILE_LIMIT


def open_source(
    spec: str,
    *,
    preprocessing: Preprocessing,
    image_shape: tuple[int, ...],
    parts: Parts = (),
    reading: Reading | None = None,
    outputs: int | None = None,
    classes: Classes | None = None,
    seed: int = 0,
    data_dir: str | None = None,
    file_limit: float = FILE_LIMIT,
) -> Source:
    """Opens a data source.

    Args:
      spec: `embedded`, `embedded/SPLIT`, `folder:DIR`, `npz:FILE` (or `npz:FILE#IMAGES,LABELS`) or
        `tfds:NAME/SPLIT`.
      preprocessing: how pixels become model units.
      image_shape: `(H, W, C)` the network takes, or the shape of a signal or a row.
      parts: several inputs that a row holds.
      reading: how pictures are brought to `image_shape`; as Keras' loader does where `None`.
      outputs: how many classes the model tells apart; labels are compared with it.
      classes: what they are called; by the folders or the data set itself where `None`.
      seed: which data set, for `embedded`.
      data_dir: where prepared data sets lie, for `tfds`.
      file_limit: GB that a picture or an array may take in memory, see `limits.too_large`.

    Returns:
      The source.

    Raises:
      InputError: if the spec names nothing that can be opened.
    """
    kind, colon, where = spec.partition(":")
    if not colon:
        kind, _, where = spec.partition("/")
    if kind not in KINDS:
        raise unknown_name("data source", kind, KINDS)
    if kind != "npz" and preprocessing.bounds is not None:
        raise InputError(
            f"--bounds is for arrays that are stored as the model takes them (npz:FILE), but "
            f"{spec!r} has pictures of 0 to 255; leave --bounds out."
        )
    if len(image_shape) != 3:
        return _of_arrays(
            spec, kind, where, preprocessing, image_shape, parts, outputs, classes, file_limit
        )
    height, width, channels = image_shape
    if kind == "embedded":
        return open_embedded(
            where,
            preprocessing=preprocessing,
            image_shape=(height, width, channels),
            outputs=outputs,
            classes=classes,
            seed=seed,
        )
    if not colon or not where:
        raise InputError(f"Data source {spec!r} says not where; write {kind}:PATH_OR_NAME.")
    if kind == "folder":
        return open_folder(
            where,
            preprocessing=preprocessing,
            image_shape=(height, width, channels),
            reading=reading,
            outputs=outputs,
            classes=classes,
            file_limit=file_limit,
        )
    if kind == "npz":
        return open_npz(
            where,
            preprocessing=preprocessing,
            image_shape=(height, width, channels),
            reading=reading,
            outputs=outputs,
            classes=classes,
            file_limit=file_limit,
        )
    return open_tfds(
        where,
        preprocessing=preprocessing,
        image_shape=(height, width, channels),
        reading=reading,
        outputs=outputs,
        classes=classes,
        data_dir=data_dir,
    )


def _of_arrays(
    spec: str,
    kind: str,
    where: str,
    preprocessing: Preprocessing,
    shape: tuple[int, ...],
    parts: Parts,
    outputs: int | None,
    classes: Classes | None,
    file_limit: float,
) -> Source:
    """Signals and rows, which are arrays of an archive.

    Raises:
      InputError: other data were named.
    """
    if kind == "npz" and where:
        return open_rows(
            where,
            shape,
            parts=parts,
            outputs=outputs,
            classes=classes,
            bounds=preprocessing.bounds,
            file_limit=file_limit,
        )
    wanted = " and ".join(f"{p.name!r} [N{_spoken(p.shape)}]" for p in parts)
    wanted = f"arrays {wanted}" if parts else f"an array [N{_spoken(shape)}]"
    raise InputError(
        f"The model takes no pictures, and {spec!r} has pictures; give npz:FILE with {wanted}."
    )


def _spoken(shape: tuple[int, ...]) -> str:
    return "".join(f", {side}" for side in shape)
