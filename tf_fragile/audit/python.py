"""An audit from Python: of a model and data that are at hand, or that go by their names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras

from tf_fragile.audit.asked import asked
from tf_fragile.audit.objects import Objects
from tf_fragile.audit.run import AuditResult, run_audit
from tf_fragile.data.arrays import Parts
from tf_fragile.data.memory import open_memory
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError, shown
from tf_fragile.probes.catalog import DEFAULT

Say = Callable[[str], None]


def audit(
    model: keras.Model | str | Path,
    data: Any,
    probes: str | Sequence[str] = DEFAULT,
    *,
    out: str | Path | None = None,
    settings_of: Mapping[str, Mapping[str, Any]] | None = None,
    range: tuple[float, float] | None = None,
    preprocess: Callable[[Any], Any] | None = None,
    inverse: Callable[[Any], Any] | None = None,
    gallery: int = 8,
    say: Say | None = None,
    progress: bool = False,
    cache: str | None = None,
    **settings: Any,
) -> AuditResult:
    """How far the explanations of a model can be trusted: frames, verdicts and a report.

    Args:
      model: a Keras model, or as `--model` has it.
      data: as `--data` has it; arrays `x` or `(x, y)`, `x` maybe a mapping of named inputs; a
        finite `tf.data.Dataset` or Keras `PyDataset` that repeats itself; or a `Source`.
      probes: a name, several, or `"all"`.
      out: the run directory, where an unfinished run is finished; a temporary one, gone when this
        returns, where `None`.
      settings_of: settings of probes, by probe and setting.
      range: smallest and largest value that data given as such can have, in their own units; those
        that they have where `None`, which is said.
      preprocess: what makes inputs of the model of data given as such; TensorFlow operations.
      inverse: undoes it; where `None`, epsilon is in the model's units, which is said.
      gallery: samples shown in the report.
      say: where text for people goes; nowhere where `None`.
      progress: whether to draw bars.
      cache: where what runs share is kept.
      **settings: of the audit and of probes that have flags without their name, as the command's
        flags: `num_images`, `explainers`, `seed`, `epsilon`, ...

    Raises:
      InputError: bad input, before any work is done.

    Example:
      >>> import keras
      >>> import numpy as np
      >>> import tf_fragile as tff
      >>> x = keras.Input((4,))
      >>> model = keras.Model(x, keras.layers.Dense(3)(x))
      >>> rows = np.random.default_rng(0).normal(size=(20, 4)).astype("float32")
      >>> asked = {"explainers": ("gradient",), "num_images": 3, "steps": 1}
      >>> found = tff.audit(model, rows, **asked)
      >>> [verdict.word for verdict in found.verdicts]
      ['INCONCLUSIVE']
    """
    named = isinstance(data, str)
    if named and not (range is None and preprocess is None and inverse is None):
        raise InputError(
            "range=, preprocess= and inverse= are for data that are given as such, and "
            f"data={shown(data)} is a name; leave them out."
        )
    if inverse is not None and preprocess is None:
        raise InputError("inverse= undoes preprocess=, which is not given; give both.")
    made = asked(
        settings_of,
        model=model.name if isinstance(model, keras.Model) else str(model),
        data=data if named else "memory",
        probes=(probes,) if isinstance(probes, str) else tuple(probes),
        **settings,
    )
    objects = Objects(
        model if isinstance(model, keras.Model) else None,
        _nothing
        if named
        else partial(_opened, data, range=range, preprocess=preprocess, inverse=inverse),
    )
    run = partial(
        run_audit,
        made,
        objects=objects,
        cache=cache,
        gallery=gallery,
        say=say or _silent,
        progress=progress,
    )
    if out is not None:
        return run(out)
    with tempfile.TemporaryDirectory() as place:
        return run(Path(place) / "audit").without_report()


def _opened(data: Any, shape: Any, parts: Parts, outputs: int | None, **given: Any) -> Source:
    """A source of data at hand."""
    if isinstance(data, Source):
        return data
    return open_memory(data, shape, parts=parts, outputs=outputs, **given)


def _nothing(shape: Any, parts: Parts, outputs: int | None) -> None:
    """No data: the settings name some."""


def _silent(line: str) -> None:
    """Says nothing."""
