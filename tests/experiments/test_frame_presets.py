from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from tf_fragile.errors import InputError
from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.flags import output
from tf_fragile.experiments.frame.presets import PRESET_NAMES, overridden, preset_of
from tf_fragile.settings import check, setting


@dataclass(frozen=True)
class Draws:
    """Settings of a toy."""

    draws: int = setting(3, low=1, high=9, help="Draws.")

    def __post_init__(self) -> None:
        check(self, "--{}")


TOYS = {name: Draws(draws) for name, draws in zip(PRESET_NAMES, (1, 2, 3), strict=True)}


def test_fields_that_are_given_replace_those_of_the_preset() -> None:
    assert overridden(TOYS, "cpu") == preset_of(TOYS, "cpu") == Draws(2)
    assert overridden(TOYS, "cpu", draws=7) == Draws(7)
    assert overridden(TOYS, "cpu", draws=None) == Draws(2)


@pytest.mark.parametrize(
    ("name", "overrides", "said"),
    [
        ("papre", {}, "Unknown preset 'papre'; did you mean paper"),
        ("cpu", {"drawz": 1}, "Unknown setting of this figure 'drawz'; did you mean draws"),
        ("cpu", {"draws": 0}, "--draws is 0; give a whole number from 1 to 9"),
    ],
)
def test_what_is_none_is_refused(name: str, overrides: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        overridden(TOYS, name, **overrides)


@pytest.mark.parametrize("presets", [{}, {"quick": Draws()}, dict(reversed(TOYS.items()))])
def test_a_figure_without_the_three_presets_is_refused(presets: dict) -> None:
    with pytest.raises(InputError, match="give it quick, cpu, paper, in this order"):
        Figure("mine", "A toy.", presets, prepare=lambda asked, place: None)


def test_capital_names_stand_for_what_was_asked_where_the_figure_says_so() -> None:
    class Given(SimpleNamespace):
        def __getitem__(self, name: str) -> SimpleNamespace:
            return SimpleNamespace(value=getattr(self, name))

    given = Given(out="DATA/CONTEST/PRESET", preset="quick", contest="cifar")
    assert str(output(FIGURES["budget_curve"], given)) == "DATA/cifar/quick"
    assert str(output(FIGURES["intuition"], given)) == "DATA/CONTEST/quick"
