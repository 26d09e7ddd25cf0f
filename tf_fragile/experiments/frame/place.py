"""Where a figure goes, and who is told about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tf_fragile.runs.artefacts import Store


@dataclass(frozen=True)
class Place:
    """Where a figure goes, and what made it.

    Attributes:
      out: the output directory; what was computed before is taken up there.
      seed: of everything random.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: gets every line meant for people.
      store: where artefacts of probes are kept, for figures that have any.
    """

    out: Path
    seed: int = 0
    command: tuple[str, ...] = ()
    progress: bool = True
    say: Callable[[str], None] = print
    store: Store | None = None
