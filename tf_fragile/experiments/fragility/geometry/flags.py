"""The flags of the geometry's figures: preset, output, seed, and one for each of the settings."""

from __future__ import annotations

from typing import Any

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility.geometry.settings import FIGURES, settings_of
from tf_fragile.experiments.fragility.presets import PRESET_NAMES


def define(figure: str, *, seed: str) -> None:
    """Defines the flags of `figure`; call once, before they are parsed.

    Args:
      figure: a key of `geometry_settings.FIGURES`.
      seed: what the seed decides.
    """
    flags.DEFINE_enum("preset", "cpu", PRESET_NAMES, "How much work; single flags override it.")
    out = f"out/figures/{figure}/PRESET"
    flags.DEFINE_string("out", out, "Output directory; PRESET stands for the preset's name.")
    cli.define_seed(seed)
    cli.define_settings(type(FIGURES[figure]["cpu"]), defaults=False)


def settings(given: Any, figure: str) -> Any:
    """The settings that the parsed flags ask for.

    Raises:
      InputError: a value that can't be read or makes no sense, naming the flag.
    """
    overrides = cli.given_settings(type(FIGURES[figure]["cpu"]))
    return settings_of(figure, given.preset, **overrides)
