"""Parts that the user registered and an audit runs, by what they compute."""

from __future__ import annotations

from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.audit.specs import given_to
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.parts import own_parts


def own_explainers(settings: AuditSettings) -> dict[str, str]:
    """Digests of the code of the user's explainers, those that others average among them."""
    named = [given_to(spec, BUDGETS[settings.budget]) for spec in settings.explainers]
    averaged = [given["base"] for _, given in named if isinstance(given.get("base"), str)]
    names = [*(name for name, _ in named), *averaged]
    return own_parts(EXPLAINERS, names, lambda entry: entry.make)


def own_probe(name: str) -> dict[str, str]:
    """Digest of the code of a probe, where it is the user's."""
    return own_parts(PROBES, [name], lambda entry: [entry.bind, entry.settings])
