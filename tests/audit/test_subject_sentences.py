"""Refusals before the work starts, in one sentence each."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.audit.subject import open_subject
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import method
from tf_fragile.probes.fragility.binding import _optimizer
from tf_fragile.probes.fragility.settings import FragilitySettings


def test_an_explainer_that_the_secant_can_not_attack_is_named() -> None:
    gate = SimpleNamespace(kind="secant", text="Layer 'a' is wrong; use the secant optimizer.")
    found = {"grad_cam": SimpleNamespace(method=method("grad_cam"))}
    subject = SimpleNamespace(derivatives=gate, budget="quick", explainers=found)
    with pytest.raises(InputError) as error:
        _optimizer(FragilitySettings(), subject)
    assert str(error.value) == (
        "grad_cam has no map with a symmetric Jacobian, which the secant optimizer needs, and no "
        "other can be used here (Layer 'a' is wrong; use the secant optimizer); leave grad_cam out "
        "of --explainers."
    )


def test_the_random_control_can_not_be_asked_for() -> None:
    with pytest.raises(InputError, match="always runs; leave random_sign out of --attacks"):
        open_subject(asked(attacks=("random_sign",)))
