"""What explainers take from the data: the range of inputs, patterns from some of the images."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import estimate_patterns
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Source
from tf_fragile.errors import InputError, UnsupportedLayerError
from tf_fragile.explainers.catalog import EXPLAINERS, method
from tf_fragile.explainers.estimated import estimated
from tf_fragile.explainers.needs import FromData, artefacts_of, filled, taken, unmet
from tf_fragile.runs.artefacts import Store

L = keras.layers
SIZE = 20


def net(batch: int | None = None, names: tuple[str | None, ...] = ("conv", "top")) -> Network:
    keras.utils.set_random_seed(3)
    x = keras.Input(batch_shape=(batch, 8, 8, 3))
    h = L.Conv2D(4, 3, activation="relu", name=names[0])(x)
    return as_network(keras.Model(x, L.Dense(3, name=names[1])(L.Flatten()(h))))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).uniform(0, 255, (SIZE, 8, 8, 3)).astype(np.float32)


def source_of(images: np.ndarray, read: list[int] | None = None) -> Source:
    def sample(i: int) -> Sample:
        if read is not None:
            read.append(i)
        return Sample(images[i], -1)

    return Source(
        name="tiny",
        class_names=None,
        image_shape=(8, 8, 3),
        preprocessing=PREPROCESSINGS["caffe"],
        read=sample,
        digest=lambda: "0" * 64,
        size=len(images),
    )


def test_bounds_are_the_range_of_the_data_where_none_are_given(images: np.ndarray) -> None:
    data = FromData(source_of(images), net())
    limits = data.source.range
    for name, given in (("lrp_zbox", {}), ("deep_taylor", {"first": "box"})):
        found = filled(EXPLAINERS[name], given, data)
        assert found.keys() == {*given, "low", "high"}
        np.testing.assert_array_equal(found["low"], limits.low)
        np.testing.assert_array_equal(found["high"], limits.high)
    half = filled(EXPLAINERS["lrp_zbox"], {"low": -500.0}, data)
    assert half["low"] == -500.0
    np.testing.assert_array_equal(half["high"], limits.high)
    assert filled(EXPLAINERS["deep_taylor"], {}, data) == {}
    assert filled(EXPLAINERS["gradient"], {}, data) == {}


def test_patterns_are_estimated_once_from_the_far_end_of_the_order(images: np.ndarray) -> None:
    read: list[int] = []
    data = FromData(source_of(images, read), net(), images=12, seed=4)
    patterns = filled(EXPLAINERS["pattern_net"], {}, data)["patterns"]
    assert filled(EXPLAINERS["pattern_attribution"], {}, data)["patterns"] is patterns
    order = np.random.default_rng(4).permutation(SIZE)
    assert sorted(read) == sorted(order[-12:].tolist())
    assert patterns.samples == 12
    own = data.source.load(order[-12:]).image
    expected = estimate_patterns(data.network, [own[:8], own[8:]])
    assert patterns == expected


def test_patterns_of_the_same_arguments_have_the_same_bytes(images: np.ndarray, tmp_path) -> None:
    for place in ("a", "b"):
        estimated(source_of(images), net(), 16, seed=1).save(tmp_path / place)
    first, second = ((tmp_path / place).read_bytes() for place in ("a", "b"))
    assert first == second
    other = estimated(source_of(images), net(), 16, seed=2)
    assert other != estimated(source_of(images), net(), 16, seed=1)


def test_there_are_no_more_images_than_the_data_have(images: np.ndarray) -> None:
    assert estimated(source_of(images), net(), 999).samples == SIZE


def test_a_model_of_one_batch_size_gets_whole_batches(images: np.ndarray) -> None:
    assert estimated(source_of(images), net(batch=3), 11).samples == 9
    with pytest.raises(InputError, match="takes 6 images each; give that many or more"):
        estimated(source_of(images), net(batch=6), 5)


def test_an_averaged_explainer_has_its_needs_met_too(images: np.ndarray) -> None:
    data = FromData(source_of(images), net())
    entry, given = EXPLAINERS["smoothgrad"], {"base": "lrp_zbox", "samples": 2}
    assert [need.what for need in unmet(entry, given)] == ["range"]
    found = filled(entry, given, data)
    made = method("smoothgrad", **found)
    np.testing.assert_array_equal(made.base.conventions.low, data.source.range.low)
    assert filled(entry, {"base": "gradient"}, data) == {"base": "gradient"}
    with pytest.raises(InputError, match="Unknown explainer 'gradeint'; did you mean gradient"):
        filled(entry, {"base": "gradeint"}, data)


def test_what_was_taken_is_told_as_json_values(images: np.ndarray) -> None:
    data = FromData(source_of(images), net(), images=8)
    box = taken(EXPLAINERS["lrp_zbox"], {"low": -1.0}, data)
    assert box == {"high": data.source.range.high.tolist()}
    patterns = taken(EXPLAINERS["pattern_net"], {}, data)["patterns"]
    assert (patterns["samples"], patterns["estimator"]) == (8, "relu")
    unnamed = [FromData(data.source, net(names=(None, None)), images=8) for _ in range(2)]
    assert all(taken(EXPLAINERS["pattern_net"], {}, d)["patterns"] == patterns for d in unnamed)
    other = FromData(data.source, data.network, images=8, seed=1)
    assert taken(EXPLAINERS["pattern_net"], {}, other)["patterns"] != patterns
    nested = taken(EXPLAINERS["smoothgrad"], {"base": "lrp_zbox"}, data)
    assert set(nested) == {"base"} and set(nested["base"]) == {"low", "high"}
    assert taken(EXPLAINERS["gradient"], {}, data) == {}


def test_a_sketch_is_enough_to_plan_and_no_more(images: np.ndarray) -> None:
    read: list[int] = []
    data = FromData(source_of(images, read), net()).sketched()
    made = method("pattern_net", **filled(EXPLAINERS["pattern_net"], {}, data))
    assert made.evaluations == 1 and read == []
    with pytest.raises(InputError, match="have none for layer 'conv'; estimate patterns on model"):
        made.attribute(data.network, data.source.load([0]).image, np.zeros(1, np.int32), None)


def test_what_a_store_has_to_build_is_told_once_for_all_explainers(images: np.ndarray) -> None:
    data = FromData(source_of(images), net())
    asked = [
        (EXPLAINERS["gradient"], {}),
        (EXPLAINERS["pattern_net"], {}),
        (EXPLAINERS["smoothgrad"], {"base": "pattern_attribution"}),
    ]
    assert artefacts_of(asked, data) == (data.artefact,)
    assert artefacts_of(asked[:1], data) == ()
    assert artefacts_of([(EXPLAINERS["lrp_zbox"], {})], data) == ()
    assert artefacts_of(asked, data.sketched()) == ()


def test_patterns_from_a_store_are_those_that_are_estimated(images: np.ndarray, tmp_path) -> None:
    plain = FromData(source_of(images), net(), images=12)
    for _ in range(2):
        read: list[int] = []
        stored = FromData(
            source_of(images, read), net(), images=12, store=Store(tmp_path / "cache")
        )
        entry = EXPLAINERS["pattern_net"]
        assert taken(entry, {}, stored) == taken(entry, {}, plain)
        assert stored.patterns == plain.patterns
    assert read == [], "the second time nothing is estimated"


def test_a_model_without_patterns_is_refused_by_its_layer(images: np.ndarray) -> None:
    x = keras.Input((8, 8, 3))
    h = L.SeparableConv2D(4, 3, name="apart")(x)
    network = as_network(keras.Model(x, L.Dense(3)(L.Flatten()(h))))
    with pytest.raises(UnsupportedLayerError, match="'apart'"):
        filled(EXPLAINERS["pattern_net"], {}, FromData(source_of(images), network))
