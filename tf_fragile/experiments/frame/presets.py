"""How much work a figure is: a preset by its name, with what flags say in place of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from tf_fragile.errors import unknown_name

PRESET_NAMES = ("quick", "cpu", "paper")
"""A minute or so; what a desk computer does in an hour or two; the paper's own protocol."""

S = TypeVar("S")


def preset_of(presets: Mapping[str, S], name: str) -> S:
    """A preset by its name; raises `InputError` with the nearest ones for another."""
    if name not in presets:
        raise unknown_name("preset", name, presets)
    return presets[name]


def overridden(presets: Mapping[str, S], name: str, **overrides: Any) -> S:
    """A preset with some of its fields replaced.

    Args:
      presets: frozen dataclasses of settings, by name.
      name: of one.
      **overrides: fields; `None` keeps the preset's.

    Raises:
      InputError: an unknown preset or field, or a value out of range.
    """
    chosen: Any = preset_of(presets, name)
    given = {key: value for key, value in overrides.items() if value is not None}
    known = {f.name for f in fields(chosen)}
    for key in given:
        if key not in known:
            raise unknown_name("setting of this figure", key, known)
    changed: S = replace(chosen, **given)
    return changed
