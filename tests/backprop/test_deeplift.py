"""DeepLIFT against a slow twin: explicit matrices, loops, the formulas as the papers print them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tf_fragile as tff

L = keras.layers
ACTIVATIONS = {
    "relu": (lambda z: np.maximum(z, 0), lambda z: (z > 0) * 1.0),
    "tanh": (np.tanh, lambda z: 1 - np.tanh(z) ** 2),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda z: np.exp(-z) / (1 + np.exp(-z)) ** 2),
    "softplus": (lambda z: np.log1p(np.exp(z)), lambda z: 1 / (1 + np.exp(-z))),
}


@dataclass(frozen=True)
class Step:
    """One layer of the twin: what it is, and its matrix, offset, function or windows."""

    kind: str
    matrix: np.ndarray | None = None
    offset: np.ndarray | float = 0.0
    name: str = ""
    windows: list[list[int]] | None = None

    def __call__(self, v: np.ndarray) -> np.ndarray:
        if self.kind == "activation":
            return ACTIVATIONS[self.name][0](v)
        if self.kind == "maximum":
            return np.array([max(v[i] for i in window) for window in self.windows])
        if self.kind == "branch":  # the vector itself, then a linear map of it
            return np.concatenate([v, self.matrix @ v + self.offset])
        return self.matrix @ v + self.offset


def matrix_of(layer: Any, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """An affine layer as an explicit matrix [out, in] and offset, from its values on a basis."""
    size = int(np.prod(shape))
    basis = np.concatenate([np.zeros((1, size)), np.eye(size)]).reshape(-1, *shape)
    rows = np.asarray(layer(tf.constant(basis)), np.float64).reshape(size + 1, -1)
    return (rows[1:] - rows[0]).T, rows[0]


def pool_windows(layer: Any, shape: tuple[int, ...]) -> list[list[int]]:
    (ph, pw), (sh, sw), (height, width, channels) = layer.pool_size, layer.strides, shape
    index = np.arange(height * width * channels).reshape(shape)
    return [
        list(index[i : i + ph, j : j + pw, c].ravel())
        for i in range(0, height - ph + 1, sh)
        for j in range(0, width - pw + 1, sw)
        for c in range(channels)
    ]


def steps_of(model: keras.Model) -> list[Step]:
    steps, shape = [], model.input_shape[1:]
    for layer in model.layers:
        after = layer.compute_output_shape((1, *shape))[1:]
        activation = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if isinstance(layer, L.MaxPooling2D):
            steps.append(Step("maximum", windows=pool_windows(layer, shape)))
        elif isinstance(layer, L.Activation):
            steps.append(Step("activation", name=activation))
        else:
            kind = {L.BatchNormalization: "scale", L.AveragePooling2D: "structure"}.get(type(layer))
            if activation != "linear":
                layer.activation = keras.activations.linear
            matrix, offset = matrix_of(layer, shape)
            steps.append(Step(kind or "affine", matrix, offset))
            if activation != "linear":
                layer.activation = keras.activations.get(activation)
                steps.append(Step("activation", name=activation))
        shape = after
    return steps


def split(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.maximum(matrix, 0), np.minimum(matrix, 0)


def forward_parts(step: Step, v0: np.ndarray, up: np.ndarray, down: np.ndarray, delta: np.ndarray):
    """C+ and C- of a step's output."""
    if step.kind in ("affine", "scale", "branch"):
        # A dense layer looks at the sign of the difference, a scaling at the parts it is given.
        a, b = (up, down) if step.kind == "scale" else split(delta)
        plus, minus = split(step.matrix)
        result = plus @ a + minus @ b, minus @ a + plus @ b
        if step.kind == "branch":
            result = tuple(np.concatenate(pair) for pair in zip((up, down), result, strict=True))
        return result
    if step.kind == "structure":
        return step.matrix @ up, step.matrix @ down
    if step.kind == "maximum":
        return split(step(v0 + delta) - step(v0))
    f = step
    rise = (f(v0 + up) - f(v0) + f(v0 + down + up) - f(v0 + down)) / 2
    fall = (f(v0 + down) - f(v0) + f(v0 + up + down) - f(v0 + up)) / 2
    return rise, fall


def shifted(v: np.ndarray, sign: float) -> np.ndarray:
    return np.where(np.abs(v) < 5e-8, v + sign * 1e-7, v)


def dense_rule(matrix, delta, up, down, ablate):
    plus, minus = split(matrix)
    kept = 0.0 if ablate else 1.0
    result = np.zeros(len(delta))
    for i, d in enumerate(delta):
        if d > 0:
            result[i] = plus[:, i] @ up + kept * minus[:, i] @ down
        elif d < 0:
            result[i] = plus[:, i] @ down + kept * minus[:, i] @ up
        else:
            result[i] = matrix[:, i] @ (up + down) / 2
    return result


def cross_max_rule(step: Step, v, v0, m, settled):
    """The rule as Captum and SHAP write it: two routings, added, divided.

    An entry that does not differ gets the plain gradient, routed by `settled`: in their libraries
    the input, which in a window of dead units is an arbitrary one of them; here the larger of
    input and reference. By Rescale the two agree, since a dead unit lets nothing through.
    """
    parts, plain = np.zeros(len(v)), np.zeros(len(v))
    for j, window in enumerate(step.windows):
        here, there = max(window, key=lambda i: v[i]), max(window, key=lambda i: v0[i])
        y, y0 = v[here], v0[there]
        parts[here] += m[j] * (max(y, y0) - y0)
        parts[there] += m[j] * (y - max(y, y0))
        plain[max(window, key=lambda i: settled[i])] += m[j]
    delta = v - v0
    small = np.abs(delta) < 1e-7
    return np.where(small, plain, parts / np.where(small, 1, delta))


def twin(steps, x, x0, unit, rule, max_pool):
    """Contributions of one flat sample."""
    values, origin, parts = [x], [x0], [split(x - x0)]
    for step in steps:
        parts.append(forward_parts(step, origin[-1], *parts[-1], values[-1] - origin[-1]))
        values.append(step(values[-1]))
        origin.append(step(origin[-1]))
    up = down = np.eye(len(values[-1]))[unit]
    for k in reversed(range(len(steps))):
        step, v, v0, y, y0 = steps[k], values[k], origin[k], values[k + 1], origin[k + 1]
        delta, out = v - v0, y - y0
        if step.kind == "affine":
            up = down = dense_rule(step.matrix, delta, up, down, rule == "ablation")
        elif step.kind == "branch":
            n = len(v)
            through = dense_rule(step.matrix, delta, up[n:], down[n:], rule == "ablation")
            up, down = up[:n] + through, down[:n] + through
        elif step.kind == "structure":
            up, down = step.matrix.T @ up, step.matrix.T @ down
        elif step.kind == "scale":
            plus, minus = split(step.matrix)
            up, down = plus.T @ up + minus.T @ down, plus.T @ down + minus.T @ up
        elif step.kind == "maximum" and max_pool == "gradient":
            routed = np.zeros((2, len(v)))
            for j, window in enumerate(step.windows):
                routed[:, max(window, key=lambda i: v[i])] += up[j], down[j]
            up, down = routed
        elif step.kind == "maximum":
            m = np.where(out > 0, up, np.where(out < 0, down, (up + down) / 2))
            settled = np.maximum(v, v0) if rule == "reveal_cancel" else v
            up = down = cross_max_rule(step, v, v0, m, settled)
        elif rule == "reveal_cancel":
            p, n = parts[k]
            q, o = shifted(p, 1), shifted(n, -1)  # what would be divided by zero
            rise, _ = forward_parts(step, v0, q, n, delta)
            _, fall = forward_parts(step, v0, p, o, delta)
            up, down = up * rise / q, down * fall / o
        else:
            small = np.abs(delta) < 1e-7
            slope = ACTIVATIONS[step.name][1](v0)
            factor = np.where(small, slope, out / np.where(small, 1, delta))
            up, down = up * factor, down * factor
    positive, negative = split(x - x0)
    return up * positive + down * negative


@pytest.fixture(autouse=True)
def float64():
    before = keras.config.dtype_policy(), keras.config.floatx()
    keras.config.set_dtype_policy("float64")
    keras.config.set_floatx("float64")
    yield
    keras.config.set_dtype_policy(before[0])
    keras.config.set_floatx(before[1])


def shaken(model: keras.Model) -> keras.Model:
    """`model` with biases and norms of both signs."""
    rng = np.random.default_rng(2)
    for variable in model.variables:
        if variable.path.endswith("moving_variance"):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif "seed" not in variable.path and not variable.path.endswith("kernel"):
            variable.assign(0.5 * rng.standard_normal(variable.shape))
    return model


def conv_net(activation: str, groups: int) -> keras.Model:
    return shaken(
        keras.Sequential(
            [
                keras.Input((13, 12, 2)),
                L.Conv2D(4, 3, strides=2, padding="same", activation=activation),
                L.MaxPooling2D(3, 2),
                L.Conv2D(6, 2, padding="same", groups=groups, dilation_rate=2),
                L.BatchNormalization(),
                L.Activation(activation),
                L.AveragePooling2D((2, 1), 1),
                L.Conv2DTranspose(2, 2, strides=2),
                L.Flatten(),
                L.Dense(4, activation=activation),
                L.Dense(3),
            ]
        )
    )


def explained(model, x, x0, rule, max_pool="cross_max"):
    explainer = tff.explain(f"deeplift_{rule}", model, reference=x0, max_pool=max_pool)
    return explainer(x, target=1)


RULES = ["rescale", "reveal_cancel", "ablation"]


@pytest.mark.slow
@pytest.mark.parametrize("max_pool", ["cross_max", "gradient"])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("rule", RULES)
def test_convolutional_net_agrees_with_explicit_matrices(rule, activation, max_pool) -> None:
    # Groups are the linear layer's own affair, and Keras compiles them anew for every gradient.
    model = conv_net(activation, groups=2 if (activation, max_pool) == ("tanh", "gradient") else 1)
    rng = np.random.default_rng(0)
    x, x0 = rng.standard_normal((2, 13, 12, 2)), rng.standard_normal((13, 12, 2))
    x[0, :2, :2] = x0[:2, :2]  # entries that do not differ have a rule of their own
    maps, steps = explained(model, x, x0, rule, max_pool), steps_of(model)
    for found, sample in zip(maps, x, strict=True):
        expected = twin(steps, sample.ravel(), x0.ravel(), 1, rule, max_pool)
        np.testing.assert_allclose(found.ravel(), expected, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_residual_net_agrees_with_explicit_matrices(rule) -> None:
    x_in = keras.Input((9,))
    first, second, last = L.Dense(7), L.Dense(7), L.Dense(3)
    h = L.Activation("relu")(first(x_in))
    h = L.Activation("sigmoid")(L.Add()([h, second(h)]))
    model = shaken(keras.Model(x_in, last(h)))
    rng = np.random.default_rng(0)
    x, x0 = rng.standard_normal((3, 9)), rng.standard_normal(9)

    def affine(layer, kind="affine"):
        return Step(kind, layer.kernel.numpy().T, layer.bias.numpy())

    steps = [
        *(affine(first), Step("activation", name="relu"), affine(second, "branch")),
        # The sum is a dense layer with two ones, as the paper runs it.
        Step("affine", np.concatenate([np.eye(7), np.eye(7)], 1)),
        *(Step("activation", name="sigmoid"), affine(last)),
    ]
    for found, sample in zip(explained(model, x, x0, rule), x, strict=True):
        np.testing.assert_allclose(found, twin(steps, sample, x0, 1, rule, ""), atol=1e-9)


def test_dead_units_pass_the_limit_of_reveal_cancel_down() -> None:
    # Zero biases and an all-zero reference put every activation on its kink, and a second layer
    # of one sign leaves it without a negative part.
    stack = [L.Dense(5, use_bias=False, activation="relu") for _ in range(2)]
    model = keras.Sequential([keras.Input((4,)), *stack, L.Dense(3, use_bias=False)])
    stack[1].kernel.assign(np.abs(stack[1].kernel.numpy()))
    x = np.random.default_rng(3).standard_normal((4, 4))
    x[:, 2] = 0
    maps, steps = explained(model, x, 0.0, "reveal_cancel"), steps_of(model)
    for found, sample in zip(maps, x, strict=True):
        expected = twin(steps, sample, np.zeros(4), 1, "reveal_cancel", "")
        np.testing.assert_allclose(found, expected, atol=1e-9)


@pytest.mark.parametrize("rule", RULES)
def test_separable_convolution_is_its_two_stages(rule) -> None:
    separable = L.SeparableConv2D(5, 3, strides=2, padding="same", depth_multiplier=2)
    depthwise = L.DepthwiseConv2D(3, 2, padding="same", depth_multiplier=2, use_bias=False)
    pointwise = L.Conv2D(5, 1)
    top = L.Dense(3)

    def net(*stack):
        return keras.Sequential(
            [keras.Input((7, 7, 2)), *stack, L.Activation("relu"), L.Flatten(), top]
        )

    whole = shaken(net(separable))
    staged = net(depthwise, pointwise)
    kernel, mixing, bias = separable.get_weights()
    depthwise.set_weights([kernel])
    pointwise.set_weights([mixing, bias])
    x = np.random.default_rng(0).standard_normal((2, 7, 7, 2))
    np.testing.assert_allclose(
        explained(whole, x, 0.2, rule), explained(staged, x, 0.2, rule), atol=1e-12
    )
