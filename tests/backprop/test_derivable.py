from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

import tf_fragile as tff
from tf_fragile.errors import InputError

L = keras.layers
RNG = np.random.default_rng(0)
EXPLAINERS = ("gradient", "lrp_epsilon", "deeplift_rescale")


def _top(h: Any) -> Any:
    return L.Dense(3)(L.Dense(6, activation="relu")(L.Flatten()(h)))


def _one(mask: bool = False) -> keras.Model:
    x = keras.Input((5,), name="ids")
    h = L.Embedding(9, 4, mask_zero=mask, name="embed")(x)
    return keras.Model(x, _top(L.GRU(4)(h) if mask else h))


def _two() -> keras.Model:
    x, y = keras.Input((5,), name="ids"), keras.Input((5,), name="kinds")
    return keras.Model(
        [x, y], _top(L.Embedding(9, 4, name="a")(x) + L.Embedding(2, 4, name="b")(y))
    )


def _beside_numbers() -> keras.Model:
    x, y = keras.Input((5,), name="ids"), keras.Input((4,), name="row")
    h = L.Concatenate()([L.Flatten()(L.Embedding(9, 4, name="embed")(x)), y])
    return keras.Model({"ids": x, "row": y}, _top(h))


def _shared() -> keras.Model:
    x, y = keras.Input((5,), name="left"), keras.Input((5,), name="right")
    embed = L.Embedding(9, 4, name="embed")
    return keras.Model([x, y], _top(L.Concatenate()([embed(x), embed(y)])))


MODELS: dict[str, Callable[[], keras.Model]] = {
    "one": _one,
    "masked": lambda: _one(mask=True),
    "two": _two,
    "beside numbers": _beside_numbers,
}


def _inputs(model: keras.Model) -> Any:
    whole = {t.name: RNG.integers(1, 2, (2, *t.shape[1:])).astype("float32") for t in model.inputs}
    return whole if isinstance(model.input, dict) else [whole[t.name] for t in model.inputs]


def _without_masks(model: keras.Model) -> keras.Model:
    """What the refusal of a model with token ids for a mask says: those as a constant."""
    ids = [t for t in model.inputs if t.name == "ids"]
    if not ids:
        return model
    given = [np.ones((2, *t.shape[1:]), "float32") for t in model.inputs]
    with pytest.raises(InputError, match=r"Input 'ids' of model .* only steers it"):
        tff.explain("gradient", model)(given)
    x = keras.Input(model.inputs[0].shape[1:])
    return keras.Model(x, model([x, keras.ops.ones_like(x[..., 0])]))


@pytest.mark.parametrize("name", MODELS)
def test_every_explainer_names_the_lookups_and_its_remedy_is_a_model(name: str) -> None:
    model = MODELS[name]()
    x = _inputs(model)
    x = x[0] if isinstance(x, list) and len(x) == 1 else x
    sentences = set()
    for explainer in EXPLAINERS:
        with pytest.raises(InputError, match="numbers that name something, such as token") as said:
            tff.explain(explainer, model)(x)
        sentences.add(str(said.value))
    assert len(sentences) == 1
    code = re.search(r"keras\.Model\(.*\)", sentences.pop())
    assert code is not None
    behind = _without_masks(eval(code.group(), {"keras": keras, "model": model}))
    vectors = [RNG.normal(size=(2, *t.shape[1:])).astype("float32") for t in behind.inputs]
    maps = tff.explain("gradient", behind)(vectors if len(vectors) > 1 else vectors[0])
    for leaf, vector in zip(maps if len(vectors) > 1 else [maps], vectors, strict=True):
        assert leaf.shape == vector.shape and np.abs(leaf).max() > 0


def _nested() -> keras.Model:
    x = keras.Input((5,), name="outer")
    return keras.Model(x, _one()(x))


@pytest.mark.parametrize("make", [_nested, _shared])
def test_where_code_would_not_run_the_remedy_is_in_words(make: Callable[[], keras.Model]) -> None:
    model = make()
    given = [np.ones((2, 5), "float32") for _ in model.inputs]
    with pytest.raises(InputError, match="model behind it, whose input is what it gives") as said:
        tff.explain("gradient", model)(given if len(given) > 1 else given[0])
    assert "'embed'" in str(said.value)


def test_a_mask_that_is_an_input_is_named_and_the_remedy_works() -> None:
    x, mask = keras.Input((5, 4), name="series"), keras.Input((5,), dtype="bool", name="padding")
    model = keras.Model([x, mask], _top(L.GRU(4)(x, mask=mask)))
    given = RNG.normal(size=(2, 5, 4)).astype("float32")
    with pytest.raises(InputError, match=r"Input 'padding' of model .* only steers it.* constant"):
        tff.explain("gradient", model)([given, np.ones((2, 5), bool)])
    series = keras.Input((5, 4))
    fixed = keras.Model(series, model([series, keras.ops.ones_like(series[..., 0], "bool")]))
    assert np.abs(tff.explain("gradient", fixed)(given)).max() > 0
