"""The manifest of a run: everything that decided its numbers, and where they were made."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tf_fragile._version import __version__
from tf_fragile.errors import InputError
from tf_fragile.runs.atomic import read_bytes, write_text

NAME = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a run was asked for and where it ran.

    Attributes:
      command: the command line, one entry an argument.
      settings: every setting that decides the records of all probes, as JSON values.
      probes: those of each probe by its name, likewise.
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
    probes: Mapping[str, Mapping[str, Any]]
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
    probes: Mapping[str, Mapping[str, Any]],
    seed: int,
    model_hash: str,
    data_hash: str,
    device: str,
    data_size: int | None = None,
) -> Manifest:
    """A manifest of a run that starts now, with the versions of the libraries at hand.

    Args:
      command: the command line.
      settings: every setting that decides the records of all probes; JSON values, tuples and
        paths. Leave out what does not (output directory, verbosity).
      probes: the settings of each probe by its name, likewise.
      seed: the run's seed.
      model_hash: digest of the model.
      data_hash: digest of the data.
      device: what it runs on, in words.
      data_size: how many images the data have.
    """
    return Manifest(
        command=tuple(command),
        settings=_as_json(settings),
        probes=_as_json(probes),
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
    """SHA-256 of what decides the numbers: settings, seed, model, data and versions.

    Of model and data the digests count, not what they are called or where they lie.
    """
    return _digest(_deciding(manifest, manifest.probes))


def run_hash(manifest: Manifest, probe: str) -> str:
    """SHA-256 of what decides the numbers of one probe, whatever others run beside it."""
    return _digest(_deciding(manifest, [probe]))


def taken_up(directory: Path | str, manifest: Manifest) -> Manifest:
    """The manifest to go on with: the stored one, resumed once more, or `manifest` where none is.

    Probes that the stored run does not have are added to it.

    Raises:
      InputError: if `directory` holds a run with other settings, or an edited manifest.
    """
    existing = read(directory)
    if existing is None:
        return manifest
    check_same_settings(existing, manifest, directory)
    probes = {**existing.probes, **manifest.probes}
    return dataclasses.replace(existing, probes=probes, resumed=existing.resumed + 1)


def check_same_settings(existing: Manifest, new: Manifest, directory: Path | str) -> None:
    """Refuses to mix the records of two different runs in one directory.

    Raises:
      InputError: naming what changed: a setting of the same model and data, else the model, the
        data, or the first setting that differs.
    """
    common = [name for name in new.probes if name in existing.probes]
    before, after = (_flatten(_deciding(manifest, common)) for manifest in (existing, new))
    if before == after:
        return
    changed = {
        name: f"{name} was {before.get(name, _UNSET)} and is now {after.get(name, _UNSET)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name, _UNSET) != after.get(name, _UNSET) and name not in _NAMED
    }
    same_names = all(existing.settings.get(name) == new.settings.get(name) for name in _NAMED)
    # `preprocessing` says more than the digest of the data, of which it is a part; positions less.
    telling = [said for name, said in changed.items() if same_names and name != "positions"]
    digests = filter(None, [_other_model(existing, new), _other_data(existing, new)])
    raise InputError(
        f"{_holds(directory)}: {[*telling, *digests, *changed.values()][0]}; {_CHOOSE}."
    )


_UNSET = "not set"
_NAMED = ("model", "data")  # what decides is their digest, wherever they lie
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
    return f"the model changed{names}: other layers, weights or code: {digests}"


def _other_data(existing: Manifest, new: Manifest) -> str:
    """In which words the data differ; empty where they don't."""
    if existing.data_hash == new.data_hash:
        return ""
    then, now = existing.settings.get("data"), new.settings.get("data")
    names = f" ({then} then, {now} now)" if then != now else ""
    sizes = existing.data_size, new.data_size
    if None not in sizes and sizes[0] != sizes[1]:
        return f"the data changed{names}: {sizes[0]} images then, {sizes[1]} now"
    as_many = "as many images, but other pixels, names, labels or classes: "
    as_many = as_many if None not in sizes else ""
    return f"the data changed{names}: {as_many}{_digests(existing.data_hash, new.data_hash)}"


def _digests(then: str, now: str) -> str:
    return f"their digest was {then[:12]} and is now {now[:12]}"


def write(directory: Path | str, manifest: Manifest) -> None:
    """Writes `manifest.json` in one step, with the hash of its settings and a digest of it all."""
    content = dataclasses.asdict(manifest) | {"settings_hash": settings_hash(manifest)}
    content = _as_json(content)
    write_text(
        Path(directory) / NAME,
        json.dumps(content | {"digest": _digest(content)}, indent=2) + "\n",
    )


def read(directory: Path | str) -> Manifest | None:
    """Reads `manifest.json`, or returns None where there is none.

    Raises:
      InputError: if it is not a manifest of this library, was written by an earlier version, or
        edited.
    """
    path = Path(directory) / NAME
    if not os.path.lexists(path):
        return None
    try:
        content = json.loads(read_bytes(path).decode())
        known = isinstance(content, dict) and content.keys() >= _NAMES
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a manifest of tf_fragile; {_BY_RECORDS}.") from error
    if not known:
        raise InputError(f"{path} is not a manifest of tf_fragile; {_BY_RECORDS}.")
    if "digest" not in content:
        raise InputError(
            f"{path} was written by an earlier version of tf_fragile, or edited: it has no digest "
            f"of its content; {_CHOOSE}."
        )
    digest = content.pop("digest")
    if digest != _digest(content) or content.keys() != _NAMES:
        raise InputError(
            f"{path} was edited: its content is not that of its digest; put it back as it was, or "
            f"{_BY_RECORDS}."
        )
    stored = content.pop("settings_hash")
    manifest = Manifest(**content | {"command": tuple(content["command"])})
    if stored != settings_hash(manifest):
        raise InputError(
            f"{path} was edited: its settings are not those of its settings_hash; put it back as "
            f"it was, or {_BY_RECORDS}."
        )
    return manifest


_NAMES = {field.name for field in dataclasses.fields(Manifest)} | {"settings_hash"}
_BY_RECORDS = (
    "delete it, and the command that made the records beside it takes them up, or choose another "
    "--out"
)


def versions() -> dict[str, str]:
    """The versions of the libraries that decide the numbers."""
    found = {name: importlib.import_module(name).__version__ for name in _LIBRARIES}
    return {"tf_fragile": __version__, **found, "python": platform.python_version()}


_LIBRARIES = ("tensorflow", "keras", "numpy")


def _deciding(manifest: Manifest, probes: Iterable[str]) -> dict[str, Any]:
    return {
        "settings": {k: v for k, v in _as_json(manifest.settings).items() if k not in _NAMED},
        "probes": {name: _as_json(manifest.probes[name]) for name in probes},
        "seed": manifest.seed,
        "model": manifest.model_hash,
        "data": manifest.data_hash,
        "versions": dict(manifest.versions),
    }


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        # A reader knows `epsilon`, not `settings.epsilon`.
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat |= _flatten(value, "" if name in ("settings", "probes") else f"{name}.")
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
