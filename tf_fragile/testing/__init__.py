"""What explainers and probes promise, as checks for your own: each fails with a sentence."""

from tf_fragile.testing.cases import Case, tiny_model, tiny_source, tiny_subject
from tf_fragile.testing.explainers import check_explainer
from tf_fragile.testing.models import WIRINGS, Tiny, tiny
from tf_fragile.testing.probes import check_probe

__all__ = [
    "WIRINGS",
    "Case",
    "Tiny",
    "check_explainer",
    "check_probe",
    "tiny",
    "tiny_model",
    "tiny_source",
    "tiny_subject",
]
