"""Classes and functions that a printed model may need; its code gets those that it names."""

from __future__ import annotations

PIECES: dict[str, str] = {
    "const": '''
def const(*shape):
    """Numbers that do not change from one build to the next."""
    return np.random.default_rng(len(shape) + sum(shape)).normal(size=shape).astype("float32")
''',
    "Pointwise": '''
class Pointwise(L.Layer):
    """A layer of the user's own without weights."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def call(self, z):
        return self.function(z)
''',
    "Block": '''
class Block(L.Layer):
    """A layer of the user's own with layers inside."""

    def __init__(self, first, gain=1.0):
        super().__init__()
        self.first, self.gain, self.norm = first, gain, L.BatchNormalization()

    def build(self, shape):
        self.first.build(shape)
        self.norm.build(self.first.compute_output_shape(shape))

    def call(self, z, training=False):
        return self.gain * ops.relu(self.norm(self.first(z), training=training))
''',
    "Scale": '''
class Scale(L.Layer):
    """A layer of the user's own with a weight."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")
        self.shift = self.add_weight(shape=(shape[-1],), initializer="zeros")

    def call(self, z):
        return z * self.scale + self.shift
''',
    "attend": '''
def attend(h, mask, units=4):
    """Attention by hand, in functional operations."""
    q, k, v = (L.Dense(units)(h) for _ in range(3))
    scores = ops.matmul(q, ops.transpose(k, (0, 2, 1))) / units**0.5
    return ops.matmul(L.Softmax()(scores, mask=mask), v)
''',
    "causal": '''
def causal(h):
    """The constant mask [T, T] of a causal attention."""
    return np.tril(np.ones((h.shape[1], h.shape[1]), bool))
''',
    "named_pair": '''
def named_pair(like):
    """A model of two named inputs, not in the order of their names."""
    u, v = (keras.Input(like.shape[1:], name=name) for name in ("right", "left"))
    return keras.Model({"right": u, "left": v}, u - 0.5 * L.Dense(like.shape[-1])(v))
''',
    "listed_pair": '''
def listed_pair(like):
    """A model of a list of two inputs."""
    u, v = keras.Input(like.shape[1:]), keras.Input(like.shape[1:])
    return keras.Model([u, v], u - 0.5 * L.Dense(like.shape[-1])(v))
''',
    "SoftmaxDense": '''
class SoftmaxDense(L.Dense):
    """A Dense layer whose subclass applies the softmax."""

    def call(self, inputs):
        return ops.softmax(super().call(inputs))
''',
    "Net": '''
class Net(keras.Model):
    """A subclassed model."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def call(self, x, training=False):
        return self.body(x, training=training)
''',
    "Cubed": '''
class Cubed(keras.Sequential):
    """A Sequential whose own call adds a step."""

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs**3, training=training, mask=mask)
''',
}


def prelude(code: str) -> str:
    """The pieces that `code` names."""
    return "\n".join(
        piece.strip("\n") + "\n\n" for name, piece in PIECES.items() if f"{name}(" in code
    )
