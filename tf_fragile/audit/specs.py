"""Explainers as they are written on a command line: `NAME` or `NAME:setting=value:...`."""

from __future__ import annotations

from typing import Any

from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, method
from tf_fragile.explainers.contract import Method


def parse_explainer(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and settings in `spec`, e.g. `integrated_gradients:steps=20:rule=right`.

    Numbers are read as numbers, everything else as text.

    Raises:
      InputError: a setting without `=`, or an unknown explainer.
    """
    name, *parts = spec.split(":")
    EXPLAINERS[name]
    settings: dict[str, Any] = {}
    for part in parts:
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(
                f"Setting {part!r} of explainer {spec!r} has no value; write {name}:{key}=VALUE."
            )
        settings[key] = _number(value)
    return name, settings


def make_method(spec: str, defaults: dict[str, dict[str, Any]]) -> Method:
    """The method of `spec`; settings it does not give come from `defaults[name]`."""
    name, settings = parse_explainer(spec)
    return method(name, **{**defaults.get(name, {}), **settings})


def in_words(spec: str, defaults: dict[str, dict[str, Any]]) -> str:
    """The explainer and the settings it was made with, those of the method itself left out."""
    name, settings = parse_explainer(spec)
    given = {**defaults.get(name, {}), **settings}
    told = ", ".join(f"{key} = {value}" for key, value in given.items())
    return f"{name} ({told})" if told else name


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
