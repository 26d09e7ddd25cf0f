"""What the fragility probe is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tf_fragile.errors import InputError
from tf_fragile.probes.fragility import radii
from tf_fragile.settings import LARGE, MOST, SMALL, WHOLE, check, names_in, setting


@dataclass(frozen=True)
class Spent:
    """What a budget is for attacks.

    Attributes:
      optimizer: a name of `attacks.OPTIMIZERS`.
      steps: of each attack.
      step_size: in grey levels or 255ths of the range, for optimisers that take one.
    """

    optimizer: str
    steps: int
    step_size: float | None = None


SPENT: Mapping[str, Spent] = {
    "quick": Spent("annealed_momentum", 10),
    "standard": Spent("annealed_momentum", 30),
    "paper": Spent("sign", 300, 0.5),
}
"""By the names of `budgets.BUDGETS`."""

SIGN_STEP = 0.5  # grey levels, where `sign` is asked for and no step: the paper's


@dataclass(frozen=True)
class FragilitySettings:
    """How maps are attacked, and how far.

    Attributes:
      epsilon: radii in input units, grey levels or units of the data; `radii.resolved` says them
        where `None`.
      attacks: objectives; the random control always runs beside them.
      optimizer: how attacks move; the budget's where `None`.
      steps: of each attack; the budget's where `None`.
      step_size: in input units, for `sign`; the budget's, which is in 255ths of the range, where
        `None`.
      beta: of the softplus surrogate of `sign`; by the width of the inputs' range where `None`.
      k: of the top-k overlap; by the map's size where `None`.
      readout: what of a map is attacked and compared, a name of `metrics.READOUTS`.
      plateau: about how many images are attacked again with twice the steps, to see whether the
        budget has stopped paying; 0 for none.
      halving: whether to search, image by image, for the smallest radius that halves the top-k
        overlap, from the smallest to the largest of `epsilon`.
    """

    epsilon: tuple[float, ...] | None = setting(
        None,
        low=SMALL,
        high=LARGE,
        distinct=True,
        help="Radii in grey levels, or with --bounds in units of the data; 1,2,4,8 255ths of the "
        "range.",
    )
    attacks: tuple[str, ...] = setting(
        ("top_k",),
        choices=names_in("tf_fragile.attacks.objectives:OBJECTIVES"),
        named="attack objective",
        distinct=True,
        help="Attack objectives; random signs always run beside them.",
    )
    optimizer: Literal["annealed_momentum", "sign", "secant"] | None = setting(
        None, named="attack optimizer", help="How attacks move, instead of the budget's."
    )
    steps: int | None = setting(
        None, low=1, high=MOST, help="Steps of each attack, instead of the budget's."
    )
    step_size: float | None = setting(
        None,
        low=SMALL,
        high=LARGE,
        help="Step of --optimizer=sign in units of --epsilon, instead of the budget's.",
    )
    beta: float | None = setting(
        None,
        low=1e-6,
        high=1e6,
        help="Sharpness of the softplus of --optimizer=sign; by the inputs' scale if none.",
    )
    k: int | None = setting(
        None,
        low=1,
        high=WHOLE,
        help="Of the top-k overlap; a tenth of the map, at most 1000, if none.",
    )
    readout: str = setting(
        "sum_abs",
        choices=names_in("tf_fragile.metrics.readouts:READOUTS"),
        help="What of a map is compared: its magnitudes over channels, or entries, or another.",
    )
    plateau: int = setting(
        4, low=0, high=WHOLE, help="Images attacked again with twice the steps; 0 for none."
    )
    halving: bool = setting(
        False, help="Search each image's smallest epsilon that halves the top-k overlap."
    )

    def __post_init__(self) -> None:
        if "random_sign" in self.attacks:
            raise InputError("The random control always runs; leave random_sign out of --attacks.")
        check(self, "--{}")
        for attack in self.attacks:
            _check_without_array(attack)


def check_used(
    settings: FragilitySettings, budget: str, bounds: radii.Range, told: bool = True
) -> None:
    """Refuses settings that another one, the budget or the data make useless.

    Args:
      settings: what was asked for.
      budget: a name of `SPENT`.
      bounds: smallest and largest value of data that are no pixels; `None` for pixels.
      told: whether it is known which of the two the data are.

    Raises:
      InputError: says which.
    """
    moves = settings.optimizer or SPENT[budget].optimizer
    for name in ("step_size", "beta"):
        if getattr(settings, name) is not None and moves != "sign":
            raise InputError(
                f"--{name} is a setting of --optimizer=sign, and {moves} takes none; leave it "
                "out, or choose that optimizer."
            )
    if told:
        radii.check(settings.epsilon, bounds)
    if settings.halving and len(set(radii.resolved(settings.epsilon, bounds))) < 2:
        raise InputError(
            "--halving searches between the smallest and the largest --epsilon; give two."
        )


def _check_without_array(attack: str) -> None:
    from tf_fragile.attacks.objectives import OBJECTIVES, arrays_of

    for array in arrays_of(OBJECTIVES[attack]):
        raise InputError(
            f"The {attack} attack needs {array}=, an array, which a command line has no "
            "place for; leave it out of --attacks, or use tff.attack."
        )
