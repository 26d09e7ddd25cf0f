"""What a part of a run says of itself: which run made it, of which samples, and what is in it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Generic, TypeVar

from tf_fragile.errors import InputError

T = TypeVar("T")

KEY = "tf_fragile"
"""The name under which a part keeps its seal."""


@dataclass(frozen=True)
class Origin:
    """What made a part.

    Attributes:
      run: `manifest.run_hash` of its run and probe: settings, seed, model, data and versions.
      positions: the samples' positions in the data, in the order of the work.
      part: what of the work on them, as `tasks.Task.part`.
    """

    run: str
    positions: tuple[int, ...]
    part: str = ""


@dataclass(frozen=True)
class Read(Generic[T]):
    """An intact part.

    Attributes:
      content: what is in it.
      origin: what made it; `None` where it does not say.
    """

    content: T
    origin: Origin | None


class State(Enum):
    """How a part stands to the work that it should hold."""

    WHOLE = "intact, of this run and these samples"
    MISSING = "missing, damaged, or of other samples of this run: to be computed"
    FOREIGN = "intact and of another run"
    UNSIGNED = "intact and of nobody knows which run"


def seal(origin: Origin, content: Iterable[bytes]) -> bytes:
    """What a part of this content keeps under `KEY`: its origin, and a digest of both, JSON."""
    said = {"run": origin.run, "positions": list(origin.positions), "part": origin.part}
    return json.dumps(said | {"digest": _digest(origin, content)}).encode()


def unseal(sealed: bytes, content: Iterable[bytes]) -> Origin | None:
    """The origin that a seal names; `None` where it is broken, or not that of this content."""
    try:
        said = json.loads(sealed)
        origin = Origin(said["run"], tuple(said["positions"]), said["part"])
        intact = said["digest"] == _digest(origin, content)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return origin if intact else None


def judged(part: Read[T] | None, expected: Origin) -> State:
    """How a part that was read, `None` where it could not be, stands to what is expected."""
    if part is None:
        return State.MISSING
    if part.origin is None:
        return State.UNSIGNED
    if part.origin.run != expected.run:
        return State.FOREIGN
    return State.WHOLE if part.origin == expected else State.MISSING


def check_run(part: Read[T] | None, run: str, path: Path) -> None:
    """Refuses an intact part of another run; a damaged one, `None`, is nobody's.

    Raises:
      InputError: it is another's, or does not say whose.
    """
    state = judged(part, Origin(run, ()))
    if state is State.FOREIGN:
        raise InputError(
            f"{path} was made by another run: with other settings, another model, other data or "
            "other versions of the libraries; choose another --out, or delete that run."
        )
    if state is State.UNSIGNED:
        raise InputError(
            f"{path} does not say which run made it: it was written by an earlier version of "
            "tf_fragile, or changed since; choose another --out, or delete that run."
        )


def run_of(part: Read[T], run: str | None, path: Path) -> str:
    """The run that a part is of, which is `run` where that is known; errors as `check_run`."""
    known = part.origin.run if run is None and part.origin is not None else run or ""
    check_run(part, known, path)
    return known


def _digest(origin: Origin, content: Iterable[bytes]) -> str:
    sha = hashlib.sha256(json.dumps([origin.run, list(origin.positions), origin.part]).encode())
    for piece in content:
        sha.update(f"\n{len(piece)}\n".encode())
        sha.update(piece)
    return sha.hexdigest()
