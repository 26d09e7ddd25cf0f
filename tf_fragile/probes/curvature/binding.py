"""The curvature probe of a subject."""

from __future__ import annotations

import dataclasses

from tf_fragile.derivatives.corrected import Corrected
from tf_fragile.probes.contract import Bound, Subject
from tf_fragile.probes.curvature.probe import EXPLAINER, CurvatureProbe
from tf_fragile.probes.curvature.settings import CurvatureSettings
from tf_fragile.surrogates import Softplus, Surrogate, beta_for


def bind(settings: CurvatureSettings, subject: Subject) -> Bound:
    """The probe of a subject.

    Raises:
      InputError: a model without a graph in which to put softplus.
    """
    beta = beta_for(subject.source.range) if settings.beta is None else settings.beta
    gate = subject.derivatives
    surrogate: Surrogate = Softplus(beta=beta)
    if gate.kind == "corrected":
        surrogate = Corrected(surrogate)
    surrogate.apply(subject.network)
    probe = CurvatureProbe(
        subject.network,
        subject.source,
        surrogate,
        settings.iteration,
        subject.seed,
        only_correct=subject.only_correct,
        doubt=gate.text if gate.kind == "secant" else "",
    )
    return Bound(
        probe=probe,
        decides=dataclasses.asdict(settings) | {"beta": beta},
        facts={"Curvature": f"of the {EXPLAINER}, with a softplus of beta = {beta:g} for ReLU"},
    )
