"""Flags for a `Preset`: one for each of its fields, and budgets for all methods or for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.budgets import preset
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.asked import Flags
from tf_fragile.experiments.frame.flags import number, numbers

T = TypeVar("T", int, float)
_BUDGETS = ("budget", "own")  # whose flags may have a value for each method


def of_preset(kind: str) -> Flags:
    """The flags of a figure with the presets of this kind, a key of `budgets.PRESETS`."""
    return Flags(_define, partial(_settings, kind))


def define_samples() -> None:
    """Defines `--samples`, for figures that show single images."""
    flags.DEFINE_list(
        "samples", None, "Positions of the images; confidently right ones drawn by --seed if none."
    )


def samples(given: Any) -> tuple[int, ...]:
    """The images that `--samples` names; raises `InputError` for what is no number."""
    return numbers("samples", given.samples, int)


def _define() -> None:
    cli.define_settings(Preset, leave_out=_BUDGETS, defaults=False)
    each = "one value, or METHOD=VALUE,..."
    flags.DEFINE_list("num_images", None, f"Correctly classified images: {each}")
    flags.DEFINE_list("steps", None, f"Steps of each attack: {each}")
    flags.DEFINE_list("step_size", None, f"In grey levels: {each}")
    flags.DEFINE_integer("ig_steps", None, "Path points of integrated gradients.")
    flags.DEFINE_string("ig_rule", None, "right, left, trapezoid or gauss_legendre.")


def _settings(kind: str, given: Any) -> Preset:
    return preset(
        kind,
        given.preset,
        **cli.given_settings(Preset, leave_out=_BUDGETS),
        num_images=by_method("num_images", given.num_images, int),
        steps=by_method("steps", given.steps, int),
        step_size=by_method("step_size", given.step_size, float),
        ig_steps=given.ig_steps,
        ig_rule=given.ig_rule,
    )


def by_method(
    flag: str, texts: Sequence[str] | None, kind: Callable[[str], T]
) -> T | dict[str, T] | None:
    """A flag's one value for all methods, or its values by method.

    Raises:
      InputError: naming the flag and what can't be read.
    """
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return number(flag, texts[0], kind)
    values = {}
    for text in texts:
        method, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--{flag} has {text!r}; give one value, or METHOD=VALUE for each.")
        values[method] = number(flag, value, kind)
    return values
