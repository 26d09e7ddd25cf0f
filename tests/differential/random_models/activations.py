"""The same function in many spellings: fused, a layer, an operation, a layer of one's own."""

from __future__ import annotations

from random import Random

# Expressions of `z`, for lambdas and layers of one's own; the name is Keras' where it has one.
FUNCTIONS: dict[str, tuple[str, ...]] = {
    "relu": ("ops.relu(z)", "ops.maximum(z, 0.0)", "tf.nn.relu(z)", "ops.where(z > 0, z, 0.0 * z)"),
    "leaky_relu": ("ops.leaky_relu(z, 0.2)", "ops.maximum(z, 0.2 * z)", "tf.nn.leaky_relu(z, 0.2)"),
    "elu": ("ops.elu(z)", "ops.where(z > 0, z, ops.exp(ops.minimum(z, 0.0)) - 1.0)"),
    "selu": ("ops.selu(z)",),
    "gelu": ("ops.gelu(z)", "tf.nn.gelu(z)"),
    "silu": ("ops.silu(z)", "z * ops.sigmoid(z)", "tf.nn.silu(z)"),
    "softplus": ("ops.softplus(z)", "ops.log(1.0 + ops.exp(z))"),
    "tanh": ("ops.tanh(z)", "tf.tanh(z)"),
    "sigmoid": ("ops.sigmoid(z)", "1.0 / (1.0 + ops.exp(-z))"),
    "relu6": ("ops.relu6(z)", "ops.clip(z, 0.0, 6.0)", "ops.minimum(ops.maximum(z, 0.0), 6.0)"),
    "hard_sigmoid": ("ops.hard_sigmoid(z)", "ops.clip(z / 6.0 + 0.5, 0.0, 1.0)"),
    "square": ("ops.square(z)", "z**2"),
    "abs": ("ops.abs(z)",),
    "bump": ("ops.exp(-ops.square(z))",),
    "cubic": ("z**3 + z",),
    "softsign": ("ops.softsign(z)", "z / (1.0 + ops.abs(z))"),
    "steep_leaky_relu": ("ops.where(z > 0, z, -0.5 * z)", "ops.leaky_relu(z, -0.5)"),
}
LAYERS: dict[str, tuple[str, ...]] = {
    "relu": ("L.ReLU()",),
    "leaky_relu": ("L.LeakyReLU(negative_slope=0.2)", "L.ReLU(negative_slope=0.2)"),
    "prelu": ("L.PReLU(shared_axes=list(range(1, len($.shape) - 1)) or None)", "L.PReLU()"),
    "elu": ("L.ELU()", "L.ELU(alpha=1.7)"),
    "relu6": ("L.ReLU(max_value=6.0)",),
    "thresholded": ("L.ReLU(threshold=0.3)",),
}
NAMED = ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "tanh", "sigmoid")
NAMED += ("relu6", "hard_sigmoid", "softsign", "linear")
_SIBLINGS = {"relu": 10, "leaky_relu": 3, "prelu": 2, "square": 1, "steep_leaky_relu": 1}
# No pointwise functions, though they stand where such functions stand.
MIXING = ('"softmax"', "tf.nn.softmax", "lambda z: tf.nn.l2_normalize(z, -1)")


def _name(r: Random) -> str:
    names = sorted({*FUNCTIONS, *LAYERS})
    return r.choices(names, [_SIBLINGS.get(name, 1) for name in names])[0]


def activation(r: Random) -> str:
    """An activation as an expression of `$`, in one of its spellings."""
    name = _name(r)
    ways = [f"{layer}($)" for layer in LAYERS.get(name, ())]
    if name in NAMED:
        ways.append(f'L.Activation("{name}")($)')
    for body in FUNCTIONS.get(name, ()):
        ways += [body.replace("z", "$") if body.startswith("ops.") and body.count("z") == 1 else ""]
        ways += [f"L.Lambda(lambda z: {body})($)", f"L.Activation(lambda z: {body})($)"]
        ways += [f"Pointwise(lambda z: {body})($)"]
    return r.choice([way for way in ways if way])


def fused(r: Random) -> str:
    """An `activation=` argument with its comma, or nothing."""
    chance = r.random()
    if chance < 0.35:
        return ""
    if chance < 0.39:
        return f", activation={r.choice(MIXING)}"
    name = _name(r)
    ways = [f'"{name}"', f"keras.activations.{name}"] if name in NAMED else []
    ways += [layer for layer in LAYERS.get(name, ()) if "$" not in layer]
    ways += [f"lambda z: {body}" for body in FUNCTIONS.get(name, ())]
    ways += ["tf.nn.relu"] * (name == "relu") + ["tf.nn.leaky_relu"] * (name == "leaky_relu")
    return f", activation={r.choice(ways or [chr(34) + 'relu' + chr(34)])}"
