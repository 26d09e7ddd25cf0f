"""Loading a model that Keras saved, with the code it needs and no other."""

from __future__ import annotations

import importlib.util
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.limits import FILE_LIMIT
from tf_fragile.models.saved.claims import check_stored, counted_variables
from tf_fragile.models.saved.contents import Part, parts, read_config
from tf_fragile.models.saved.formats import check_format
from tf_fragile.models.saved.lambdas import unpack, write_copy
from tf_fragile.models.saved.user_code import custom_objects, import_code, reason, unknown_parts

_AGAIN = "save it again with model.save('name.keras')"
_IMPORT = "--import=FILE (in Python: imports=['FILE'])"
_UNSAFE = "--unsafe_load (in Python: unsafe=True)"
_PACKAGES = frozenset({"keras_hub", "keras_cv", "keras_nlp"})  # Keras imports these itself
_OPERATIONS_OF_KERAS_2 = (
    "TFOpLambda",
    "SlicingOpLambda",
    "TensorFlowOpLayer",
    "ClassMethod",
    "InstanceMethod",
    "InstanceProperty",
)


def load_file(
    path: str | os.PathLike[str],
    *,
    unsafe: bool = False,
    imports: Sequence[str] = (),
    file_limit: float = FILE_LIMIT,
) -> keras.Model:
    """Reads a model from a `.keras` or `.h5` file, running only the code that is asked for.

    Args:
      path: the file, or a `.keras` directory saved with `zipped=False`.
      unsafe: run code that lies in the file, as that of Lambda layers.
      imports: `.py` files or modules to run first, for the classes and functions they register or
        define.
      file_limit: GB that the file may expand to in memory, see `limits.too_large`.

    Raises:
      InputError: the file is missing, damaged or of another kind, expands to too much, or needs
        code that is not there or was not asked for; says which layer and what to do.
    """
    check_format(path)
    text = os.fspath(path)
    modules = [import_code(target) for target in imports]
    try:
        check_stored(path, file_limit)
        config = read_config(path)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"The model file {text!r} can't be loaded ({reason(error)}); {_AGAIN} or repair the "
            "file."
        ) from error
    _refuse_saved_model_layers(text, config)
    objects = custom_objects(modules, config)
    try:
        with counted_variables(path, file_limit):
            model = _load(path, config, objects, modules if unsafe else None)
    except InputError:
        raise
    # Layers of others raise what they like.
    except Exception as error:
        raise _explained(text, error, config, objects, unsafe, imports) from error
    if not isinstance(model, keras.Model):
        raise InputError(f"{text!r} holds a {type(model).__name__}, no model; save a keras.Model.")
    return model


def _load(
    path: str | os.PathLike[str],
    config: Any,
    objects: Mapping[str, Any],
    modules: Sequence[ModuleType] | None,
) -> Any:
    """The loaded object; with `modules` not `None`, code in the file is run among their names."""
    if modules is None or not any(part.code for part in parts(config)):
        return keras.models.load_model(
            path, custom_objects=dict(objects), compile=False, safe_mode=modules is None
        )
    config, functions = unpack(config, modules)
    with tempfile.TemporaryDirectory() as directory:
        copy = write_copy(path, config, Path(directory))
        return keras.models.load_model(
            copy, custom_objects={**objects, **functions}, compile=False, safe_mode=False
        )


def _refuse_saved_model_layers(text: str, config: Any) -> None:
    for part in parts(config):
        if part.name == "TFSMLayer":
            raise InputError(
                f"The layer {part.layer!r} of {text!r} is a TFSMLayer, a SavedModel in which no "
                "layer can be found, and so neither its softmax nor its activations; put the "
                f"network that was exported in its place and {_AGAIN}."
            )


def _explained(
    text: str,
    error: Exception,
    config: Any,
    objects: Mapping[str, Any],
    unsafe: bool,
    imports: Sequence[str],
) -> InputError:
    unknown = unknown_parts(config, objects)
    if unknown:
        return _unknown(text, unknown[0], imports)
    held = [part.layer for part in parts(config) if part.code]
    if held and not unsafe:
        return InputError(
            f"The layer {held[0]!r} of {text!r} holds Python code (a lambda), which loading would "
            f"run: if you trust the file, give {_UNSAFE}; or write the layer as a class under "
            "@keras.saving.register_keras_serializable(), save the model again and give the "
            f"class's file by {_IMPORT}."
        )
    for package in sorted({part.module.split(".")[0] for part in parts(config)} & _PACKAGES):
        if importlib.util.find_spec(package) is None:
            return InputError(
                f"{text!r} needs the package {package!r}, which is not installed; install it: "
                f"pip install {package.replace('_', '-')}."
            )
    if "safe_mode" in str(error) and not unsafe:
        return InputError(
            f"The model file {text!r} holds code or files that loading would run or read "
            f"({reason(error)}); if you trust it, give {_UNSAFE}."
        )
    if objects or imports:
        return InputError(
            f"The model file {text!r} can't be loaded with {', '.join(imports) or 'its classes'} "
            f"({reason(error)}); repair that code, or its get_config, and {_AGAIN}."
        )
    return InputError(
        f"The model file {text!r} can't be loaded ({reason(error)}); {_AGAIN} or repair the file."
    )


def _unknown(text: str, part: Part, imports: Sequence[str]) -> InputError:
    if part.name in _OPERATIONS_OF_KERAS_2:
        return InputError(
            f"The layer {part.layer!r} of {text!r} is a {part.name}, by which Keras 2 recorded "
            "TensorFlow operations and which Keras 3 can't read; build the network in Keras 3, "
            f"read the weights with model.load_weights({text!r}) and save it whole with "
            "model.save('name.keras')."
        )
    what = "function" if part.function else "class"
    where = f" (layer {part.layer!r})" if part.layer else ""
    who = f"{' and '.join(imports)} does not define" if imports else "Keras does not know"
    public = [name for name in dir(tf.nn) if _called(getattr(tf.nn, name), part.name)]
    if part.function and public:
        remedy = (
            f"if it is tf.nn.{public[0]}, write a file with the lines 'import tensorflow as tf' "
            f"and '{part.name} = tf.nn.{public[0]}', and give it by {_IMPORT}"
        )
    else:
        remedy = f"give the Python file or module that defines it by {_IMPORT}"
    return InputError(f"{text!r} needs the {what} {part.name!r}{where}, which {who}; {remedy}.")


def _called(item: Any, name: str) -> bool:
    return getattr(item, "__name__", None) == name
