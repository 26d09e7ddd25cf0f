from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from tf_fragile.errors import InputError
from tf_fragile.models import zoo


def tiny(name: str = "tiny", units: int = 2) -> keras.Model:
    x = keras.Input((3,))
    y = keras.layers.Dense(units, name="block1_dense")(x)
    y = keras.layers.BatchNormalization(name="bn")(y)
    return keras.Model(x, y, name=name)


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return {key: archive[key] for key in archive.files}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    zoo.save_weights_npz(tiny(), tmp_path / "w.npz")
    return tmp_path / "w.npz"


def test_saved_weights_come_back(saved: Path) -> None:
    keras.utils.set_random_seed(5)
    model = tiny()
    assert not np.array_equal(model.get_weights()[0], arrays(saved)["block1_dense/kernel"])
    zoo.load_weights_npz(model, saved)
    np.testing.assert_array_equal(model.get_weights()[0], arrays(saved)["block1_dense/kernel"])
    assert set(arrays(saved)) == {
        "block1_dense/kernel",
        "block1_dense/bias",
        "bn/gamma",
        "bn/beta",
        "bn/moving_mean",
        "bn/moving_variance",
    }


def test_a_slash_in_a_layer_name_stands_for_an_underscore(saved: Path) -> None:
    content = {key.replace("block1_", "block1/"): value for key, value in arrays(saved).items()}
    content["block1/dense/bias"] = np.float32([3, 4])
    np.savez(saved, **content)
    model = tiny()
    zoo.load_weights_npz(model, saved)
    np.testing.assert_array_equal(model.get_layer("block1_dense").bias.numpy(), [3, 4])


def change(saved: Path, **changes: np.ndarray | None) -> None:
    content = arrays(saved)
    for key, value in changes.items():
        content.pop(key, None)
        if value is not None:
            content[key] = value
    np.savez(saved, **content)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("bn/gamma", None, "no entry 'bn/gamma'"),
        ("block1_dense/kernel", np.zeros((3, 4), np.float32), r"shape \[3, 4\].*needs \[3, 2\]"),
        ("bn/beta", np.float32([1, np.nan]), "'bn/beta'.*NaN"),
        ("head/bias", np.zeros(2, np.float32), "'head/bias', which 'tiny' has no place for"),
    ],
)
def test_first_entry_that_does_not_fit_is_named_and_nothing_is_set(
    saved: Path, key: str, value: np.ndarray | None, said: str
) -> None:
    change(saved, **{"block1_dense/bias": np.float32([8, 8]), key: value})
    model = tiny()
    with pytest.raises(InputError, match=said):
        zoo.load_weights_npz(model, saved)
    np.testing.assert_array_equal(model.get_layer("block1_dense").bias.numpy(), [0, 0])


STORED_AS = {"mean": "moving_mean", "variance": "moving_variance"}
PUBLIC = {"bn/mean": np.float32([3, 4]), "bn/variance": np.float16([0, 6])}
KERAS = {"bn/moving_mean": None, "bn/moving_variance": None}


def test_variables_stored_by_other_names_are_found_where_the_caller_says_so(saved: Path) -> None:
    change(saved, **KERAS, **PUBLIC)
    model = tiny()
    zoo.load_weights_npz(model, saved, STORED_AS)
    norm = model.get_layer("bn")
    np.testing.assert_array_equal(norm.moving_mean, [3, 4])
    np.testing.assert_array_equal(norm.moving_variance, [0, 6])
    assert norm.moving_variance.dtype == "float32"


def test_keras_s_names_are_understood_beside_the_stored_ones(saved: Path) -> None:
    model = tiny()
    zoo.load_weights_npz(model, saved, STORED_AS)
    np.testing.assert_array_equal(model.get_weights()[0], arrays(saved)["block1_dense/kernel"])


def test_stored_names_are_refused_where_nobody_said_so(saved: Path) -> None:
    change(saved, **KERAS, **PUBLIC)
    with pytest.raises(InputError, match="no entry 'bn/moving_mean', which 'tiny' needs"):
        zoo.load_weights_npz(tiny(), saved)


def test_a_variable_stored_by_both_names_is_refused(saved: Path) -> None:
    change(saved, **{"bn/mean": np.float32([3, 4])})
    with pytest.raises(InputError, match="an entry 'bn/mean', which 'tiny' has no place for"):
        zoo.load_weights_npz(tiny(), saved, STORED_AS)


def test_damaged_and_missing_weights_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:100])
    with pytest.raises(InputError, match="can't be read"):
        zoo.load_weights_npz(tiny(), saved)
    with pytest.raises(InputError, match="There is no file"):
        zoo.load_weights_npz(tiny(), saved.with_name("none.npz"))


def test_a_bare_array_is_no_archive(tmp_path: Path) -> None:
    with open(tmp_path / "w.npz", "wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(InputError, match="can't be read"):
        zoo.load_weights_npz(tiny(), tmp_path / "w.npz")


def test_failed_save_leaves_the_old_file_and_nothing_else(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def fail(stream: object, **_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="No space"):
        zoo.save_weights_npz(tiny(), saved)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_keras_file_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    model = tiny()
    model.save(tmp_path / "m.keras")
    again = zoo.load(str(tmp_path / "m.keras"))
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(model(x), again(x))
    assert zoo.entry(str(tmp_path / "m.keras")).preprocessing is None


def test_keras_file_with_infinite_weights_is_refused(tmp_path: Path) -> None:
    model = tiny()
    model.get_layer("block1_dense").bias.assign([np.inf, 0])
    model.save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"block1_dense/bias.*NaN or infinity"):
        zoo.load(str(tmp_path / "m.keras"))


def test_keras_file_with_infinite_weights_of_bfloat16_is_refused(tmp_path: Path) -> None:
    x = keras.Input((3,))
    layer = keras.layers.Dense(2, dtype=keras.DTypePolicy("bfloat16"), name="half")
    model = keras.Model(x, layer(x))
    layer.bias.assign([np.nan, 0])
    model.save(tmp_path / "m.keras")
    with pytest.raises(InputError, match=r"half/bias.*NaN or infinity"):
        zoo.load(str(tmp_path / "m.keras"))


def test_keras_file_that_brings_code_is_refused(tmp_path: Path) -> None:
    x = keras.Input((3,))
    keras.Model(x, keras.layers.Lambda(lambda v: v + 1)(x)).save(tmp_path / "m.keras")
    with pytest.raises(InputError, match="holds Python code") as error:
        zoo.load(str(tmp_path / "m.keras"))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"not a zip"])
def test_corrupt_keras_file_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"m\.keras' can't be loaded") as error:
        zoo.load(str(path))
    assert "\n" not in str(error.value)


def test_truncated_keras_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    tiny().save(path)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(InputError, match="can't be loaded"):
        zoo.load(str(path))


def test_missing_keras_file_and_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no model file"):
        zoo.load(str(tmp_path / "none.keras"))
    with pytest.raises(InputError, match=r"give the path of a \.keras or \.h5 file, or the name"):
        zoo.load(str(tmp_path / "model.h5"))


def test_wrong_weights_for_an_application_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.weights.h5"
    tiny().save_weights(path)
    with pytest.raises(InputError, match="don't fit 'MobileNet'"):
        zoo.load("MobileNet", weights=path)
