"""What tests of attacks do without: tracing, and the derivative gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

import keras
import pytest
import tensorflow as tf

from tf_fragile.attacks import trusting

layers = keras.layers


@pytest.fixture
def op_by_op() -> Iterator[None]:
    """Functions run operation by operation: quicker than tracing a loop of few steps."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def told():
    """A network with some of its properties as told: `told(network, task="labels")`."""

    def make(network, **properties):
        own = {
            name: property(lambda self, value=value: value) for name, value in properties.items()
        }
        kind = type("Told", (type(network),), own)
        return kind(**{field.name: getattr(network, field.name) for field in fields(network)})

    return make


@pytest.fixture
def gated() -> None:
    """Asked for by tests of attacks that the derivative gate comes before."""


@pytest.fixture(autouse=True)
def attacks_trust_their_derivatives(request, monkeypatch) -> None:
    """Elsewhere the gate is not run: it takes seconds a net, and these nets have passed it."""
    if "gated" not in request.fixturenames:
        monkeypatch.setattr(trusting, "_trust", lambda *_: trusting.Trust("as_is", ""))
