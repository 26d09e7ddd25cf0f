"""Parts that the user registered, by what they compute: another code is another run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tf_fragile.models.own_code import OwnCode
from tf_fragile.registry import Registry

_PACKAGE = Path(__file__).resolve().parents[1]


def own_parts(
    table: Registry[Any], names: Iterable[str], code: Callable[[Any], Any]
) -> dict[str, str]:
    """Digests of the code of those parts that are the user's.

    Args:
      table: where they are registered.
      names: which of them are used.
      code: what computes in an entry of the table.

    Returns:
      By kind and name, as in `explainer mine`; empty where all are ours.
    """
    own = [name for name in names if not _is_ours(table, name)]
    return {f"{table.kind} {name}": _digest(code(table[name])) for name in own}


def _is_ours(table: Registry[Any], name: str) -> bool:
    return Path(table.place(name).file).resolve().is_relative_to(_PACKAGE)


def _digest(item: Any) -> str:
    text = json.dumps(OwnCode().value(item), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
