"""Random Keras models: every answer is Keras' own, or a sentence."""

from __future__ import annotations

import pytest
from random_models.campaign import wrong_models

MODELS, PARTS = 100, 5


@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_is_that_of_keras_or_a_refusal(part: int) -> None:
    size = MODELS // PARTS  # in a row, so that attacks and traces are spread evenly
    found = wrong_models(range(part * size, (part + 1) * size))
    assert not found, f"{len(found)} kinds of fault:\n\n" + "\n\n".join(found)
