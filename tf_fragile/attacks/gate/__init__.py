"""The derivative gate: are second derivatives of this network right, and if not, what then?"""

from tf_fragile.attacks.gate.check import check_derivatives
from tf_fragile.attacks.gate.corrections import correct_derivatives
from tf_fragile.attacks.gate.report import GateReport, LayerFault
from tf_fragile.attacks.gate.trust import Decision, trusted

__all__ = [
    "Decision",
    "GateReport",
    "LayerFault",
    "check_derivatives",
    "correct_derivatives",
    "trusted",
]
