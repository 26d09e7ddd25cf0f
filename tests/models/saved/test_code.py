"""Layers, models and functions of the user's: run when asked for, refused by name otherwise."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.models import zoo
from tf_fragile.models.saved.user_code import import_code

layers = keras.layers

SCALE = """
import keras

{decorator}
class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, x):
        return self.factor * x * x

    def get_config(self):
        return {{**super().get_config(), "factor": self.factor}}
"""
PLAIN = SCALE.format(decorator="")
REGISTERED = SCALE.format(decorator="@keras.saving.register_keras_serializable('mine')")
SUBCLASS = """
import keras

class Net(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)
"""
ACTIVATION = """
import tensorflow as tf

def squashed(x):
    return tf.nn.relu(x) / (1 + tf.nn.relu(x))
"""


def made(text: str, name: str):
    """The class or function `name` of some code, as the training script had it."""
    space: dict = {"__name__": "training"}
    exec(text, space)
    return space[name]


def saved(path: Path, layer) -> keras.Model:
    x = keras.Input((3,))
    model = keras.Model(x, layers.Dense(2, name="out")(layer(x)))
    model.save(path)
    return model


def forget() -> None:
    keras.saving.get_custom_objects().clear()


@pytest.mark.parametrize("ending", ["keras", "h5"])
@pytest.mark.parametrize("text", [PLAIN, REGISTERED], ids=["plain", "registered"])
def test_a_custom_layer_is_named_and_loaded_with_its_file(
    tmp_path, code, comes_back, ending, text
) -> None:
    path = tmp_path / f"m.{ending}"
    model = saved(path, made(text, "Scale")(3.0, name="triple"))
    forget()
    with pytest.raises(
        InputError,
        match=r"needs the class 'Scale' \(layer 'triple'\), which Keras does not know; give the "
        r"Python file or module that defines it by --import=FILE",
    ):
        zoo.load(path)
    comes_back(path, model, imports=[code(text)])


def test_a_layer_in_a_nested_model_is_found(tmp_path, code, comes_back) -> None:
    x = keras.Input((3,))
    inner = keras.Model(x, made(PLAIN, "Scale")(name="deep")(x), name="inner")
    model = saved(tmp_path / "m.keras", inner)
    with pytest.raises(InputError, match=r"needs the class 'Scale' \(layer 'deep'\)"):
        zoo.load(tmp_path / "m.keras")
    comes_back(tmp_path / "m.keras", model, imports=[code(PLAIN)])


def test_a_subclassed_model_is_loaded_with_its_file(tmp_path, code, comes_back) -> None:
    model = made(SUBCLASS, "Net")()
    model(np.ones((1, 3), np.float32))
    model.save(tmp_path / "m.keras")
    with pytest.raises(
        InputError, match=r"needs the class 'Net' \(layer 'net'\), which Keras does not know"
    ):
        zoo.load(tmp_path / "m.keras")
    comes_back(tmp_path / "m.keras", model, imports=[code(SUBCLASS)])


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_function_is_named_and_loaded_with_its_file(tmp_path, code, comes_back, ending) -> None:
    path = tmp_path / f"m.{ending}"
    function = made(ACTIVATION, "squashed")
    model = saved(path, layers.Dense(4, activation=function, name="hidden"))
    with pytest.raises(InputError, match=r"needs the function 'squashed' \(layer 'hidden'\), whi"):
        zoo.load(path)
    comes_back(path, model, imports=[code(ACTIVATION)])


def test_a_lambda_layer_of_a_named_function_needs_only_its_file(tmp_path, code, comes_back):
    function = made(ACTIVATION, "squashed")
    model = saved(tmp_path / "m.keras", layers.Lambda(function, name="inside"))
    with pytest.raises(InputError, match=r"needs the function 'squashed' \(layer 'inside'\)"):
        zoo.load(tmp_path / "m.keras")
    comes_back(tmp_path / "m.keras", model, imports=[code(ACTIVATION)])


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_functions_of_tensorflow_come_with_the_lines_that_name_them(
    tmp_path, code, comes_back, name
) -> None:
    function = getattr(tf.nn, name)
    model = saved(tmp_path / "m.keras", layers.Dense(4, activation=function, name="hidden"))
    with pytest.raises(InputError, match=rf"if it is tf\.nn\.{name}, write a file with") as error:
        zoo.load(tmp_path / "m.keras")
    lines = str(error.value).split("'")
    text = "\n".join(part for part in lines if part.startswith("import ") or " = tf." in part)
    comes_back(tmp_path / "m.keras", model, imports=[code(text)])


def test_a_model_file_can_not_call_what_the_users_file_merely_uses(tmp_path, code) -> None:
    path = tmp_path / "m.h5"
    saved(path, layers.Lambda(made(ACTIVATION, "squashed"), arguments={}))
    with h5py.File(path, "r+") as file:
        config = file.attrs["model_config"].replace("squashed", "system")
        file.attrs["model_config"] = config
    with pytest.raises(InputError, match=r"needs the function 'system' .*my_code\.py does not def"):
        zoo.load(path, imports=[code("from os import system")])


def test_a_file_that_lacks_the_class_is_named(tmp_path, code) -> None:
    saved(tmp_path / "m.keras", made(PLAIN, "Scale")())
    with pytest.raises(InputError, match=r"my_code\.py does not define; give the Python file"):
        zoo.load(tmp_path / "m.keras", imports=[code("x = 1")])


def test_a_class_that_can_not_be_rebuilt_says_why(tmp_path, code) -> None:
    saved(tmp_path / "m.keras", made(PLAIN, "Scale")())
    text = PLAIN.replace("factor=2.0, **", "factor=2.0, *, depth, **")
    with pytest.raises(InputError, match=r"missing 1 required keyword-only argument: 'depth'.*rep"):
        zoo.load(tmp_path / "m.keras", imports=[code(text)])


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_lambda_is_named_and_either_way_out_works(tmp_path, code, comes_back, ending) -> None:
    path = tmp_path / f"m.{ending}"
    model = saved(path, layers.Lambda(lambda v: 2.0 * tf.square(v), name="squares"))
    with pytest.raises(InputError, match=r"The layer 'squares' of .* holds Python code") as error:
        zoo.load(path)
    assert "--unsafe_load (in Python: unsafe=True)" in str(error.value)
    assert "--import=FILE (in Python: imports=['FILE'])" in str(error.value)
    comes_back(path, model, unsafe=True)
    registered = made(REGISTERED, "Scale")(2.0)
    x = model.inputs[0]
    rewritten = keras.Model(x, model.get_layer("out")(registered(x)))
    rewritten.save(path)
    forget()
    comes_back(path, model, imports=[code(REGISTERED)])


def test_a_lambda_as_activation_is_loaded_though_keras_can_not(tmp_path, comes_back) -> None:
    hidden = layers.Dense(4, activation=lambda v: tf.nn.relu(v), name="hidden")
    with pytest.warns(UserWarning, match="includes a `lambda`"):
        model = saved(tmp_path / "m.keras", hidden)
    with pytest.raises(InputError, match=r"The layer 'hidden' of .* holds Python code"):
        zoo.load(tmp_path / "m.keras")
    comes_back(tmp_path / "m.keras", model, unsafe=True)


def test_a_lambda_with_defaults_and_closure_comes_back(tmp_path, comes_back) -> None:
    power = 3.0
    inside = layers.Lambda(lambda v, factor=2.0: factor * v**power, output_shape=(3,))
    model = saved(tmp_path / "m.keras", inside)
    comes_back(tmp_path / "m.keras", model, unsafe=True)


def test_a_lambda_of_keras_2_comes_back(tmp_path, comes_back) -> None:
    path = tmp_path / "m.h5"
    model = saved(path, layers.Lambda(lambda v: tf.nn.softplus(v), name="soft"))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        inside = config["config"]["layers"][1]["config"]
        marshalled = inside["function"]["config"]
        inside |= {
            "function": [marshalled["code"], None, None],
            "function_type": "lambda",
            "module": "__main__",
            "output_shape": None,
            "output_shape_type": "raw",
            "output_shape_module": None,
        }
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(InputError, match=r"The layer 'soft' of .* holds Python code"):
        zoo.load(path)
    comes_back(path, model, unsafe=True)


def test_a_name_that_a_lambda_uses_is_asked_for_and_then_found(tmp_path, code, comes_back) -> None:
    text = ACTIVATION + "\nFACTOR = 3.0\nhead = lambda v: FACTOR * squashed(v)\n"
    model = saved(tmp_path / "m.keras", layers.Lambda(made(text, "head")))
    with pytest.raises(
        InputError, match="uses the name 'FACTOR', which is not saved with it; give"
    ):
        zoo.load(tmp_path / "m.keras", unsafe=True)
    comes_back(tmp_path / "m.keras", model, unsafe=True, imports=[code(text)])


def test_code_of_another_python_is_refused(tmp_path) -> None:
    path = tmp_path / "m.h5"
    saved(path, layers.Lambda(lambda v: v + 1))
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        config["config"]["layers"][1]["config"]["function"]["config"]["code"] = "AAAA\n"
        file.attrs["model_config"] = json.dumps(config)
    with pytest.raises(
        InputError, match=r"can't be read by Python 3.*with the Python that saved it"
    ):
        zoo.load(path, unsafe=True)


def test_the_users_code_runs_only_when_it_is_asked_for(tmp_path, code) -> None:
    saved(tmp_path / "m.keras", layers.Dense(4))
    path = code("import pathlib\npathlib.Path(__file__).with_suffix('.ran').touch()\n")
    mark = Path(path).with_suffix(".ran")
    zoo.load(tmp_path / "m.keras")
    assert not mark.exists()
    zoo.load(tmp_path / "m.keras", imports=path)
    assert mark.exists()


def test_a_file_runs_once_and_finds_its_neighbours(tmp_path, code) -> None:
    code(PLAIN, "neighbour.py")
    path = code("from neighbour import Scale\nassert Scale.__module__ == 'neighbour'\n")
    first = import_code(path)
    assert import_code(path) is first and first.Scale is import_code("neighbour").Scale


def test_a_module_of_the_current_directory_is_found_by_name(
    tmp_path, code, comes_back, monkeypatch
) -> None:
    model = saved(tmp_path / "m.keras", made(PLAIN, "Scale")())
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").touch()
    code(PLAIN, "package/scales.py")
    monkeypatch.chdir(tmp_path)
    comes_back("m.keras", model, imports=["package.scales"])


def test_a_file_named_like_a_module_replaces_nothing(tmp_path, code, comes_back) -> None:
    model = saved(tmp_path / "m.keras", made(PLAIN, "Scale")())
    before = sys.modules["types"]
    comes_back(tmp_path / "m.keras", model, imports=[code(PLAIN, "types.py")])
    assert sys.modules["types"] is before


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\n\n1 / 0", r"line 3: division by zero"),
        ("def f():\n    raise OSError('no')\n\nf()", r"line 2: no\)"),
        ("x = 1\ndef f(:", r"line 2: invalid syntax"),
        ("raise SystemExit(2)", r"line 1: SystemExit 2"),
        ("import not_there", r"line 1: No module named 'not_there'"),
        ("from . import sibling", r"line 1: attempted relative import"),
        ("import numpy\nnumpy.zeros(-1)", r"line 2: negative dimensions"),
    ],
)
def test_code_that_fails_is_told_in_one_sentence(tmp_path, code, text, why) -> None:
    saved(tmp_path / "m.keras", layers.Dense(4))
    sentence = rf"--import=\S*my_code\.py could not be run \(my_code\.py, {why}"
    with pytest.raises(InputError, match=sentence) as error:
        zoo.load(tmp_path / "m.keras", imports=[code(text)])
    assert "\n" not in str(error.value)


def test_code_that_is_not_there_is_named(tmp_path, code) -> None:
    with pytest.raises(InputError, match=r"There is no file '.*none\.py' for --import; give the"):
        import_code(str(tmp_path / "none.py"))
    with pytest.raises(InputError, match=r"There is no module 'not_a_module' for --import; give"):
        import_code("not_a_module")
    with pytest.raises(InputError, match=r"is a directory; give a \.py file in it, or a package"):
        import_code(f"{tmp_path}/")
    with pytest.raises(InputError, match=r"code\.txt is no \.py file; give one, or the name"):
        import_code(code("x = 1", "code.txt"))


def test_bad_input_of_the_code_is_told_with_its_line(tmp_path, code) -> None:
    path = code("import tf_fragile as tff\n\ntff.attack('top_kk')\n")
    with pytest.raises(InputError) as error:
        import_code(path)
    assert str(error.value) == (
        f"--import={path}, my_code.py, line 3: Unknown attack objective 'top_kk'; did you mean "
        "top_k?"
    )


def test_networks_of_the_zoo_have_no_code_in_a_file() -> None:
    with pytest.raises(InputError, match="'embedded' has no code in a file; leave out --unsafe_l"):
        zoo.load("embedded", unsafe=True)
    zoo.load("embedded", imports=["os"])  # which may register explainers
