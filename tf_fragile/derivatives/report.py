"""What the derivative gate found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Order = Literal["first", "second"]


@dataclass(frozen=True)
class LayerFault:
    """A layer whose derivative is wrong.

    Attributes:
      name: the user's name for it.
      kind: its class, or the name of the function.
      order: which derivative; where the first is wrong, the second was not looked at.
      error: relative to the true derivative; infinite where there is none at all.
      reason: one clause, to follow the layer's name.
      alike: names of the other layers of the same class and settings, taken to be wrong too.
    """

    name: str
    kind: str
    order: Order
    error: float
    reason: str
    alike: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """All layers that this is about."""
        return (self.name, *self.alike)

    @property
    def text(self) -> str:
        """The layer, its class and what is wrong, without a full stop."""
        more = f" and {len(self.alike)} like it" if self.alike else ""
        return f"layer {self.name!r}{more} ({self.kind}): {self.reason}"


@dataclass(frozen=True)
class GateReport:
    """Whether the derivatives of a network's score can be believed.

    Attributes:
      model: the model's name.
      precision: `"float64"`, `"mixed"` or `"float32"`, see `compare.Ladder`.
      tolerance: the largest relative error of a right H v.
      probes: directions that were compared, over all inputs.
      undecided: those that met kinks or rounding at every step size and every redraw.
      first_error: the worst relative error of the gradient along a direction.
      second_error: the worst relative error of H v.
      first_wrong: directions along which the gradient is wrong.
      second_wrong: directions for which H v is wrong.
      curved: directions along which the gradient moves at all.
      zero_gradients: inputs whose gradient is zero.
      not_finite: inputs with a score or derivative that is NaN or infinite.
      failure: what TensorFlow said where a derivative does not exist, else empty.
      faults: the layers at fault.
      narrow: names of layers that were checked in float32.
    """

    model: str
    precision: str
    tolerance: float
    probes: int = 0
    undecided: int = 0
    first_error: float = 0.0
    second_error: float = 0.0
    first_wrong: int = 0
    second_wrong: int = 0
    curved: int = 0
    zero_gradients: int = 0
    not_finite: int = 0
    failure: str = ""
    faults: tuple[LayerFault, ...] = ()
    narrow: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """What is wrong with the derivatives, one clause; empty where nothing is."""
        if self.failure:
            return f"a derivative does not exist ({self.failure})"
        if self.not_finite:
            return f"derivatives of {self.not_finite} inputs are NaN or infinite"
        if self.first_wrong:
            return (
                f"the gradient is off by up to {self.first_error:.1e} along {self.first_wrong} of "
                f"{self.probes} directions"
            )
        if self.second_wrong:
            return (
                f"the second derivative is off by up to {self.second_error:.1e} along "
                f"{self.second_wrong} of {self.probes} directions"
            )
        if self.zero_gradients:
            return f"the gradient of {self.zero_gradients} inputs is zero"
        if self.undecided == self.probes:
            return "differences agree with nothing at any step size, so nothing could be checked"
        return ""

    @property
    def ok(self) -> bool:
        """Whether the derivatives can be believed."""
        return not self.problem

    @property
    def text(self) -> str:
        """One sentence for a report."""
        if self.ok:
            flat = "" if self.curved else "; the gradient does not move in any of them"
            return (
                f"Second derivatives of {self.model!r} agree with {self.precision} differences "
                f"within {self.second_error:.1e} (the first within {self.first_error:.1e}) in "
                f"{self.probes - self.undecided} of {self.probes} directions{flat}."
            )
        where = "; ".join(fault.text for fault in self.faults)
        return f"For {self.model!r} {self.problem}" + (f": {where}." if where else ".")
