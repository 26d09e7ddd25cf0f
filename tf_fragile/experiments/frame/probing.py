"""A registered probe on the network and images of a figure, as a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf_fragile.experiments.frame.job import Run, run_of
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.explainers.catalog import EXPLAINERS, explain
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.needs import FromData, filled
from tf_fragile.probes import contract
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.parts import own_parts


@dataclass(frozen=True)
class Explained:
    """An explainer of a figure.

    Attributes:
      name: a registered one.
      settings: its own, as JSON values.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def probed(
    probe: str,
    settings: Any,
    subject: Subject,
    explainers: Mapping[str, Explained],
    positions: Sequence[int],
    place: Place,
    *,
    name: str = "",
    size: int = 4,
    rows: int = 16,
) -> Run:
    """The run of a registered probe, in `out`/runs/NAME.

    Args:
      probe: a name of `probes.catalog.PROBES`.
      settings: of the probe, an instance of its entry's dataclass.
      subject: network and data.
      explainers: by the name of each in the records.
      positions: of the images.
      place: where it goes, and the seed.
      name: what the figure calls the run; the probe's name where empty.
      size: images a task.
      rows: images in memory at once, each variant of one counted.

    Raises:
      InputError: an unknown probe or explainer, or one that does not fit the network or the data.
    """
    entry, chosen = PROBES[probe], np.sort(np.asarray(positions, np.int64))
    about = contract.Subject(
        model=subject.model,
        network=subject.network,
        source=subject.source,
        explainers={label: explainer_of(subject, one) for label, one in explainers.items()},
        positions=chosen,
        passed_over=np.zeros(len(chosen), bool),
        there=len(subject.source),
        seed=place.seed,
        size=size,
        rows=rows,
        store=place.store,
    )
    bound = entry.bind(settings, about)
    named = sorted({one.name for one in explainers.values()})
    decides = {
        "model": subject.name,
        "data": subject.source.name,
        "explainers": {label: [one.name, dict(one.settings)] for label, one in explainers.items()},
        "rows": rows,
        probe: dict(bound.decides),
        **own_parts(EXPLAINERS, named, lambda one: one.make),
        **own_parts(PROBES, [probe], lambda one: [one.bind, one.settings]),
    }
    where = place.out / "runs" / (name or probe)
    positions = [int(position) for position in chosen]
    return run_of(
        name or probe, where, bound.probe, subject, positions, settings=decides, size=size
    )


def explainer_of(subject: Subject, one: Explained) -> Explainer:
    """An explainer on the subject's network; what only the data can give is taken from them.

    Raises:
      InputError: there is no such explainer or setting, or it does not fit the network.
    """
    data = FromData(subject.source, subject.network)
    settings = filled(EXPLAINERS[one.name], one.settings, data)
    return explain(one.name, subject.network, **settings)
