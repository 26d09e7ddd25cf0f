"""The manifest of a run: everything that decided its numbers, and where they were made."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tf_fragile._version import __version__
from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import write_text

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a run was asked for and where it ran.

    Attributes:
      command: the command line, one entry an argument.
      settings: every setting that decides the records, as JSON values.
      seed: the seed everything random was derived from.
      versions: library name to version.
      model_hash: digest of the model's structure and weights.
      data_hash: digest of the data.
      device: what it ran on, in words.
      started: UTC, ISO 8601.
      finished: UTC, ISO 8601; None while the run is unfinished.
      wall_time_s: seconds of all invocations that ended by themselves; None while unfinished.
      resumed: how often the same command was run again in the same directory.
      data_size: how many images the data have; None where nobody said.
    """

    command: tuple[str, ...]
    settings: Mapping[str, Any]
    seed: int
    versions: Mapping[str, str]
    model_hash: str
    data_hash: str
    device: str
    started: str
    finished: str | None = None
    wall_time_s: float | None = None
    resumed: int = 0
    data_size: int | None = None


def begin(
    *,
    command: Sequence[str],
    settings: Mapping[str, Any],
    seed: int,
    model_hash: str,
    data_hash: str,
    device: str,
    data_size: int | None = None,
) -> Manifest:
    """A manifest of a run that starts now, with the versions of the libraries at hand.

    Args:
      command: the command line.
      settings: every setting that decides the records; JSON values, tuples and paths.
        Leave out what does not (output directory, verbosity).
      seed: the run's seed.
      model_hash: digest of the model.
      data_hash: digest of the data.
      device: what it runs on, in words.
      data_size: how many images the data have.
    """
    return Manifest(
        command=tuple(command),
        settings=_as_json(settings),
        seed=seed,
        versions=versions(),
        model_hash=model_hash,
        data_hash=data_hash,
        device=device,
        started=_now(),
        data_size=data_size,
    )


def finish(manifest: Manifest, wall_time_s: float) -> Manifest:
    """The manifest of the same run, finished now after `wall_time_s` more seconds."""
    total = (manifest.wall_time_s or 0.0) + wall_time_s
    return dataclasses.replace(manifest, finished=_now(), wall_time_s=round(total, 3))


def settings_hash(manifest: Manifest) -> str:
    """SHA-256 of what decides the numbers: settings, seed, model, data and versions."""
    text = json.dumps(_deciding(manifest), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def open_run(directory: Path | str, manifest: Manifest) -> Manifest:
    """Writes the manifest of a new run, or takes up the run that `directory` already holds.

    Args:
      directory: the run directory; must exist.
      manifest: the run about to start.

    Returns:
      The manifest to go on with: `manifest`, or the stored one counted as resumed once more.

    Raises:
      InputError: if the directory holds a run with other settings.
    """
    existing = read(directory)
    if existing is not None:
        check_same_settings(existing, manifest, directory)
        manifest = dataclasses.replace(existing, resumed=existing.resumed + 1)
    write(directory, manifest)
    return manifest


def check_same_settings(existing: Manifest, new: Manifest, directory: Path | str) -> None:
    """Refuses to mix the records of two different runs in one directory.

    Raises:
      InputError: naming what changed: the model, the data, or the first setting that differs.
    """
    changed = _other_model(existing, new) or _other_data(existing, new)
    if changed:
        raise InputError(f"{_holds(directory)}: {changed}; {_CHOOSE}.")
    before, after = _flatten(_deciding(existing)), _flatten(_deciding(new))
    for name in sorted(before.keys() | after.keys()):
        old, now = before.get(name, "not set"), after.get(name, "not set")
        if old != now:
            raise InputError(f"{_holds(directory)}: {name} was {old} and is now {now}; {_CHOOSE}.")


_CHOOSE = "choose another --out or delete it"


def _holds(directory: Path | str) -> str:
    return f"{Path(directory)} holds another run"


def _other_model(existing: Manifest, new: Manifest) -> str:
    """In which words the models differ; empty where they don't."""
    if existing.model_hash == new.model_hash:
        return ""
    then, now = existing.settings.get("model"), new.settings.get("model")
    names = f" ({then} then, {now} now)" if then != now else ""
    digests = _digests(existing.model_hash, new.model_hash)
    return f"the model changed{names}: other layers or weights: {digests}"


def _other_data(existing: Manifest, new: Manifest) -> str:
    """In which words the data differ; empty where they don't."""
    if existing.data_hash == new.data_hash:
        return ""
    then, now = existing.settings.get("data"), new.settings.get("data")
    names = f" ({then} then, {now} now)" if then != now else ""
    sizes = existing.data_size, new.data_size
    if None not in sizes and sizes[0] != sizes[1]:
        return f"the data changed{names}: {sizes[0]} images then, {sizes[1]} now"
    as_many = "as many images, but other pixels, names or labels: " if None not in sizes else ""
    return f"the data changed{names}: {as_many}{_digests(existing.data_hash, new.data_hash)}"


def _digests(then: str, now: str) -> str:
    return f"their digest was {then[:12]} and is now {now[:12]}"


def write(directory: Path | str, manifest: Manifest) -> None:
    """Writes `manifest.json` in one step."""
    content = dataclasses.asdict(manifest) | {"settings_hash": settings_hash(manifest)}
    write_text(Path(directory) / NAME, json.dumps(content, indent=2) + "\n")


def read(directory: Path | str) -> Manifest | None:
    """Reads `manifest.json`, or returns None where there is none.

    Raises:
      InputError: if it is not a manifest of this library.
    """
    path = Path(directory) / NAME
    if not path.exists():
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
        content.pop("settings_hash")
        content["command"] = tuple(content["command"])
        return Manifest(**content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path} is not a manifest of tf_fragile; choose another --out or delete it."
        ) from error


def versions() -> dict[str, str]:
    """The versions of the libraries that decide the numbers."""
    found = {name: importlib.import_module(name).__version__ for name in _LIBRARIES}
    return {"tf_fragile": __version__, **found, "python": platform.python_version()}


_LIBRARIES = ("tensorflow", "keras", "numpy")


def _deciding(manifest: Manifest) -> dict[str, Any]:
    return {
        "settings": _as_json(manifest.settings),
        "seed": manifest.seed,
        "model": manifest.model_hash,
        "data": manifest.data_hash,
        "versions": dict(manifest.versions),
    }


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        # A reader knows `epsilon`, not `settings.epsilon`.
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flatten(value, "" if name == "settings" else f"{name}.")
        else:
            flat[name] = json.dumps(value)
    return flat


def _as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(json.dumps(dict(settings), default=_path))
    return result


def _path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a setting of type {type(value).__name__} cannot be written as JSON")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
