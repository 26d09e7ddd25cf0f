"""All explainers under one attack at one radius: how much of each map is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from tf_fragile.attacks.cost import forward_equivalents, price
from tf_fragile.experiments.fragility.ranking.presets import ATTACK, Ranking
from tf_fragile.experiments.frame.job import Found, Run
from tf_fragile.experiments.frame.means import mean_of, values_of
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.explainers.catalog import EXPLAINERS, explain, method
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.needs import FromData, filled
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.runs.shards import seems_complete
from tf_fragile.runs.tasks import Work, cut

OVERLAP = "top_k_intersection"
COLUMNS = (
    "explainer", "settings", "attacked", "attacked_low", "attacked_high", "random", "random_low",
    "random_high", "n", "n_failed", "stuck", "derivatives", "model_gradients", "maps", "forwards",
    "seconds", "refused",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Contestants:
    """The explainers of a ranking on one subject.

    Attributes:
      ranking: its settings.
      subject: network and data.
      seed: of the choice of images for patterns.
    """

    ranking: Ranking
    subject: Subject
    seed: int = 0

    def explainer(self, name: str) -> Explainer:
        """One of them.

        Raises:
          InputError: the network or the data don't fit it.
        """
        network, own = self.subject.network, self.ranking.settings(name)
        return explain(name, network, **filled(EXPLAINERS[name], own, self.data))

    @cached_property
    def data(self) -> FromData:
        """Where explainers get what the settings don't say."""
        subject, ranking = self.subject, self.ranking
        return FromData(subject.source, subject.network, ranking.pattern_images, self.seed)

    def forwards(self, name: str) -> float:
        """Forward passes of one image that the attacks on an explainer amount to, roughly."""
        # Patterns take a pass over data to estimate, which is too much for an estimate of time.
        settings = filled(EXPLAINERS[name], self.ranking.settings(name), self.data.sketched())
        own = price(name, method(name, **settings).evaluations)
        attacks = self.ranking.attacks().values()
        return self.ranking.num_images * sum(forward_equivalents(a.cost, own) for a in attacks)


def runs(contestants: Contestants, positions: tuple[int, ...], directory: Path) -> tuple[Run, ...]:
    """The run of each explainer, left out where it refuses.

    Args:
      contestants: the explainers.
      positions: the images.
      directory: where the run directories go.
    """
    ranking, subject = contestants.ranking, contestants.subject
    tasks = cut(positions, ranking.shard_size)
    return tuple(
        Run(
            name=name,
            directory=directory / name,
            probe=partial(_probe, contestants, name, positions, directory / name),
            table=FragilityProbe.name,
            subject=subject,
            positions=positions,
            tasks=tasks,
            settings=_settings(ranking, name, subject),
            size=ranking.shard_size,
            work=Work(contestants.forwards(name), builds=len(ranking.attacks())),
            may_refuse=True,
        )
        for name in ranking.explainers()
    )


def _probe(
    contestants: Contestants, name: str, positions: tuple[int, ...], directory: Path
) -> FragilityProbe:
    """The probe of an explainer; raises `InputError` where it refuses the network or the data."""
    ranking, subject = contestants.ranking, contestants.subject
    explainer = contestants.explainer(name)
    if not is_there(directory, positions, ranking.shard_size):
        explainer(subject.source.load(positions[:1]).image)
    return FragilityProbe(
        explainers={name: explainer},
        source=subject.source,
        attacks=ranking.attacks(),
        epsilon=(ranking.epsilon,),
        limits=subject.source.range,
        seed=contestants.seed,
    )


def table(ranking: Ranking, found: Found) -> pd.DataFrame:
    """One row an explainer, the one with the most of its map left first.

    Returns:
      Columns `COLUMNS`. `attacked` and `random` are means over images of the top-k overlap left,
      with 95 % bootstrap intervals, NaN where no attack succeeded; `stuck` is the share of
      images on which no step went anywhere, because the derivative of the map is zero there: such
      attacks count as failed, for they say nothing. `derivatives`, `model_gradients` and `maps` are
      counts of one attack on one image, `forwards` their sum in forward passes by `attacks.cost`,
      `seconds` the time of the whole run here, building it included. Explainers that refuse come
      last, with their sentence.
    """
    rows: list[dict[str, Any]] = []
    for name, own in found.records.items():
        worst, control = (own[own["attack"] == attack] for attack in (ATTACK, RANDOM))
        overlaps = values_of(worst, OVERLAP)
        attacked, random = mean_of(overlaps, OVERLAP), mean_of(values_of(control, OVERLAP), OVERLAP)
        rows.append(
            {
                "explainer": name,
                "settings": _spoken(ranking.settings(name)),
                "attacked": attacked.mean,
                "attacked_low": attacked.low,
                "attacked_high": attacked.high,
                "random": random.mean,
                "random_low": random.low,
                "random_high": random.high,
                "n": attacked.n,
                "n_failed": int(overlaps.isna().sum()),
                "stuck": values_of(worst, "stuck").to_numpy().mean(),
                "derivatives": values_of(worst, "gradient_evaluations").to_numpy().mean(),
                "model_gradients": values_of(worst, "model_gradients").to_numpy().mean(),
                "maps": values_of(worst, "scoring_evaluations").to_numpy().mean(),
                "forwards": values_of(worst, "forward_equivalents").to_numpy().mean(),
                "seconds": found.manifests[name].wall_time_s,
                "refused": "",
            }
        )
    rows += [{"explainer": name, "refused": text} for name, text in found.refused.items()]
    ranked = pd.DataFrame(rows, columns=list(COLUMNS))
    return ranked.sort_values("attacked", ascending=False, kind="stable", ignore_index=True)


def is_there(directory: Path, positions: tuple[int, ...], shard_size: int) -> bool:
    """Whether all records of a run are in its directory."""
    tasks = cut(positions, shard_size)
    return all(seems_complete(directory, FragilityProbe.name, task) for task in tasks)


def _spoken(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in settings.items())


def _settings(ranking: Ranking, name: str, subject: Subject) -> dict[str, Any]:
    """Everything that decides the records of an explainer, as JSON values."""
    return {
        "model": subject.name,
        "data": subject.source.name,
        "method": name,
        "method_settings": ranking.settings(name),
        "pattern_images": ranking.pattern_images if ranking.takes_patterns(name) else None,
        "attack": ATTACK,
        "steps": ranking.steps,
        "epsilon": ranking.epsilon,
        "k": ranking.k,
        "rows": ranking.rows,
    }
