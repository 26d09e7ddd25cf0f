"""What may be done to a tensor of each rank: texts of `$`, drawn with small parameters."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from random_models.activations import activation, fused

Draw = Callable[[Random], str]


def _some(*texts: str) -> Draw:
    """One of `texts`; `{f}` in them is a number of channels, `{act}` a fused activation."""

    def draw(r: Random) -> str:
        text = r.choice(texts)
        return text.replace("{f}", str(r.randint(2, 6))).replace("{act}", fused(r))

    return draw


def _convolution(name: str) -> Draw:
    """A convolution with a stride, a dilation, or groups, or none of them."""

    def draw(r: Random) -> str:
        causal = name == "Conv1D" and r.random() < 0.3
        padding = "causal" if causal else r.choice(["same", "same", "valid"])
        extra = r.choice(["", "", "", ", strides=2", ", dilation_rate=2", ", use_bias=False"])
        act = fused(r)
        if r.random() < 0.06:
            return f'L.{name}(2 * $.shape[-1], 3, padding="same", groups=$.shape[-1]{act})($)'
        size = r.choice([1, 2, 3, 3])
        return f'L.{name}({r.randint(2, 6)}, {size}, padding="{padding}"{extra}{act})($)'

    return draw


# Of any rank; the last axis holds the channels.
ANY: dict[str, tuple[int, Draw]] = {
    "activation": (14, activation),
    "dense": (4, _some("L.Dense({f}{act})($)", "L.Dense({f}{act}, use_bias=False)($)")),
    "batch_norm": (
        5,
        _some(
            "L.BatchNormalization()($)",
            "L.BatchNormalization(scale=False)($)",
            "L.BatchNormalization(center=False, epsilon=0.1)($)",
        ),
    ),
    "norm": (
        3,
        _some(
            "L.LayerNormalization()($)",
            "L.RMSNormalization()($)",
            "L.UnitNormalization()($)",
            "L.LayerNormalization(epsilon=0.1, center=False)($)",
        ),
    ),
    "noise": (
        4,
        _some(
            "L.Dropout(0.4)($)",
            "L.GaussianNoise(0.3)($)",
            "L.GaussianDropout(0.3)($)",
            "L.AlphaDropout(0.3)($)",
            "L.ActivityRegularization(0.1)($)",
        ),
    ),
    "dropout_on": (0.2, _some("L.Dropout(0.5)($, training=True)")),
    "scaling": (
        3,
        _some(
            "L.Rescaling(0.5, offset=0.1)($)",
            "L.Normalization(mean=0.2, variance=1.7)($)",
            "L.Normalization(mean=const($.shape[-1]), variance=const($.shape[-1]) ** 2)($)",
        ),
    ),
    "constant": (
        5,
        _some(
            "$ * const($.shape[-1])",
            "$ + const($.shape[-1])",
            "$ * const(*$.shape[1:])",
            "ops.subtract(const(*$.shape[1:]), $)",
            "$ / 1.7",
            "1.5 * $ - 0.3",
            "ops.multiply($, const(1))",
            "$ * ops.convert_to_tensor(const(1, *$.shape[1:]))",
        ),
    ),
    "wider_constant": (2, _some("L.Dense(1)($) * const(3)", "L.Dense(1)($) + const(4)")),
    "constant_product": (
        2,
        _some(
            "ops.matmul($, const($.shape[-1], 3))",
            "ops.dot($, const($.shape[-1], 3))",
            'ops.einsum("...c,cd->...d", $, const($.shape[-1], 4))',
            "$ @ ops.convert_to_tensor(const($.shape[-1], 3))",
        ),
    ),
    "cast": (
        2,
        _some(
            'ops.cast($, "float32")',
            "ops.cast($, $.dtype)",
            'ops.cast(ops.cast($, "float64"), "float32")',
            'L.Activation("linear", dtype="float32")($)',
        ),
    ),
    "own_layer": (
        2,
        _some("Scale()($)", "Block(L.Dense({f}))($)", "Block(L.Dense(3), gain=0.7)($)"),
    ),
    "spectral": (1, _some("L.SpectralNormalization(L.Dense({f}{act}))($)")),
    "gated": (
        3,
        _some(
            'L.Multiply()([$, L.Dense($.shape[-1], activation="sigmoid")($)])',
            '$ * L.Dense($.shape[-1], activation="tanh")($)',
            "L.Multiply()([L.Dense(3)($), L.Dense(3)($)])",
        ),
    ),
    "merge": (
        4,
        _some(
            "L.Concatenate()([L.Dense(2{act})($), L.Dense(3{act})($)])",
            "L.Maximum()([L.Dense(3)($), L.Dense(3)($)])",
            "L.Minimum()([L.Dense(3)($), L.Dense(3)($)])",
            "L.Average()([L.Dense(3)($), L.Dense(3{act})($), L.Dense(3)($)])",
            "L.Subtract()([L.Dense(3)($), L.Dense(3{act})($)])",
            "ops.concatenate([$, L.Dense(2{act})($)], -1)",
            "L.Dense(3)($) / (2.0 + ops.square(L.Dense(3)($)))",
            "ops.stack([$, L.Dense($.shape[-1])($)], -1)[..., 1]",
        ),
    ),
    "slice": (
        1,
        _some("$[..., 1:]", "$[..., ::-1]", "ops.flip($, -1)", "ops.take($, [0, 0, 1], -1)"),
    ),
    "identity": (
        1,
        _some("L.Identity()($)", 'L.Activation("linear")($)', "ops.stop_gradient($) + $"),
    ),
}

IMAGE: dict[str, tuple[int, Draw]] = {
    "conv": (16, _convolution("Conv2D")),
    "depthwise": (4, _some('L.DepthwiseConv2D(3, padding="same"{act})($)')),
    "multiplied": (1, _some("L.DepthwiseConv2D(2, depth_multiplier=2{act})($)")),
    "separable": (2, _some('L.SeparableConv2D({f}, 3, padding="same"{act})($)')),
    "transpose": (
        2,
        _some(
            "L.Conv2DTranspose({f}, 3, strides=2{act})($)",
            'L.Conv2DTranspose({f}, 2, padding="same"{act})($)',
        ),
    ),
    "max_pool": (
        5,
        _some(
            "L.MaxPooling2D(2)($)",
            'L.MaxPooling2D(2, padding="same")($)',
            'L.MaxPooling2D(3, strides=1, padding="same")($)',
            "L.MaxPooling2D(3, strides=2)($)",
        ),
    ),
    "average_pool": (
        3,
        _some(
            "L.AveragePooling2D(2)($)",
            'L.AveragePooling2D(3, strides=2, padding="same")($)',
            'ops.average_pool($, 2, padding="same")',
        ),
    ),
    "resize": (
        3,
        _some(
            "L.UpSampling2D(2)($)",
            'L.UpSampling2D(2, interpolation="bilinear")($)',
            "L.Resizing(7, 7)($)",
            'L.Resizing(5, 6, interpolation="nearest")($)',
        ),
    ),
    "pad": (
        3,
        _some(
            "L.ZeroPadding2D(1)($)",
            "L.Cropping2D(1)($)",
            "L.CenterCrop(4, 4)($)",
            "ops.pad($, ((0, 0), (1, 0), (0, 1), (0, 0)))",
            "$[:, 1:, :-1]",
        ),
    ),
    "augment": (
        2,
        _some(
            'L.RandomFlip("horizontal")($)',
            "L.RandomRotation(0.1)($)",
            "L.RandomContrast(0.2)($)",
            "L.RandomTranslation(0.1, 0.1)($)",
        ),
    ),
    "group_norm": (
        2,
        _some("L.GroupNormalization(groups=1)($)", "L.GroupNormalization(groups=-1)($)"),
    ),
    "squeeze_excite": (
        2,
        _some(
            '$ * L.Dense($.shape[-1], activation="sigmoid")'
            "(L.GlobalAveragePooling2D(keepdims=True)($))"
        ),
    ),
    "own_convolution": (1, _some('Block(L.Conv2D({f}, 3, padding="same"))($)')),
    "spectral_convolution": (
        1,
        _some('L.SpectralNormalization(L.Conv2D({f}, 3, padding="same"{act}))($)'),
    ),
    "einsum": (
        1,
        _some('L.EinsumDense("abcd,de->abce", (*$.shape[1:3], {f}), bias_axes="e"{act})($)'),
    ),
    "turn": (1, _some("L.Permute((2, 1, 3))($)", "ops.transpose($, (0, 2, 1, 3))")),
    "softmax": (0.5, _some('L.Activation("softmax")($)', "L.Softmax()($)", "ops.softmax($, -1)")),
    "distributed": (1, _some("L.TimeDistributed(L.Dense({f}{act}))($)")),
    "to_series": (2, _some("L.Reshape((-1, $.shape[-1]))($)", "ops.mean($, 1)", "ops.max($, 2)")),
    "to_row": (
        3,
        _some(
            "L.Flatten()($)",
            "L.GlobalAveragePooling2D()($)",
            "L.GlobalMaxPooling2D()($)",
            "ops.mean($, (1, 2))",
            "ops.max($, (1, 2))",
            "ops.sum($, (1, 2)) / 9.0",
        ),
    ),
}

SERIES: dict[str, tuple[int, Draw]] = {
    "conv": (12, _convolution("Conv1D")),
    "depthwise": (2, _some('L.DepthwiseConv1D(3, padding="same"{act})($)')),
    "separable": (1, _some('L.SeparableConv1D({f}, 3, padding="same"{act})($)')),
    "transpose": (1, _some("L.Conv1DTranspose({f}, 3, strides=2{act})($)")),
    "pool": (
        4,
        _some(
            "L.MaxPooling1D(2)($)",
            "L.AveragePooling1D(2)($)",
            'L.MaxPooling1D(2, padding="same")($)',
        ),
    ),
    "resize": (2, _some("L.UpSampling1D(2)($)", "L.ZeroPadding1D(1)($)", "L.Cropping1D(1)($)")),
    "recurrent": (
        5,
        _some(
            "L.LSTM({f}, return_sequences=True)($)",
            "L.GRU({f}, return_sequences=True)($)",
            "L.SimpleRNN({f}, return_sequences=True)($)",
            "L.Bidirectional(L.LSTM(2, return_sequences=True))($)",
            "L.LSTM({f})($)",
            "L.GRU({f})($)",
            "L.Bidirectional(L.GRU(2))($)",
        ),
    ),
    "masking": (4, _some("L.Masking()($)")),
    "masked": (
        3,
        _some(
            "L.LSTM({f})(L.Masking()($))",
            "L.GRU({f}, return_sequences=True)(L.Masking()($))",
            "L.GlobalAveragePooling1D()(L.Dense(3)(L.Masking()($)))",
            "L.MultiHeadAttention(2, 3)(L.Masking()($), L.Masking()($))",
            "L.Softmax(axis=1)(L.Masking()($))",
        ),
    ),
    "attention": (
        6,
        _some(
            "L.MultiHeadAttention(2, 3)($, $)",
            "L.MultiHeadAttention(2, 3)($, $, use_causal_mask=True)",
            "L.MultiHeadAttention(2, 3)($, $, attention_mask=causal($)[None])",
            "L.MultiHeadAttention(1, 3)(query=$, value=$, key=L.Dense(3)($))",
            "attend($, causal($))",
            "attend($, None)",
            "L.Attention()([$, $])",
            "L.Attention()([$, $], use_causal_mask=True)",
            "L.AdditiveAttention()([$, L.Dense($.shape[-1])($)])",
            "L.Dot((2, 1))([L.Softmax()(L.Dot((2, 2))([$, $])), $])",
        ),
    ),
    "distributed": (2, _some("L.TimeDistributed(L.Dense({f}{act}))($)")),
    "einsum": (2, _some('L.EinsumDense("abc,cd->abd", ($.shape[1], {f}), bias_axes="d"{act})($)')),
    "graph_convolution": (
        2,
        _some(
            "ops.matmul(const($.shape[1], $.shape[1]), $)",
            'ops.einsum("ts,bsc->btc", const($.shape[1], $.shape[1]), $)',
        ),
    ),
    "dot": (1, _some("L.Dot(2)([$, $])", "L.Dot((1, 1))([$, $])")),
    "turn": (1, _some("L.Permute((2, 1))($)", "ops.transpose($, (0, 2, 1))", "ops.roll($, 1, 1)")),
    "group_norm": (1, _some("L.GroupNormalization(groups=1)($)")),
    "softmax": (1, _some("L.Softmax()($)", "ops.softmax($, 1)")),
    "to_row": (
        3,
        _some(
            "L.Flatten()($)",
            "L.GlobalAveragePooling1D()($)",
            "L.GlobalMaxPooling1D()($)",
            "$[:, -1]",
            "ops.mean($, 1)",
        ),
    ),
}

ROW: dict[str, tuple[int, Draw]] = {
    "hidden": (10, _some("L.Dense({f}{act})($)")),
    "einsum": (1, _some('L.EinsumDense("ab,bc->ac", {f}, bias_axes="c"{act})($)')),
    "softmax": (0.5, _some('L.Activation("softmax")($)', "L.Softmax()($)", "ops.softmax($)")),
    "normalised": (0.5, _some("L.Lambda(lambda z: tf.nn.l2_normalize(z, -1))($)")),
    "repeat": (1, _some("L.RepeatVector(3)($)", "L.Reshape((-1, 1))($)", "ops.expand_dims($, 1)")),
    "dot": (1, _some("L.Dot(1)([L.Dense(3)($), L.Dense(3)($)])")),
}

BY_RANK: dict[int, dict[str, tuple[int, Draw]]] = {
    2: {**ANY, **ROW},
    3: {**ANY, **SERIES},
    4: {**ANY, **IMAGE},
}


def draw_text(r: Random, rank: int) -> str:
    """A step for a tensor of `rank` axes, now and then called by keyword."""
    table = BY_RANK[rank]
    names = sorted(table)
    text = table[r.choices(names, [table[name][0] for name in names])[0]][1](r)
    by_keyword = text.startswith("L.") and text.endswith(")($)") and r.random() < 0.06
    return f"{text[:-3]}(inputs=$)" if by_keyword else text
