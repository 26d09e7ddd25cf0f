"""`NAME:setting=value` as the command line has it."""

from __future__ import annotations

import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.audit.specs import check_specs, parse_explainer
from tf_fragile.errors import InputError


def test_values_are_read_by_the_settings_description() -> None:
    assert parse_explainer("grad_cam:relu=False:layer=5") == (
        "grad_cam",
        {"relu": False, "layer": "5"},
    )
    assert parse_explainer("smoothgrad:noise_level=1e-1:samples=3") == (
        "smoothgrad",
        {"noise_level": 0.1, "samples": 3},
    )
    assert parse_explainer("lrp_zbox:low=0:high=255")[1] == {"low": 0, "high": 255}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (
            "integrated_gradients:steps=abc",
            "steps of integrated_gradients is 'abc'; give a whole number from 1 to 100,000.",
        ),
        (
            "integrated_gradients:steps=1000000000",
            "steps of integrated_gradients is 1000000000; give a whole number from 1 to 100,000.",
        ),
        ("grad_cam:relu=maybe", "relu of grad_cam is 'maybe'; give True or False."),
        (
            "smoothgrad:statistic=foo",
            "Unknown statistic 'foo'; known: mean, mean_square, variance.",
        ),
        ("lrp_zbox:low=a:high=1", "low of lrp_zbox is 'a'; give finite numbers, or None."),
        ("vargrad:samples", "Setting 'samples' of explainer 'vargrad:samples' has no value; write"),
        (
            "vargrad:samples=2:samples=3",
            "Explainer 'vargrad:samples=2:samples=3' has samples twice",
        ),
        (
            "vargrad:sample=2",
            "Unknown setting of explainer 'vargrad' 'sample'; did you mean samples",
        ),
        ("pattern_net:head=two", "Unknown head 'two'; known: logit, one, relu."),
        ("lrp_zero:low=0", "The first-layer rule 'box' needs the bounds of the input, low and"),
    ],
)
def test_what_can_not_be_is_refused_before_a_model_is_opened(spec: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        check_specs(asked(explainers=(spec,)))
    assert str(error.value).startswith(sentence)
