"""Weights as a plain NumPy archive: one array for each `<layer>/<variable>`."""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tf_fragile.errors import InputError
from tf_fragile.limits import FILE_LIMIT, check_archive


def save_weights_npz(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Writes a model's weights, whole or not at all.

    Args:
      model: a model whose layers have weights of their own (no nested models).
      path: the archive to write; an older one is replaced.
    """
    write_npz({key: np.asarray(v.value) for key, v in _variables(model).items()}, path)


def write_npz(arrays: Mapping[str, npt.NDArray[np.generic]], path: str | os.PathLike[str]) -> None:
    """Writes named arrays to an archive, whole or not at all; an older one is replaced."""
    target = Path(path)
    named: dict[str, Any] = dict(arrays)
    handle, temporary = tempfile.mkstemp(dir=target.parent, suffix=".npz")
    try:
        with os.fdopen(handle, "wb") as stream:
            np.savez_compressed(stream, allow_pickle=False, **named)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_weights_npz(
    model: keras.Model,
    path: str | os.PathLike[str],
    stored_as: Mapping[str, str] | None = None,
    file_limit: float = FILE_LIMIT,
) -> None:
    """Sets every weight of a model from an archive; nothing is set unless everything fits.

    Args:
      model: the model, changed in place.
      path: the archive, of any float dtype; values are cast to the model's. A "/" in a layer's
        name, which Keras does not allow, stands for "_".
      stored_as: variables' names that the archive may have, and Keras's names of them, e.g.
        `{"mean": "moving_mean"}`; Keras's own are always understood.
      file_limit: GB that the archive may expand to in memory, see `limits.too_large`.

    Raises:
      InputError: naming the first entry that is missing, superfluous, of another shape, not
        finite or too large, or saying why the file can't be read.
    """
    wanted = _variables(model)
    found = _renamed(
        {_keras_key(key): v for key, v in _read(path, file_limit).items()}, stored_as or {}
    )
    for key, variable in wanted.items():
        if key not in found:
            raise InputError(
                f"The weights {str(path)!r} have no entry {key!r}, which {model.name!r} needs; "
                "give the weights of that network."
            )
        if found[key].shape != tuple(variable.shape):
            raise InputError(
                f"The entry {key!r} of {str(path)!r} has shape {list(found[key].shape)}, but "
                f"{model.name!r} needs {list(variable.shape)}; give the weights of that network "
                "at the same settings."
            )
        if found[key].dtype.kind != "f" or not np.all(np.isfinite(found[key])):
            raise InputError(
                f"The entry {key!r} of {str(path)!r} contains NaN, infinity or no numbers; "
                "give weights that are finite."
            )
    if extra := sorted(found.keys() - wanted.keys()):
        raise InputError(
            f"The weights {str(path)!r} have an entry {extra[0]!r}, which {model.name!r} has no "
            "place for; give the weights of that network."
        )
    for key, variable in wanted.items():
        variable.assign(found[key])


def check_finite(model: keras.Model, path: str | os.PathLike[str]) -> None:
    """Raises `InputError` naming the first weight of a model that is not finite."""
    for variable in model.weights:
        if not keras.backend.is_float_dtype(variable.dtype):
            continue
        value = np.asarray(variable.value)
        if value.dtype.kind != "f":
            value = value.astype(np.float32)  # bfloat16, which NumPy knows nothing of
        if not np.all(np.isfinite(value)):
            raise InputError(
                f"The weight {variable.path!r} of {str(path)!r} contains NaN or infinity; "
                "repair or retrain the model."
            )


def _variables(model: keras.Model) -> dict[str, keras.Variable]:
    return {f"{layer.name}/{v.name}": v for layer in model.layers for v in layer.weights}


def _keras_key(key: str) -> str:
    layer, _, variable = key.rpartition("/")
    return f"{layer.replace('/', '_')}/{variable}"


def _renamed(
    found: Mapping[str, npt.NDArray[np.generic]], stored_as: Mapping[str, str]
) -> dict[str, npt.NDArray[np.generic]]:
    """The entries by Keras's names; one that is there by both keeps its own, and is superfluous."""
    result = dict(found)
    for key in found:
        layer, _, variable = key.rpartition("/")
        new = f"{layer}/{stored_as.get(variable, variable)}"
        if new not in found:
            result[new] = result.pop(key)
    return result


def _read(path: str | os.PathLike[str], file_limit: float) -> dict[str, npt.NDArray[np.generic]]:
    if not Path(path).is_file():
        raise InputError(f"There is no file {str(path)!r}; give the path of an .npz archive.")
    try:
        check_archive(path, file_limit)
        # A stream of our own is closed where NumPy gives up on a damaged archive.
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except InputError:
        raise
    except (OSError, ValueError, TypeError, EOFError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{str(path)!r} can't be read as an .npz archive of weights ({error}); "
            "write it again or give another file."
        ) from error
