"""What a figure of the geometry leaves behind beside its table and picture: a manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tf_fragile.runs.atomic import write_text
from tf_fragile.runs.manifest import versions


@dataclass(frozen=True)
class Request:
    """Where a figure goes, and what made it.

    Attributes:
      out: the output directory.
      seed: of everything random.
      command: the command line, for the manifest.
    """

    out: Path
    seed: int = 0
    command: tuple[str, ...] = ()


def write_manifest(
    name: str, request: Request, settings: Any, facts: Mapping[str, Any] | None = None
) -> None:
    """Writes NAME.manifest.json: command, settings, seed, versions, and `facts` as JSON values."""
    content = {
        "command": list(request.command),
        "settings": asdict(settings),
        "seed": request.seed,
        "versions": versions(),
        **(facts or {}),
    }
    write_text(request.out / f"{name}.manifest.json", json.dumps(content, indent=2) + "\n")


def files(name: str, request: Request, endings: Sequence[str]) -> str:
    """What was written, in words."""
    return f"{request.out / name}{', '.join(endings)}"
