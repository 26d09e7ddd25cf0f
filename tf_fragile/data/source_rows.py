"""Signals, rows and several named inputs from a NumPy archive."""

from __future__ import annotations

from tf_fragile.data.arrays import Parts, of_arrays
from tf_fragile.data.classes import Classes
from tf_fragile.data.npz_choice import LABELS, choose, split
from tf_fragile.data.npz_members import members, read
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError, readable
from tf_fragile.limits import FILE_LIMIT


def open_rows(
    spec: str,
    shape: tuple[int, ...],
    *,
    parts: Parts = (),
    outputs: int | None = None,
    classes: Classes | None = None,
    bounds: tuple[float, float] | None = None,
    file_limit: float = FILE_LIMIT,
) -> Source:
    """Opens an archive with samples that are no pictures, and perhaps labels.

    Args:
      spec: as of `source_npz.open_npz`; for several inputs the archive alone, whose arrays have
        their names.
      shape: of one sample.
      parts: several inputs that it holds.
      outputs: how many classes the model tells apart.
      classes: what they are called.
      bounds: smallest and largest value there can be; those of the data where `None`.
      file_limit: GB that an array may expand to in memory.

    Raises:
      InputError: if the file, an array, or a value in it can't be used.
    """
    path, asked = split(spec)
    there = members(path, file_limit)
    if parts:
        if asked:
            raise InputError(
                f"{f'npz:{spec}'!r} names arrays, and a model of several inputs takes those of "
                f"their names; write npz:{path}."
            )
        names = [part.name for part in parts]
        missing = [name for name in names if name not in there]
        if missing:
            raise InputError(
                f"{path!r} has no array {missing[0]!r}, which is an input of the model; it has "
                f"{', '.join(map(repr, there)) or 'none at all'}: store each input under its name."
            )
        labels = next((name for name in LABELS if name in there and name not in names), None)
        used = {name: read(path, name) for name in names}
        left = tuple(name for name in there if name not in (*names, labels))
    else:
        choice = choose(there, asked, path)
        labels, left = choice.labels, choice.left
        used = {choice.images: read(path, choice.images)}
    said = ", ".join(map(repr, left))
    return of_arrays(
        f"npz:{readable(spec)}",
        used,
        None if labels is None else read(path, labels),
        shape,
        parts=parts,
        outputs=outputs,
        classes=classes,
        bounds=bounds,
        notes=(f"Arrays of the archive that are not read: {said}.",) if left else (),
        where=repr(path),
    )
