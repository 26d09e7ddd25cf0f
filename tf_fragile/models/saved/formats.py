"""Which files hold a Keras model, and what to do about those that don't."""

from __future__ import annotations

import os
from pathlib import Path

from tf_fragile.errors import InputError

LEGACY = (".h5", ".hdf5")
READ = (".keras", *LEGACY)

_AGAIN = "save the model where it was trained with model.save('name.keras')"
_REBUILD = "build the network again in Keras, set its weights and save it with model.save"
_REFUSED = {
    ".weights.h5": (
        "has weights without a network",
        "build the network in Keras, read them with model.load_weights and save it whole with "
        "model.save('name.keras')",
    ),
    ".tflite": ("is a TensorFlow Lite model, which has no derivatives", _AGAIN),
    ".pb": ("is a TensorFlow graph without Keras layers", _AGAIN),
    ".json": (
        "is no Keras model with weights",
        "read a network with keras.models.model_from_json, its weights with model.load_weights, "
        "and save it whole with model.save('name.keras')",
    ),
    ".index": (
        "is a TensorFlow checkpoint, which has weights without a network",
        "build the network in Keras, read them with tf.train.Checkpoint(model=model).read and "
        "save it whole with model.save('name.keras')",
    ),
    **dict.fromkeys((".pt", ".pth", ".ckpt"), ("is no Keras model", _REBUILD + "('name.keras')")),
    ".safetensors": ("has weights without a network", _REBUILD + "('name.keras')"),
    ".onnx": ("is an ONNX model", _REBUILD + "('name.keras')"),
    **dict.fromkeys(
        (".pkl", ".pickle", ".joblib"), ("is a pickle, which is never read here", _AGAIN)
    ),
}


def is_path(name: str) -> bool:
    """Whether a model's name is that of a file or directory, not of a network."""
    separated = os.sep in name or "/" in name
    return separated or name.endswith((*READ, *_REFUSED)) or (name != "" and Path(name).exists())


def check_format(path: str | os.PathLike[str]) -> None:
    """Refuses what can't hold a model that Keras reads.

    Raises:
      InputError: there is nothing at `path`, or it is of another kind; says what to do.
    """
    text, found = os.fspath(path), Path(path)
    if "://" in text:
        raise InputError(
            f"The model {text!r} is not on this machine; fetch it and give the path of the file."
        )
    if not found.exists():
        raise InputError(
            f"There is no model file {text!r}; give the path of a .keras or .h5 file, or the name "
            "of a network."
        )
    if found.is_dir():
        _check_directory(text, found)
        return
    for ending, (what, remedy) in _REFUSED.items():
        if text.lower().endswith(ending):
            raise InputError(f"{text!r} {what}; {remedy}.")
    if not text.endswith(READ):
        raise InputError(f"{text!r} is not a .keras or .h5 file; {_AGAIN}.")


def _check_directory(text: str, found: Path) -> None:
    if (found / "config.json").is_file() and (found / "metadata.json").is_file():
        return  # a .keras archive that was saved unpacked
    if (found / "saved_model.pb").is_file():
        raise InputError(
            f"{text!r} is a TensorFlow SavedModel, in which no layer can be found, and so neither "
            f"its softmax nor its activations; {_AGAIN}."
        )
    inside = sorted(p.name for p in found.iterdir() if p.name.endswith(READ))
    if inside:
        raise InputError(f"{text!r} is a directory; give a file in it, e.g. {inside[0]!r}.")
    raise InputError(f"{text!r} is a directory without a Keras model; {_AGAIN}.")
