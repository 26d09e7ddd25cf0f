"""What every explainer promises, each promise a check that fails with a sentence.

def test_mine() -> None:
    check_explainer(lambda model: tff.explain("mine", model))
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.errors import InputError
from tf_fragile.explainers.contract import Stochastic
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.noise import sample_seeds
from tf_fragile.explainers.targets import as_target
from tf_fragile.testing.models import WIRINGS, tiny
from tf_fragile.testing.same import demand, difference

Make = Callable[[keras.Model], Explainer]


def check_explainer(make: Make, *, refuses: Collection[str] = ()) -> None:
    """Holds an explainer to everything that explainers promise, on tiny models of all wirings.

    Args:
      make: from a model to the explainer, with settings small enough to be computed often.
      refuses: which of `testing.models.WIRINGS` it has to refuse with an `InputError`.

    Raises:
      AssertionError: a promise is broken; the sentence says which, and on which model.
    """
    for wiring in WIRINGS:
        it = tiny(wiring)
        before = state_of(it.model, it.x)
        try:
            if wiring in refuses:
                check_refused(make, it.model, it.x)
            else:
                _check_on(make, it.model, it.x)
        except AssertionError as error:
            raise AssertionError(f"On the model {wiring!r}: {error}") from None
        except Exception as error:
            error.add_note(f"This was on the model {wiring!r}.")
            raise
        check_untouched(before, state_of(it.model, it.x))
    plain = tiny("plain")
    check_settings(make, plain.model)
    check_weights(make, plain.model, plain.x)
    exact = tiny("plain", "softplus", "float64")
    check_derivative(make(exact.model), exact.x)
    with tempfile.TemporaryDirectory() as place:
        check_saved(make(plain.model), plain.x, place)


def _check_on(make: Make, model: keras.Model, x: Any) -> None:
    explainer = make(model)
    check_maps(explainer(x), x)
    check_tensors(explainer, x)
    check_batches(explainer, x)
    check_seed(explainer, x)
    check_samples(explainer, x)
    check_targets(explainer, x)
    check_compiled(explainer, x)


def check_maps(maps: Any, x: Any) -> None:
    """Maps have the nesting, shapes and dtypes of the inputs, and are finite and not all zero.

    Args:
      maps: of an explainer on `x`.
      x: [B, ...] NumPy arrays in the model's nesting.
    """
    try:
        tf.nest.assert_same_structure(maps, x)
    except (TypeError, ValueError):
        raise AssertionError("The maps are not nested as the inputs are.") from None
    for found, given in zip(tf.nest.flatten(maps), tf.nest.flatten(x), strict=True):
        demand(isinstance(found, np.ndarray), "NumPy inputs are not answered in NumPy.")
        demand(
            found.shape == given.shape and found.dtype == given.dtype,
            f"A map is {found.dtype} {found.shape} for inputs {given.dtype} {given.shape}.",
        )
        demand(bool(np.isfinite(found).all()), "A map is not finite.")
        demand(bool(np.abs(found).max() > 0), "All maps are zero.")


@dataclass(frozen=True)
class State:
    """What a user sees of a model that an explainer must not change."""

    config: str | None
    layers: list[str]
    weights: list[np.ndarray]
    outputs: Any


def state_of(model: keras.Model, x: Any) -> State:
    """The state of a model, its outputs for `x` among it."""
    return State(
        config=model.to_json() if hasattr(model, "inputs") else None,
        layers=[layer.name for layer in model.layers],
        weights=model.get_weights(),
        outputs=model.predict(x, verbose=0),
    )


def check_untouched(before: State, after: State) -> None:
    """A model is to the bit what it was before it was explained."""
    clause = difference(before, after, "the model")
    demand(not clause, f"Explaining changed the model: {clause}.")


def check_refused(make: Make, model: keras.Model, x: Any) -> None:
    """A model that can't be explained is refused by an `InputError`, and never answered."""
    try:
        make(model)(x)
    except InputError:
        return
    raise AssertionError("The model is answered, and it should be refused.")


def check_tensors(explainer: Explainer, x: Any) -> None:
    """Tensors are answered by tensors, of the same values as arrays."""
    maps = explainer(tf.nest.map_structure(tf.constant, x))
    demand(
        all(tf.is_tensor(leaf) for leaf in tf.nest.flatten(maps)),
        "Tensors are not answered by tensors.",
    )
    _demand_close(maps, explainer(x), "Tensors and arrays are answered by different values")


def check_compiled(explainer: Explainer, x: Any, *, xla: bool = True) -> None:
    """Eager, traced and compiled by XLA a map is the same to rounding."""
    arguments = prepared(explainer, x)
    eager = explainer.attribute(*arguments)
    scale = max(float(tf.reduce_max(tf.abs(leaf))) for leaf in tf.nest.flatten(eager))
    function = explainer._compiled  # XLA compiles its graph, which is not traced again
    traced = {"Traced": function}
    if xla:
        traced["Compiled by XLA"] = tf.function(function, autograph=False, jit_compile=True)
    for how, run in traced.items():
        _demand_close(
            run(*arguments), eager, f"{how}, a map is another one", rtol=1e-4, atol=2e-5 * scale
        )


def check_batches(explainer: Explainer, x: Any) -> None:
    """A map does not depend on the batch that its input came in."""
    size = _size(x)
    seeds = list(range(5, 5 + size))
    whole = explainer(x, seed=seeds)
    for start, stop in ((0, 1), (size - 1, size), (1, size)):
        part = explainer(_rows(x, start, stop), seed=seeds[start:stop])
        said = f"Samples {start} to {stop - 1} have other maps on their own than in the batch"
        _demand_close(part, _rows(whole, start, stop), said, rtol=1e-4, atol=1e-6)


def check_seed(explainer: Explainer, x: Any) -> None:
    """The same seed gives the same maps, and another one gives others only if they are random."""
    first, again, other = (explainer(x, seed=seed) for seed in (1, 1, 2))
    demand(not difference(first, again), "The same seed gives other maps.")
    alike, random = not difference(first, other), is_stochastic(explainer)
    demand(
        alike != random,
        "Another seed gives the same maps, though the method says that it is stochastic."
        if random
        else "Another seed gives other maps; say so by a property `stochastic` of the method.",
    )


def check_samples(explainer: Explainer, x: Any) -> None:
    """Equal samples of one batch get equal maps, or different random numbers."""
    alike = tf.nest.map_structure(lambda leaf: np.repeat(leaf[:1], _size(x), axis=0), x)
    maps = explainer(alike, seed=1)
    for other in range(1, _size(x)):
        pairs = zip(
            tf.nest.flatten(_rows(maps, 0, 1)),
            tf.nest.flatten(_rows(maps, other, other + 1)),
            strict=True,
        )
        equal = all(np.allclose(a, b) for a, b in pairs)
        demand(
            equal != is_stochastic(explainer),
            "Equal samples of one batch get other maps."
            if not equal
            else "Samples of one batch share their random numbers.",
        )


def check_targets(explainer: Explainer, x: Any) -> None:
    """A target says the same as an int, as ints and one-hot; without one it is the prediction."""
    size, network = _size(x), explainer.network
    classes = int(network.logits(explainer.inputs(x)).shape[-1])
    label = classes - 1
    one = explainer(x, target=label)
    for told, target in (
        ("ints", [label] * size),
        ("one-hot", np.eye(classes, dtype=np.float32)[[label] * size]),
    ):
        _demand_close(explainer(x, target=target), one, f"A target as {told} has another map")
    labels = network.predict(explainer.inputs(x)).numpy()
    said = "Without a target not what the model predicts is explained"
    _demand_close(explainer(x), explainer(x, target=labels), said)


def check_weights(make: Make, model: keras.Model, x: Any) -> None:
    """A changed weight changes the next map, without tracing anything again."""
    check_reads_weights(make(model), make, x)


def check_reads_weights(explainer: Explainer, make: Make, x: Any) -> None:
    """As `check_weights`, of an explainer that is there already; its model is as it was after."""
    model = explainer.network.model
    kept, before = model.get_weights(), explainer(x, target=1)
    traces = explainer._compiled.experimental_get_tracing_count()
    try:
        for variable in model.trainable_variables:
            variable.assign(0.5 * variable + 0.02)  # a mere factor leaves some methods unmoved
        after = explainer(x, target=1)
        traced = explainer._compiled.experimental_get_tracing_count() - traces
        demand(not traced, "A changed weight has everything traced again.")
        leaves = zip(tf.nest.flatten(before), tf.nest.flatten(after), strict=True)
        unmoved = all(np.allclose(a, b) for a, b in leaves)
        demand(not unmoved, "Other weights have the same map: weights were read too early.")
        fresh = make(model)(x, target=1)
        said = "After a change of weights the map is not that of an explainer made since"
        _demand_close(after, fresh, said, rtol=1e-5, atol=1e-7)
    finally:
        model.set_weights(kept)


def check_derivative(explainer: Explainer, x: Any, *, traced: bool = False) -> None:
    """The derivative of a map, which attacks follow, is that of central differences.

    Args:
      explainer: of a smooth float64 model, since differences of others tell nothing.
      x: [B, ...] float64, one array.
      traced: whether the derivative is taken in a `tf.function`, as attacks do.
    """
    x, target, seed = prepared(explainer, x)
    rng = np.random.default_rng(0)
    weight, direction = (tf.constant(rng.standard_normal(x.shape)) for _ in range(2))

    def slope(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            value = tf.reduce_sum(weight * explainer.attribute(x, target, seed))
        gradient = tape.gradient(value, x)
        demand(gradient is not None, "The map has no derivative: it isn't made of tensor ops.")
        return tf.reduce_sum(direction * gradient)

    own = tf.function(slope, autograph=False) if traced else slope
    h = 1e-6  # small, so that no max pool switches on the way
    moved = tf.concat([x + t * direction for t in (h, -h, 2 * h, -2 * h)], 0)
    maps = explainer.attribute(moved, tf.tile(target, [4]), tf.tile(seed, [4, 1]))
    axes = tuple(range(1, len(x.shape) + 1))
    read = np.sum(np.asarray(weight) * np.reshape(maps, [4, *x.shape]), axis=axes)
    once, twice = read[0] - read[1], read[2] - read[3]
    expected = (8 * once - twice) / (12 * h)  # of fourth order: relevance curves near its poles
    found = float(own(x))
    demand(
        abs(found - expected) <= 1e-6 * abs(expected),
        f"The derivative of the map is {found:.9g}, and differences say {expected:.9g}.",
    )


def check_saved(explainer: Explainer, x: Any, directory: Path | str) -> None:
    """A SavedModel of the explainer answers as it does.

    Args:
      explainer: of a model with one input.
      x: [B, ...], one array.
      directory: where the SavedModel is written.
    """
    module = tf.Module()
    module.model = explainer.network.model
    module.explain = tf.function(
        lambda x: explainer(x, target=1, seed=4),
        input_signature=[tf.TensorSpec([None, *x.shape[1:]], x.dtype)],
        autograph=False,
    )
    tf.saved_model.save(module, str(directory))
    loaded = tf.saved_model.load(str(directory))  # whose variables live as long as it does
    answered = loaded.explain(tf.constant(x))
    said = "Saved and loaded, a map is another one"
    _demand_close(answered, explainer(x, target=1, seed=4), said, rtol=1e-5, atol=1e-7)


def check_settings(make: Make, model: keras.Model) -> None:
    """Methods made alike are equal and have equal hashes, since loops are kept by them."""
    first, second = make(model).method, make(model).method
    demand(first == second, "Two methods of the same settings are not equal.")
    demand(hash(first) == hash(second), "Two methods of the same settings have other hashes.")


def is_stochastic(explainer: Explainer) -> bool:
    """Whether its method says that the map depends on the seed."""
    return isinstance(explainer.method, Stochastic) and explainer.method.stochastic


def prepared(explainer: Explainer, x: Any) -> tuple[Any, tf.Tensor, tf.Tensor]:
    """Inputs, targets and seeds as `Explainer.attribute` takes them."""
    x = explainer.inputs(x)
    batch = tf.nest.flatten(x)[0].shape[0]
    return x, as_target(None, x, explainer.network), sample_seeds(11, batch)


def _size(x: Any) -> int:
    return int(tf.nest.flatten(x)[0].shape[0])


def _rows(x: Any, start: int, stop: int) -> Any:
    return tf.nest.map_structure(lambda leaf: leaf[start:stop], x)


def _demand_close(
    found: Any, expected: Any, sentence: str, rtol: float = 0.0, atol: float = 0.0
) -> None:
    for a, b in zip(tf.nest.flatten(found), tf.nest.flatten(expected), strict=True):
        left, right = np.asarray(a), np.asarray(b)
        if not np.allclose(left, right, rtol=rtol, atol=atol):
            apart = float(np.abs(left - right).max())
            raise AssertionError(f"{sentence}: they are up to {apart:.3g} apart.")
