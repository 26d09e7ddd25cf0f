"""All explainers under one attack at one radius: how much of each map is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.attacks.cost import forward_equivalents, price
from tf_fragile.errors import InputError, UnsupportedLayerError
from tf_fragile.experiments.fragility.campaign import Outcome
from tf_fragile.experiments.fragility.ranking.presets import ATTACK, Ranking
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.explainers.catalog import EXPLAINERS, explain, method
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.needs import FromData, filled
from tf_fragile.metrics.catalog import limits_of
from tf_fragile.metrics.statistics import Interval, bootstrap_mean
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.running import run as run_probes
from tf_fragile.runs.manifest import Manifest
from tf_fragile.runs.shards import seems_complete
from tf_fragile.runs.tasks import cut

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


@dataclass(frozen=True, eq=False)
class Ranked:
    """What a ranking gave.

    Attributes:
      outcome: records and manifests of the explainers that ran.
      refused: the sentence of each one that did not.
    """

    outcome: Outcome
    refused: Mapping[str, str] = field(default_factory=dict)


def run(
    contestants: Contestants,
    positions: tuple[int, ...],
    directory: Path,
    *,
    command: tuple[str, ...] = (),
    progress: bool = True,
    say: Callable[[str], None] = print,
) -> Ranked:
    """Computes what is missing; each explainer has a run directory.

    Args:
      contestants: the explainers.
      positions: the images.
      directory: where the run directories go.
      command: the command line, for the manifests.
      progress: whether to draw bars.
      say: told of each refusal.

    Raises:
      InputError: every explainer refuses, or a directory holds another run.
    """
    ranking, subject = contestants.ranking, contestants.subject
    parts: list[pd.DataFrame] = []
    manifests: dict[str, Manifest] = {}
    refused: dict[str, str] = {}
    for name in ranking.explainers():
        there = is_there(directory / name, positions, ranking.shard_size)
        try:
            explainer = contestants.explainer(name)
            if not there:
                explainer(subject.source.load(positions[:1]).image)
        except InputError as error:
            refused[name] = str(error)
            say(f"{name} is left out: {error}")
            continue
        probe = FragilityProbe(
            explainers={name: explainer},
            source=subject.source,
            attacks=ranking.attacks(),
            epsilon=(ranking.epsilon,),
            limits=subject.source.range,
            seed=contestants.seed,
        )
        try:
            records, manifests[name] = run_probes(
                directory / name,
                [probe],
                subject.source,
                positions,
                model=subject.model,
                seed=contestants.seed,
                settings=_settings(ranking, name, subject),
                settings_of={probe.name: {}},
                command=command,
                size=ranking.shard_size,
                progress=progress,
            )
        except UnsupportedLayerError as error:  # the stand-ins of the attack have layers too
            refused[name] = str(error)
            say(f"{name} is left out: {error}")
            continue
        parts.append(records[probe.name])
    if not parts:
        raise InputError(f"Every explainer refuses this model: {next(iter(refused.values()))}")
    return Ranked(Outcome(pd.concat(parts, ignore_index=True), manifests), refused)


def table(ranking: Ranking, ranked: Ranked) -> pd.DataFrame:
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
    for name, manifest in ranked.outcome.manifests.items():
        own = ranked.outcome.records[ranked.outcome.records["explainer"] == name]
        worst, control = (own[own["attack"] == attack] for attack in (ATTACK, RANDOM))
        attacked, random = (_mean(part, "top_k_intersection") for part in (worst, control))
        overlaps = _values(worst, "top_k_intersection")
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
                "n_failed": int(np.isnan(overlaps).sum()),
                "stuck": _values(worst, "stuck").mean(),
                "derivatives": _values(worst, "gradient_evaluations").mean(),
                "model_gradients": _values(worst, "model_gradients").mean(),
                "maps": _values(worst, "scoring_evaluations").mean(),
                "forwards": _values(worst, "forward_equivalents").mean(),
                "seconds": manifest.wall_time_s,
                "refused": "",
            }
        )
    rows += [{"explainer": name, "refused": text} for name, text in ranked.refused.items()]
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found.sort_values("attacked", ascending=False, kind="stable", ignore_index=True)


def _values(records: pd.DataFrame, metric: str) -> np.ndarray:
    chosen = records[records["metric"] == metric]
    values: np.ndarray = chosen.sort_values("sample", kind="stable")["value"].to_numpy()
    return values


def _mean(records: pd.DataFrame, metric: str) -> Interval:
    return bootstrap_mean(_values(records, metric), within=limits_of(metric))


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
