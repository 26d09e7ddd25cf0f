"""Damage to a finished run, and other models and settings on it, all in one process."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from survival_page import Trial

from tf_fragile.audit.asked import asked
from tf_fragile.audit.asking import ask as probes_of
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.audit.subject import Opened, open_subject
from tf_fragile.errors import InputError
from tf_fragile.probes.running import run
from tf_fragile.runs.gallery import gallery_path
from tf_fragile.runs.records import part_path

Damage = Callable[[Path], None]
PROBE = "fragility"
TINY = asked(
    num_images=4, steps=1, explainers=("gradient",), epsilon=(4.0,), shard_size=1, plateau=0
)


@dataclass(frozen=True, eq=False)
class Subjects:
    """A run and what is asked of it; `other` is the finished run of another seed."""

    subject: Opened
    whole: Path
    other: Path
    records: pd.DataFrame


def ask(
    directory: Path,
    opened: Opened,
    settings: AuditSettings = TINY,
    model: keras.Model | None = None,
) -> pd.DataFrame:
    """What an audit asks of a run directory."""
    subject = opened.subject
    (bound,) = probes_of(opened).bound.values()
    shown = frozenset(map(int, subject.positions))
    probe = dataclasses.replace(bound.probe, seed=settings.seed, shown=shown)  # type: ignore[type-var]
    records, _ = run(
        directory,
        [probe],
        subject.source,
        subject.positions.tolist()[: settings.num_images],
        model=model or subject.model,
        seed=settings.seed,
        settings=dataclasses.asdict(dataclasses.replace(settings, asked={})),
        settings_of={PROBE: dataclasses.asdict(settings.of(PROBE))},
        command=["survival"],
        size=settings.shard_size,
        progress=False,
    )
    return records[PROBE]


def trials(root: Path) -> Iterator[Trial]:
    """All of them."""
    subject = open_subject(TINY)
    whole, other = root / "whole", root / "other"
    records = ask(whole, subject)
    ask(other, subject, dataclasses.replace(TINY, seed=1))
    runs = Subjects(subject, whole, other, records)
    for kind, name, harm in _damages(runs):
        yield _tried(root, runs, kind, name, harm)
    yield from _other_settings(root, runs)
    yield from _other_models(root)


def _tried(root: Path, runs: Subjects, kind: str, name: str, harm: Damage) -> Trial:
    out = Path(shutil.copytree(runs.whole, root / "tried"))
    try:
        harm(out)
        return Trial(kind, name, _asked_again(out, lambda: ask(out, runs.subject), runs.records))
    finally:
        shutil.rmtree(out)


def _asked_again(out: Path, again: Callable[[], pd.DataFrame], records: pd.DataFrame | None) -> str:
    """The outcome; with `records` of `None` only a refusal is none of a failure."""
    before = _files(out)
    try:
        found = again()
    except InputError as error:
        same = _files(out) == before
        return f"refused: {str(error).replace(str(out), 'OUT')}" if same else "FAILURE: changed"
    except Exception as error:
        return f"FAILURE: {type(error).__name__}: {error}"
    if records is None:
        return "FAILURE: taken for the run asked for"
    if not found.equals(records):
        return "FAILURE: other records"
    after = {path: path.stat().st_mtime_ns for path in out.rglob("part-*")}
    made = sum(before.get(path, (b"", 0))[1] != stamp for path, stamp in after.items())
    return "recomputed" if made else "taken up"


def _files(out: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in out.rglob("*")
        if path.is_file()
    }


def _damages(runs: Subjects) -> Iterator[tuple[str, str, Damage]]:
    for name, harm in _of_manifests(runs):
        yield "manifest damaged", name, harm
    for name, harm in _of_parts(runs):
        yield "part damaged", name, harm


def _manifest(change: Callable[[bytes], bytes]) -> Damage:
    def harm(out: Path) -> None:
        path = out / "manifest.json"
        path.write_bytes(change(path.read_bytes()))

    return harm


def _field(name: str, value: Any) -> Damage:
    def edited(content: bytes) -> bytes:
        return json.dumps(json.loads(content) | {name: value}).encode()

    return _manifest(edited)


def _without(*names: str) -> Damage:
    def edited(content: bytes) -> bytes:
        return json.dumps({k: v for k, v in json.loads(content).items() if k not in names}).encode()

    return _manifest(edited)


def _setting(name: str, value: Any) -> Damage:
    def edited(content: bytes) -> bytes:
        said = json.loads(content)
        said["settings"][name] = value
        return json.dumps(said).encode()

    return _manifest(edited)


def _directory(out: Path) -> None:
    (out / "manifest.json").unlink()
    (out / "manifest.json").mkdir()


def _of_manifests(runs: Subjects) -> Iterator[tuple[str, Damage]]:
    yield "deleted", lambda out: (out / "manifest.json").unlink()
    yield "cut off", _manifest(lambda content: content[:-40])
    yield "empty", _manifest(lambda content: b"")
    yield "zeros", _manifest(lambda content: bytes(len(content)))
    yield "not UTF-8", _manifest(lambda content: b"\xff\xfe" + content)
    yield "a list", _manifest(lambda content: b"[]")
    yield "nested too deeply", _manifest(lambda content: b"[" * 100_000)
    yield "a directory", _directory
    other = (runs.other / "manifest.json").read_bytes()
    yield "another run's", _manifest(lambda content: other)
    yield "of the version before", _without("digest")
    yield "without settings", _without("settings")
    yield "without its hash", _without("settings_hash")
    for name, value in (
        *(("seed", 1), ("seed", "0"), ("model_hash", "0" * 64), ("data_hash", "0" * 64)),
        *(("versions", {}), ("device", "GPU"), ("settings_hash", "0" * 64), ("resumed", "x")),
    ):
        yield f"{name} edited to {value!r:.12}", _field(name, value)
    yield "steps edited", _setting("steps", 300)
    yield "epsilon edited", _setting("epsilon", [8.0])


def _bytes(path: Callable[[Path, str, int], Path], change: Callable[[bytes], bytes]) -> Damage:
    def harm(out: Path) -> None:
        part = path(out, PROBE, 1)
        part.write_bytes(change(part.read_bytes()))

    return harm


def _flipped(content: bytes, place: float) -> bytes:
    changed = bytearray(content)
    changed[int(place * len(content))] ^= 0x10
    return bytes(changed)


def _swapped(path: Callable[[Path, str, int], Path]) -> Damage:
    def harm(out: Path) -> None:
        first, second = path(out, PROBE, 0), path(out, PROBE, 1)
        content = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(content)

    return harm


def _table(change: Callable[[pa.Table], pa.Table]) -> Damage:
    def harm(out: Path) -> None:
        path = part_path(out, PROBE, 1)
        pq.write_table(change(pq.read_table(path)), path)

    return harm


def _better(table: pa.Table) -> pa.Table:
    place = table.schema.names.index("value")
    values = [1.0 if v < 1 else v for v in table.column(place).to_pylist()]
    return table.set_column(place, table.schema.field(place), pa.array(values, pa.float64()))


def _arrays(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damage:
    def harm(out: Path) -> None:
        with np.load(gallery_path(out, PROBE, 1)) as stored:
            arrays = dict(stored)
        np.savez(gallery_path(out, PROBE, 1), **change(arrays))

    return harm


def _of_parts(runs: Subjects) -> Iterator[tuple[str, Damage]]:
    for what, path in (("records", part_path), ("pictures", gallery_path)):
        for place in (0.1, 0.5, 0.97):
            yield (
                f"{what}: a bit flipped at {place:.0%}",
                _bytes(path, partial(_flipped, place=place)),
            )
        yield f"{what}: cut off", _bytes(path, lambda content: content[:-30])
        yield f"{what}: swapped between shards", _swapped(path)
        foreign = path(runs.other, PROBE, 1).read_bytes()
        yield f"{what}: another run's", _bytes(path, partial(_replaced, new=foreign))
        yield (
            f"{what}: a copy under another number",
            partial(_copied, path),
        )
    yield "records: values edited, seal kept", _table(_better)
    yield "records: rows left out, seal kept", _table(lambda table: table.slice(1))
    yield "records: seal removed", _table(lambda table: table.replace_schema_metadata())
    yield "records: another schema", _table(lambda table: table.drop_columns(["note"]))
    yield (
        "pictures: an array edited, seal kept",
        _arrays(lambda arrays: {k: a + 1 if k.endswith("map") else a for k, a in arrays.items()}),
    )
    yield (
        "pictures: seal removed",
        _arrays(lambda arrays: {k: a for k, a in arrays.items() if k != "tf_fragile"}),
    )


def _copied(path: Callable[[Path, str, int], Path], out: Path) -> None:
    shutil.copyfile(path(out, PROBE, 1), path(out, PROBE, 9))


def _replaced(content: bytes, new: bytes) -> bytes:
    return new


def _other_settings(root: Path, runs: Subjects) -> list[Trial]:
    found = []
    changes: dict[str, Any] = {"seed": 1, "steps": 2, "epsilon": (8.0,), "num_images": 3}
    for name, value in (changes | {"budget": "standard"}).items():
        out = Path(shutil.copytree(runs.whole, root / "settings"))
        (out / "manifest.json").unlink()
        asked = dataclasses.replace(TINY, **{name: value})
        outcome = _asked_again(out, partial(ask, out, runs.subject, asked), None)
        found.append(Trial("manifest deleted, other setting", f"--{name}={value}", outcome))
        shutil.rmtree(out)
    return found


def _net(
    activation: str = "relu", padding: str = "same", epsilon: float = 1e-3, factor: float = 1 / 255,
    policy: str = "float32",
) -> keras.Model:  # fmt: skip
    x = keras.Input((64, 64, 3))
    h = keras.layers.Rescaling(factor)(x)
    conv = keras.layers.Conv2D(4, 3, 4, padding, activation=activation, dtype=policy)
    h = keras.layers.BatchNormalization(epsilon=epsilon)(conv(h))
    model = keras.Model(x, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(h)))
    rng = np.random.default_rng(0)
    model.set_weights([rng.random(weight.shape) for weight in model.get_weights()])
    return model


def _other_models(root: Path) -> list[Trial]:
    """Models of equal weights under the same path, after a part was deleted."""
    path, whole = root / "m.keras", root / "of_file"
    _net().save(path)
    settings = dataclasses.replace(
        TINY, model=os.fspath(path), preprocessing="raw", only_correct=False
    )
    subject = open_subject(settings)
    records = ask(whole, subject, settings)
    found = []
    swaps: tuple[tuple[str, dict[str, Any]], ...] = (
        ("nothing but saved again", {}),
        ("relu to tanh", {"activation": "tanh"}),
        ("padding", {"padding": "valid"}),
        ("epsilon of the batch norm", {"epsilon": 1e-2}),
        ("factor of the Rescaling", {"factor": 1 / 127.5}),
        ("precision policy", {"policy": "mixed_float16"}),
    )
    for name, changes in swaps:
        out = Path(shutil.copytree(whole, root / "swapped"))
        part_path(out, PROBE, 2).unlink()
        _net(**changes).save(path)
        model = keras.models.load_model(path)

        again = partial(ask, out, subject, settings, model)
        kind = "model swapped" if changes else "the same model"
        found.append(Trial(kind, name, _asked_again(out, again, None if changes else records)))
        shutil.rmtree(out)
    return found
