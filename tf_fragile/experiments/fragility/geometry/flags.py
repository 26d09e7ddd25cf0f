"""The flags of the geometry's figures: preset, output, seed, and one for each of the settings."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from absl import flags

from tf_fragile.experiments.fragility.flags import numbers
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
    flags.DEFINE_integer("seed", 0, seed)
    for f in fields(FIGURES[figure]["cpu"]):
        _DEFINE[_kind(figure, f.name)](f.name, None, f.metadata["help"])


def settings(given: Any, figure: str) -> Any:
    """The settings that the parsed flags ask for.

    Raises:
      InputError: a value that can't be read or makes no sense, naming the flag.
    """
    overrides = {}
    for f in fields(FIGURES[figure]["cpu"]):
        value = getattr(given, f.name)
        example = getattr(FIGURES[figure]["cpu"], f.name)
        if value is not None and isinstance(example, tuple):
            value = numbers(f.name, value, type(example[0]))
        overrides[f.name] = value
    return settings_of(figure, given.preset, **overrides)


def _kind(figure: str, name: str) -> type:
    return type(getattr(FIGURES[figure]["cpu"], name))


_DEFINE: dict[type, Any] = {
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    tuple: flags.DEFINE_list,
}
