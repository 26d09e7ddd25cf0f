"""Getting a network with its weights, from the zoo or from a file."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from tf_fragile.errors import InputError
from tf_fragile.limits import FILE_LIMIT
from tf_fragile.models.saved.claims import check_stored
from tf_fragile.models.saved.formats import check_format, is_path
from tf_fragile.models.saved.loading import load_file
from tf_fragile.models.saved.user_code import import_code, reason
from tf_fragile.models.zoo.applications import APPLICATIONS
from tf_fragile.models.zoo.catalogue import ZOO
from tf_fragile.models.zoo.embedded import WEIGHTS as EMBEDDED_WEIGHTS
from tf_fragile.models.zoo.entry import ZooEntry
from tf_fragile.models.zoo.weights import check_finite, load_weights_npz

# What Keras raises on weights that are damaged or don't fit.
_LOADING_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    ImportError,
    RuntimeError,
    zipfile.BadZipFile,
)


def entry(name: str | os.PathLike[str]) -> ZooEntry:
    """What is known about a network.

    Args:
      name: a name of the zoo or the path of a `.keras` or `.h5` file. About the latter only the
        name is known before it is loaded: shape, classes and preprocessing are `None`.

    Returns:
      The entry.

    Raises:
      InputError: if the name is unknown.
    """
    name = os.fspath(name)
    if not _is_path(name):
        return ZOO[name]
    return ZooEntry(
        name=name,
        build=partial(load_keras_file, name),
        input_shape=None,
        preprocessing=None,
        num_classes=None,
        description=f"Keras model from {name}.",
    )


def load(
    name: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    unsafe: bool = False,
    imports: Sequence[str] = (),
    file_limit: float = FILE_LIMIT,
    **options: Any,
) -> keras.Model:
    """Builds or reads a network and sets its weights.

    Args:
      name: a name of the zoo, any of `keras.applications`, or the path of a `.keras` or `.h5`
        file.
      weights: a file of weights (`.npz`; for `keras.applications` and model files also
        `.weights.h5` or `.h5`); `"random"` for an untrained network; `"imagenet"` for the weights
        Keras downloads for its applications. `None` is only for `embedded`, whose weights are
        shipped, and for model files, which bring theirs.
      unsafe: of a model file, also run the code in it, as that of Lambda layers.
      imports: `.py` files or modules to run first, which define the classes and functions that a
        model file needs, or register parts of your own.
      file_limit: GB that a file may expand to in memory, see `limits.too_large`.
      **options: settings of the network, e.g. `width`.

    Returns:
      A plain Keras model. Networks of the zoo end in logits.

    Raises:
      InputError: if the name, an option, the weights or the code can't be used.
    """
    name = os.fspath(name)
    imports = (imports,) if isinstance(imports, str) else tuple(imports)
    if _is_path(name):
        return _load_path(name, weights, unsafe, imports, file_limit, options)
    found = ZOO[name]
    if unsafe:
        raise InputError(
            f"The network {name!r} has no code in a file; leave out --unsafe_load (in Python: "
            "unsafe), which is for model files."
        )
    for target in imports:
        import_code(target)
    if weights is None:
        weights = EMBEDDED_WEIGHTS if name == "embedded" and not options else None
    if weights is None:
        raise InputError(
            f"The network {name!r} comes without weights; give a file of weights, "
            "or weights='random' for an untrained network."
        )
    if weights == "imagenet" and name not in APPLICATIONS:
        raise InputError(
            f"The network {name!r} has no weights that Keras downloads by the name 'imagenet'; "
            "give a file of weights, or 'random' for an untrained network."
        )
    if weights == "imagenet":
        options = {**options, "weights": "imagenet"}
    model = _build(found, options)
    if weights not in ("random", "imagenet"):
        _set_weights(model, weights, name, file_limit, found.stored_as)
    return model


def load_keras_file(
    path: str | os.PathLike[str],
    *,
    unsafe: bool = False,
    imports: Sequence[str] = (),
    file_limit: float = FILE_LIMIT,
) -> keras.Model:
    """Reads a model that Keras saved, running no code but what is asked for.

    Args:
      path: a `.keras` or `.h5` file.
      unsafe: run the code in the file, as that of Lambda layers.
      imports: `.py` files or modules to run first.
      file_limit: GB that the file may expand to in memory, see `limits.too_large`.

    Returns:
      The model.

    Raises:
      InputError: if the file is missing, damaged or of another kind, needs code that is not there
        or was not asked for, or has weights that are not finite.
    """
    model = load_file(path, unsafe=unsafe, imports=imports, file_limit=file_limit)
    check_finite(model, path)
    return model


def _is_path(name: str) -> bool:
    return name not in ZOO and is_path(name)


def _load_path(
    name: str,
    weights: str | os.PathLike[str] | None,
    unsafe: bool,
    imports: Sequence[str],
    file_limit: float,
    options: dict[str, Any],
) -> keras.Model:
    check_format(name)
    if options:
        raise InputError(
            f"The model file {name!r} takes no setting {next(iter(options))!r}; leave it out."
        )
    if weights in ("random", "imagenet"):
        raise InputError(f"The model file {name!r} brings its weights; leave weights out.")
    model = load_keras_file(name, unsafe=unsafe, imports=imports, file_limit=file_limit)
    if weights is not None:
        _set_weights(model, weights, name, file_limit)
    return model


def _build(found: ZooEntry, options: dict[str, Any]) -> keras.Model:
    downloads = options.get("weights") == "imagenet"
    # Keras raises a bare Exception where a download fails.
    expected: type[Exception] = Exception if downloads else TypeError
    try:
        return found.build(**options)
    except InputError:
        raise
    except expected as error:
        settings = ", ".join(f"{key}={value!r}" for key, value in options.items())
        raise InputError(
            f"The network {found.name!r} can't be built with {settings or 'no settings'} "
            f"({reason(error)}); change the settings or give a local file of weights."
        ) from error


def _set_weights(
    model: keras.Model,
    path: str | os.PathLike[str],
    name: str,
    file_limit: float,
    stored_as: Mapping[str, str] | None = None,
) -> None:
    if str(path).endswith(".npz") or (name in ZOO and name not in APPLICATIONS):
        load_weights_npz(model, path, stored_as, file_limit)
        return
    if not Path(path).is_file():
        raise InputError(f"There is no file {str(path)!r}; give the path of a file of weights.")
    try:
        check_stored(path, file_limit)
        with warnings.catch_warnings():
            # Keras only warns where it leaves layers with fresh weights.
            warnings.filterwarnings("error", message="Skipping", category=UserWarning)
            model.load_weights(path)
    except InputError:
        raise
    except (*_LOADING_ERRORS, UserWarning) as error:
        raise InputError(
            f"The weights {str(path)!r} don't fit {name!r} ({reason(error)}); "
            "give a .weights.h5 or .h5 file of that network."
        ) from error
    check_finite(model, path)
