"""Settings by name, as people write them, given to the audit or to the probe whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_fragile.audit.settings import AuditSettings
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.probes.catalog import PROBES
from tf_fragile.settings import described


def asked(
    settings_of: Mapping[str, Mapping[str, Any]] | None = None, **settings: Any
) -> AuditSettings:
    """What an audit is asked for.

    Args:
      settings_of: settings of probes, by name and setting.
      **settings: of the audit, and of the probes that have flags without their name.

    Raises:
      InputError: an unknown setting, of whom, and the nearest; one given twice; a value that can't
        be.

    Example:
      >>> made = asked(model="embedded", num_images=8, steps=30)
      >>> made.num_images, made.of(made.named[0]).steps
      (8, 30)
    """
    own: dict[str, dict[str, Any]] = {p: dict(v) for p, v in (settings_of or {}).items()}
    shared: dict[str, Any] = {}
    for name, value in settings.items():
        probe = None if name in described(AuditSettings) else _whose(name)
        if probe is None:
            shared[name] = value
            continue
        if name in own.setdefault(probe, {}):
            raise InputError(f"--{name} and --{probe}.{name} are one setting; give it once.")
        own[probe][name] = value
    made = {}
    for probe, given in own.items():
        _check_known(probe, given)
        made[probe] = PROBES[probe].settings(**given)
    return AuditSettings(**shared, asked=made)


def bare_settings() -> dict[str, str]:
    """Settings with a flag of their own name, and the probe whose they are."""
    return {
        name: probe
        for probe in PROBES.registered()
        if PROBES[probe].bare
        for name in described(PROBES[probe].settings)
    }


def _whose(name: str) -> str:
    whose = bare_settings()
    if name not in whose:
        raise unknown_name("setting of an audit", name, [*described(AuditSettings), *whose])
    return whose[name]


def _check_known(probe: str, given: Mapping[str, Any]) -> None:
    known = described(PROBES[probe].settings)
    for name in given:
        if name not in known:
            raise unknown_name(f"setting of {probe}", name, known)
