"""Explainers as they are written on a command line: `NAME` or `NAME:setting=value:...`."""

from __future__ import annotations

from typing import Any

from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, method, setting_of
from tf_fragile.explainers.contract import Method


def parse_explainer(spec: str) -> tuple[str, dict[str, Any]]:
    """The name and settings in `spec`, e.g. `integrated_gradients:steps=20:rule=right`.

    Values are read as the setting's description has them.

    Raises:
      InputError: an unknown explainer or setting, one without `=`, or a value that it can't be.
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
        if key in settings:
            raise InputError(f"Explainer {spec!r} has {key} twice; give it once.")
        settings[key] = setting_of(name, key).from_text(value, f"{key} of {name}")
    return name, settings


def make_method(spec: str, defaults: dict[str, dict[str, Any]]) -> Method:
    """The method of `spec`; settings it does not give come from `defaults[name]`."""
    name, settings = parse_explainer(spec)
    return method(name, **{**defaults.get(name, {}), **settings})


def methods_of(settings: AuditSettings) -> dict[str, Method]:
    """The methods of an audit by their specs; what they don't give is the budget's.

    Raises:
      InputError: a spec that can't be read, or a method that needs what no command line can say.
    """
    defaults = BUDGETS[settings.budget].explainers
    return {spec: make_method(spec, defaults) for spec in settings.explainers}


def in_words(spec: str, defaults: dict[str, dict[str, Any]]) -> str:
    """The explainer and the settings it was made with, those of the method itself left out."""
    name, settings = parse_explainer(spec)
    given = {**defaults.get(name, {}), **settings}
    told = ", ".join(f"{key} = {value}" for key, value in given.items())
    return f"{name} ({told})" if told else name
