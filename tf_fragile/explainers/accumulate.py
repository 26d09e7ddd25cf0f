"""Sums over path points or noise draws in constant memory, forwards and backwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

Tensors = Sequence[tf.Tensor]


def sum_over(
    term: Callable[..., Tensors], count: int, inputs: Tensors, like: Tensors
) -> list[tf.Tensor]:
    """`sum(term(i, *inputs) for i in range(count))`, one term in memory at a time.

    The derivative with respect to `inputs` recomputes one term at a time too, so it needs no more
    memory than a single term: the sum first, then its cotangent, then the terms again. Variables
    that `term` reads get no gradient.

    Args:
      term: takes the int32 scalar `i` and `inputs`, returns tensors shaped like `like`.
      count: the number of terms, at least 1.
      inputs: every tensor through which the sum is to be differentiated.
      like: tensors of the shapes and dtypes of the results.
    """

    def total(*inputs: tf.Tensor) -> Any:
        def gradient(*upstream: tf.Tensor, variables: Any = None) -> Any:
            def pull_back(i: tf.Tensor) -> Tensors:
                with tf.GradientTape(watch_accessed_variables=False) as tape:
                    tape.watch(inputs)
                    outputs = term(i, *inputs)
                pulled: list[tf.Tensor] = tape.gradient(
                    outputs,
                    list(inputs),
                    output_gradients=list(upstream),
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                return pulled

            gradients = _loop(pull_back, count, inputs)
            return gradients if variables is None else (gradients, [None] * len(variables))

        return _loop(lambda i: term(i, *inputs), count, like), gradient

    return list(tf.custom_gradient(total)(*inputs))


def _loop(step: Callable[[tf.Tensor], Tensors], count: int, like: Tensors) -> list[tf.Tensor]:
    """`sum(step(i) for i in range(count))` as a `tf.while_loop`."""

    def body(i: tf.Tensor, totals: list[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        return i + 1, [a + b for a, b in zip(totals, step(i), strict=True)]

    _, totals = tf.while_loop(
        lambda i, _: i < count,
        body,
        (tf.constant(0), [tf.zeros_like(t) for t in like]),
        shape_invariants=(tf.TensorShape([]), [t.shape for t in like]),
        parallel_iterations=1,
        maximum_iterations=count,
    )
    return list(totals)
