"""The derivative gate: are second derivatives of this network right, and if not, what then?"""

from tf_fragile.derivatives.check import check_derivatives
from tf_fragile.derivatives.corrections import correct_derivatives
from tf_fragile.derivatives.report import GateReport, LayerFault
from tf_fragile.derivatives.trust import Decision, trusted

__all__ = [
    "Decision",
    "GateReport",
    "LayerFault",
    "check_derivatives",
    "correct_derivatives",
    "trusted",
]
