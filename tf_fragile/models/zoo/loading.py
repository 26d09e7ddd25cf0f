"""Getting a network with its weights, from the zoo or from a file."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import keras

from tf_fragile.errors import InputError
from tf_fragile.models.zoo.applications import APPLICATIONS
from tf_fragile.models.zoo.catalogue import ZOO
from tf_fragile.models.zoo.embedded import WEIGHTS as EMBEDDED_WEIGHTS
from tf_fragile.models.zoo.entry import ZooEntry
from tf_fragile.models.zoo.weights import check_finite, load_weights_npz

# What Keras raises on files that are damaged, unsafe, or made of layers it does not know.
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


def entry(name: str) -> ZooEntry:
    """What is known about a network.

    Args:
      name: a name of the zoo or the path of a `.keras` file. About the latter only the name is
        known before it is loaded: shape, classes and preprocessing are `None`.

    Returns:
      The entry.

    Raises:
      InputError: if the name is unknown.
    """
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
    name: str, *, weights: str | os.PathLike[str] | None = None, **options: Any
) -> keras.Model:
    """Builds or reads a network and sets its weights.

    Args:
      name: a name of the zoo, any of `keras.applications`, or the path of a `.keras` file.
      weights: a file of weights (`.npz`, or `.weights.h5` for `keras.applications`);
        `"random"` for an untrained network; `"imagenet"` for the weights Keras downloads for its
        applications. `None` is only for `embedded`, whose weights are shipped, and for `.keras`
        files, which bring theirs.
      **options: settings of the network, e.g. `width`.

    Returns:
      A plain Keras model. Networks of the zoo end in logits.

    Raises:
      InputError: if the name, an option or the weights can't be used.
    """
    if _is_path(name):
        return _load_path(name, weights, options)
    found = ZOO[name]
    if weights is None:
        weights = EMBEDDED_WEIGHTS if name == "embedded" and not options else None
    if weights is None:
        raise InputError(
            f"The network {name!r} comes without weights; give a file of weights, "
            "or weights='random' for an untrained network."
        )
    if weights == "imagenet" and name in APPLICATIONS:
        options = {**options, "weights": "imagenet"}
    model = _build(found, options)
    if weights not in ("random", "imagenet"):
        _set_weights(model, weights, name, found.stored_as)
    return model


def load_keras_file(path: str | os.PathLike[str]) -> keras.Model:
    """Reads a model that Keras saved, running no code that came with it.

    Args:
      path: a `.keras` file.

    Returns:
      The model.

    Raises:
      InputError: if the file is missing, damaged, unsafe to load, needs code that is not there,
        or has weights that are not finite.
    """
    if not Path(path).is_file():
        raise InputError(f"There is no model file {str(path)!r}; give the path of a .keras file.")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except _LOADING_ERRORS as error:
        raise InputError(
            f"The model file {str(path)!r} can't be loaded ({_first_sentence(error)}); "
            "save it again with model.save('name.keras') or repair the file."
        ) from error
    check_finite(model, path)
    return model


def _is_path(name: str) -> bool:
    return name.endswith(".keras") or os.sep in name


def _load_path(
    name: str, weights: str | os.PathLike[str] | None, options: dict[str, Any]
) -> keras.Model:
    if not name.endswith(".keras"):
        raise InputError(
            f"The model {name!r} is neither in the zoo nor a .keras file; "
            "save it with model.save('name.keras')."
        )
    if options:
        raise InputError(f"The model file {name!r} takes no setting {next(iter(options))!r}.")
    model = load_keras_file(name)
    if weights == "random":
        raise InputError(f"The model file {name!r} brings its weights; leave weights out.")
    if weights is not None:
        _set_weights(model, weights, name)
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
            f"({_first_sentence(error)}); change the settings or give a local file of weights."
        ) from error


def _set_weights(
    model: keras.Model,
    path: str | os.PathLike[str],
    name: str,
    stored_as: Mapping[str, str] | None = None,
) -> None:
    if str(path).endswith(".npz") or name not in APPLICATIONS:
        load_weights_npz(model, path, stored_as)
        return
    if not Path(path).is_file():
        raise InputError(f"There is no file {str(path)!r}; give the path of a file of weights.")
    try:
        with warnings.catch_warnings():
            # Keras only warns where it leaves layers with fresh weights.
            warnings.filterwarnings("error", message="Skipping", category=UserWarning)
            model.load_weights(path)
    except (*_LOADING_ERRORS, UserWarning) as error:
        raise InputError(
            f"The weights {str(path)!r} don't fit {name!r} ({_first_sentence(error)}); "
            "give a .weights.h5 or .h5 file of that network."
        ) from error
    check_finite(model, path)


def _first_sentence(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text.split(". ")[0].rstrip(".")[:200]
