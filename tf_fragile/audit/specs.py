"""Explainers as they are written on a command line: `NAME` or `NAME:setting=value:...`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_fragile.audit.settings import BUDGETS, AuditSettings, Budget
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS, method, setting_of
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.entry import Need
from tf_fragile.explainers.needs import FromData, filled, taken, unmet


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


def given_to(spec: str, budget: Budget) -> tuple[str, dict[str, Any]]:
    """The name in `spec` and its settings; what it does not give is the budget's."""
    name, settings = parse_explainer(spec)
    return name, {**budget.settings_of(name), **settings}


def check_specs(settings: AuditSettings) -> None:
    """Makes the explainers that need nothing of the data, and finds the needs of the others.

    Raises:
      InputError: a spec that can't be read, or a method that can't be made.
    """
    for spec, needs in needs_of(settings).items():
        if not needs:
            name, given = given_to(spec, BUDGETS[settings.budget])
            method(name, **given)


def methods_of(settings: AuditSettings, data: FromData) -> dict[str, Method]:
    """The methods of an audit by their specs, with what only the data can give.

    Raises:
      InputError: a spec that can't be read, or a method that can't be made for these data.
    """
    methods = {}
    for spec in settings.explainers:
        name, given = given_to(spec, BUDGETS[settings.budget])
        methods[spec] = method(name, **filled(EXPLAINERS[name], given, data))
    return methods


def taken_from_data(settings: AuditSettings, data: FromData) -> dict[str, dict[str, Any]]:
    """What the data gave to explainers as JSON values, by their specs; those with nothing left out.

    That of an explainer that another averages is under `base`.
    """
    found = {}
    for spec in settings.explainers:
        name, given = given_to(spec, BUDGETS[settings.budget])
        found[spec] = taken(EXPLAINERS[name], given, data)
    return {spec: values for spec, values in found.items() if values}


def needs_of(settings: AuditSettings) -> dict[str, tuple[Need, ...]]:
    """What the data have to give each explainer of an audit, by its spec."""
    pairs = {spec: given_to(spec, BUDGETS[settings.budget]) for spec in settings.explainers}
    return {spec: unmet(EXPLAINERS[name], given) for spec, (name, given) in pairs.items()}


def in_need_of(what: str, settings: AuditSettings) -> tuple[str, ...]:
    """The specs of the explainers to which the data have to give `"patterns"` or the `"range"`."""
    needs = needs_of(settings).items()
    return tuple(spec for spec, found in needs if any(need.what == what for need in found))


def in_words(spec: str, budget: Budget, taken: Mapping[str, Any] | None = None) -> str:
    """The explainer and the settings it was made with, those of the method itself left out.

    Args:
      spec: as on the command line.
      budget: gives what the spec does not.
      taken: its part of `taken_from_data`.
    """
    name, given = given_to(spec, budget)
    more = {key: value for key, value in (taken or {}).items() if key != "base"}
    inner = (taken or {}).get("base", {})
    told = [f"{key} = {value}" for key, value in given.items()]
    told += [f"{key} {_spoken(value)}" for key, value in {**inner, **more}.items()]
    return f"{name} ({', '.join(told)})" if told else name


def _spoken(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"of {value['samples']} images, {value['digest'][:8]}"
    numbers = value if isinstance(value, list) else [value]
    return f"= {' '.join(f'{number:g}' for number in numbers)} of the data"
