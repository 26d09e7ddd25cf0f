"""The one runner of all figures: planned, resumed, written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pandas as pd

from tf_fragile.errors import InputError, UnsupportedLayerError
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Run
from tf_fragile.experiments.frame.output import write
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.planning import plan
from tf_fragile.experiments.frame.tables import Kept, read
from tf_fragile.probes.running import run as run_probes
from tf_fragile.runs.artefacts import Store
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.manifest import Manifest


def make(job: Job, place: Place) -> Drawn:
    """Makes a figure: says the plan, computes what is missing, writes tables, pictures, manifest.

    Args:
      job: the figure.
      place: where it goes.

    Returns:
      What was written.

    Raises:
      InputError: the output can't be written or holds other runs, a probe does not fit its subject,
        or every run refuses.
    """
    make_directory(place.out)
    store = Store(place.out / "tables")
    kept = [Kept(job.name, table, place.seed) for table in job.tables]
    for line in plan(job, store, kept):
        place.say(line)
    records, manifests, refused = _runs(job.runs, place)
    found = Found(records, manifests, _tables(store, kept, place), refused)
    drawn = job.draw(found)
    files = write(job, found, drawn, place)
    if drawn.told:
        place.say(f"\n{drawn.told}")
    place.say(f"\n{files}")
    return drawn


def _tables(store: Store, kept: Sequence[Kept], place: Place) -> dict[str, pd.DataFrame]:
    for one in store.missing(kept):
        store.build([one], progress=place.progress)
        place.say(f"{one.name}: done")
    return {one.table.name: read(store, one) for one in kept}


def _runs(
    runs: Sequence[Run], place: Place
) -> tuple[dict[str, pd.DataFrame], dict[str, Manifest], dict[str, str]]:
    records: dict[str, pd.DataFrame] = {}
    manifests: dict[str, Manifest] = {}
    refused: dict[str, str] = {}
    for run in runs:
        try:
            records[run.name], manifests[run.name] = _run(run, place)
        except _RefusedError as refusal:
            refused[run.name] = str(refusal)
            place.say(f"{run.name} is left out: {refusal}")
    if runs and not records:
        raise InputError(f"Every explainer refuses this model: {next(iter(refused.values()))}")
    return records, manifests, refused


def _run(run: Run, place: Place) -> tuple[pd.DataFrame, Manifest]:
    with _refusals(run.may_refuse, InputError):
        probe = run.probe()
    # Later on, other bad input is of the place, as a directory that holds another run.
    with _refusals(run.may_refuse, UnsupportedLayerError):
        records, manifest = run_probes(
            run.directory,
            [probe],
            run.subject.source,
            run.positions,
            model=run.subject.model,
            seed=place.seed,
            settings=run.settings,
            settings_of={probe.name: {}},
            command=place.command,
            size=run.size,
            store=place.store,
            progress=place.progress,
        )
    return records[probe.name], manifest


class _RefusedError(Exception):
    """A run that is left out; its text is the sentence."""


@contextmanager
def _refusals(allowed: bool, kind: type[InputError]) -> Iterator[None]:
    """A context in which an error of this kind is a refusal, where that is allowed."""
    try:
        yield
    except kind as error:
        if not allowed:
            raise
        raise _RefusedError(str(error)) from error
