"""Parts that the user registered, by what they compute: another code is another run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.audit.specs import given_to
from tf_fragile.explainers.catalog import EXPLAINERS
from tf_fragile.metrics.catalog import METRICS
from tf_fragile.models.own_code import OwnCode
from tf_fragile.registry import Registry

_PACKAGE = Path(__file__).resolve().parents[1]


def own_parts(settings: AuditSettings) -> dict[str, str]:
    """Digests of the code of the user's explainers, attacks and metrics that an audit runs.

    Returns:
      By kind and name, as in `explainer mine`; empty where all parts are ours.
    """
    named = [given_to(spec, BUDGETS[settings.budget]) for spec in settings.explainers]
    averaged = [given["base"] for _, given in named if isinstance(given.get("base"), str)]
    return {
        **_own(EXPLAINERS, [*(name for name, _ in named), *averaged], lambda entry: entry.make),
        **_own(OBJECTIVES, settings.attacks, lambda make: make),
        **_own(METRICS, METRICS.registered(), lambda metric: metric.of),
    }


def _own(table: Registry[Any], names: Iterable[str], code: Callable[[Any], Any]) -> dict[str, str]:
    own = [name for name in names if not _is_ours(table, name)]
    return {f"{table.kind} {name}": _digest(code(table[name])) for name in own}


def _is_ours(table: Registry[Any], name: str) -> bool:
    return Path(table.place(name).file).resolve().is_relative_to(_PACKAGE)


def _digest(item: Any) -> str:
    text = json.dumps(OwnCode().value(item), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
