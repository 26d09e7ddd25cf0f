"""What is no .keras file: read where Keras can, else one sentence whose advice works."""

from __future__ import annotations

import importlib.util
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.models import zoo

layers = keras.layers


def tiny() -> keras.Model:
    x = keras.Input((3,))
    return keras.Model(x, layers.Dense(2, name="d")(layers.Dense(4, activation="relu")(x)))


def edit_config(path: Path, change: Callable[[dict], object]) -> None:
    """Changes the entry of the layer behind the input in a saved model."""
    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            change(config["config"]["layers"][1])
            file.attrs["model_config"] = json.dumps(config)
        return
    with zipfile.ZipFile(path) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(inside["config.json"])
    change(config["config"]["layers"][1])
    inside["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in inside.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.hdf5"])
def test_whole_models_are_loaded_from_either_format(tmp_path, comes_back, name) -> None:
    model = tiny()
    model.save(tmp_path / name)
    comes_back(tmp_path / name, model)


def test_a_compiled_h5_model_is_loaded_without_its_optimizer(tmp_path, comes_back) -> None:
    model = tiny()
    model.compile("adam", "mse")
    model.save(tmp_path / "m.h5")
    assert not comes_back(tmp_path / "m.h5", model).compiled


def test_an_unpacked_archive_is_loaded(tmp_path, comes_back) -> None:
    model = tiny()
    model.save(tmp_path / "m", zipped=False)
    comes_back(tmp_path / "m", model)


@pytest.mark.parametrize("name", ["w.weights.h5", "w.h5"])
def test_weights_alone_are_refused_and_the_advice_works(tmp_path, comes_back, name) -> None:
    model = tiny()
    model.save_weights(tmp_path / "w.weights.h5")
    (tmp_path / "w.weights.h5").rename(tmp_path / name)
    with pytest.raises(InputError, match=r"w\S*\.h5' has weights without a network; build the net"):
        zoo.load(tmp_path / name)
    again = tiny()
    again.load_weights((tmp_path / name).rename(tmp_path / "w.weights.h5"))
    again.save(tmp_path / "whole.keras")
    comes_back(tmp_path / "whole.keras", model)


def test_weights_of_a_model_file_can_be_replaced(tmp_path, comes_back) -> None:
    model = tiny()
    tiny().save(tmp_path / "m.keras")
    model.save_weights(tmp_path / "w.weights.h5")
    comes_back(tmp_path / "m.keras", model, weights=tmp_path / "w.weights.h5")


def test_a_saved_model_is_refused_and_the_advice_works(tmp_path, comes_back) -> None:
    model = tiny()
    tf.saved_model.save(tf.Module(), tmp_path / "exported")
    with pytest.raises(
        InputError, match=r"is a TensorFlow SavedModel, in which no layer can be found"
    ):
        zoo.load(tmp_path / "exported")
    with pytest.raises(InputError, match=r"saved_model\.pb' is a TensorFlow graph"):
        zoo.load(tmp_path / "exported" / "saved_model.pb")
    model.save(tmp_path / "name.keras")
    comes_back(tmp_path / "name.keras", model)


def test_a_saved_model_inside_is_named_and_never_run(tmp_path) -> None:
    x = keras.Input((3,))
    exported = keras.Model(x, layers.Dense(2, name="old")(x))
    for ending in ("keras", "h5"):
        path = tmp_path / f"m.{ending}"
        exported.save(path)
        edit_config(path, lambda layer: layer.update(class_name="TFSMLayer"))
        for unsafe in (False, True):
            with pytest.raises(InputError, match=r"The layer 'old' of .* is a TFSMLayer, a SavedM"):
                zoo.load(path, unsafe=unsafe)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "m.tflite",
            "TensorFlow Lite model, which has no derivatives; save the model where it was",
        ),
        ("m.pb", "TensorFlow graph without Keras layers; save the model where it was trained with"),
        ("m.pt", r"is no Keras model; build the network again in Keras, set its weights and save"),
        ("m.onnx", r"is an ONNX model; build the network again in Keras, set its weights and sav"),
        ("m.safetensors", "has weights without a network; build the network again in Keras"),
        ("m.pkl", "is a pickle, which is never read here; save the model where it was trained"),
        ("m.json", r"read a network with keras.models.model_from_json"),
        ("m.index", r"is a TensorFlow checkpoint.*tf.train.Checkpoint\(model=model\).read"),
        ("m.zip", r"is not a \.keras or \.h5 file; save the model where it was trained with mod"),
    ],
)
def test_other_formats_are_named(tmp_path, name, sentence) -> None:
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(InputError, match=sentence) as error:
        zoo.load(tmp_path / name)
    assert str(error.value).startswith(f"'{tmp_path / name}' is") or "has" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_advice_for_architectures_checkpoints_and_arrays_works(tmp_path, comes_back) -> None:
    model = tiny()
    model.save_weights(tmp_path / "w.weights.h5")
    read = keras.models.model_from_json(model.to_json())
    read.load_weights(tmp_path / "w.weights.h5")
    read.save(tmp_path / "json.keras")
    comes_back(tmp_path / "json.keras", model)
    tf.train.Checkpoint(model=model).write(tmp_path / "ckpt")
    read = tiny()
    tf.train.Checkpoint(model=read).read(tmp_path / "ckpt").assert_existing_objects_matched()
    read.save(tmp_path / "checkpoint.keras")
    comes_back(tmp_path / "checkpoint.keras", model)
    again = tiny()  # as for a network of another library
    again.set_weights(model.get_weights())
    again.save(tmp_path / "name.keras")
    comes_back(tmp_path / "name.keras", model)


def test_places_without_a_model_say_what_is_there(tmp_path) -> None:
    with pytest.raises(InputError, match=r"There is no model file '.*none\.h5'; give the path of"):
        zoo.load(tmp_path / "none.h5")
    with pytest.raises(InputError, match=r"is a directory without a Keras model; save the model"):
        zoo.load(tmp_path)
    tiny().save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"is a directory; give a file in it, e\.g\. 'm\.keras'"):
        zoo.load(tmp_path)
    with pytest.raises(InputError, match=r"'gs://b/m\.keras' is not on this machine; fetch it"):
        zoo.load("gs://b/m.keras")


def test_a_directory_is_found_without_a_slash_and_never_hides_the_zoo(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("embedded", "exported"):
        (tmp_path / name).mkdir()
    assert zoo.load("embedded").count_params() > 0
    with pytest.raises(InputError, match="'exported' is a directory without a Keras model"):
        zoo.load("exported")


def test_operations_that_keras_2_recorded_are_named_and_the_advice_works(
    tmp_path, comes_back
) -> None:
    model = tiny()
    model.save(tmp_path / "old.h5")
    legacy = {"name": "tf.math.add", "function": "math.add", "trainable": True}
    path = tmp_path / "old.h5"

    def change(layer: dict) -> None:
        layer.update(class_name="TFOpLambda", config=legacy, registered_name=None)
        layer.pop("module", None)

    edit_config(path, change)
    with pytest.raises(
        InputError, match=r"The layer 'tf\.math\.add' of .* is a TFOpLambda, by whi"
    ):
        zoo.load(path)
    again = tiny()
    again.load_weights(path)
    again.save(tmp_path / "new.keras")
    comes_back(tmp_path / "new.keras", model)


def test_a_missing_package_of_keras_is_named(tmp_path) -> None:
    tiny().save(tmp_path / "m.keras")
    entry = {
        "module": "keras_hub.src.layers.none",
        "class_name": "None_",
        "registered_name": "keras_hub>None_",
    }
    edit_config(tmp_path / "m.keras", lambda layer: layer.update(entry))
    if importlib.util.find_spec("keras_hub") is not None:
        pytest.skip("keras_hub is installed")
    with pytest.raises(InputError, match=r"needs the package 'keras_hub'.*pip install keras-hub"):
        zoo.load(tmp_path / "m.keras")
