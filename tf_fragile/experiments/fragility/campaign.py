"""Attacking one subject with every method of a preset: planned, sharded, taken up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.factory import attack
from tf_fragile.experiments.fragility.methods import explainer_of, surrogate_of
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.metrics.similarity import check_k
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.running import run as run_probes
from tf_fragile.runs import manifest as manifests
from tf_fragile.runs.manifest import Manifest


@dataclass(frozen=True, eq=False)
class Campaign:
    """Which images are attacked how, and where the records go.

    Attributes:
      subject: network and data.
      preset: methods, budgets and radii.
      objectives: attack objectives, by name; the random control runs beside them.
      positions: images in order of preference; each method takes the first of them.
      directory: holds one run directory a method.
      seed: of everything random.
      command: the command line, for the manifests.
      gallery: of how many images to keep pictures.
      only_correct: whether misclassified images are left out.
      objective_settings: settings of objectives, e.g. the mask of `target_region`.
      notes: further facts that decide the records, for the manifests, as JSON values.
    """

    subject: Subject
    preset: Preset
    objectives: tuple[str, ...]
    positions: tuple[int, ...]
    directory: Path
    seed: int = 0
    command: tuple[str, ...] = ()
    gallery: int = 0
    only_correct: bool = True
    objective_settings: Mapping[str, Any] | None = None
    notes: Mapping[str, Any] | None = None

    def place(self, method: str) -> Path:
        """The run directory of `method`."""
        return self.directory / method

    def positions_of(self, method: str) -> tuple[int, ...]:
        """The images that `method` is given."""
        return self.positions[: self.preset.of(method).num_images]


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a campaign gave.

    Attributes:
      records: of all methods, the columns of `runs.records`.
      manifests: by method.
    """

    records: pd.DataFrame
    manifests: Mapping[str, Manifest]

    def summary(self) -> dict[str, dict[str, Any]]:
        """What a figure's own manifest says about the runs behind it."""
        return {
            method: {
                "settings_hash": manifests.settings_hash(manifest),
                "finished": manifest.finished,
                "wall_time_s": manifest.wall_time_s,
                "settings": dict(manifest.settings),
            }
            for method, manifest in self.manifests.items()
        }


def run(campaign: Campaign, *, progress: bool = True) -> Outcome:
    """Computes what is missing of every method's run and returns all records.

    Raises:
      InputError: an unknown method, or a run directory that holds another run.
    """
    parts, found = [], {}
    for method, probe in probes(campaign).items():
        records, found[method] = run_probes(
            campaign.place(method),
            [probe],
            campaign.subject.source,
            campaign.positions_of(method),
            model=campaign.subject.model,
            seed=campaign.seed,
            settings=_settings(campaign, method),
            settings_of={probe.name: {}},
            command=campaign.command,
            size=campaign.preset.shard_size,
            progress=progress,
        )
        parts.append(records[probe.name])
    return Outcome(pd.concat(parts, ignore_index=True), found)


def probes(campaign: Campaign) -> dict[str, FragilityProbe]:
    """A probe for each method; raises `InputError` for settings that can't work."""
    preset, subject = campaign.preset, campaign.subject
    # Before anything is written, or the directory would hold a run that can't go on.
    check_k(tf.TensorShape([None, *subject.source.image_shape[:2]]), preset.k)
    return {
        method: FragilityProbe(
            explainers={method: explainer_of(subject, method, preset.of(method).settings)},
            source=subject.source,
            attacks=_attacks(campaign, method),
            epsilon=preset.epsilon,
            limits=subject.source.range,
            only_correct=campaign.only_correct,
            seed=campaign.seed,
            shown=frozenset(campaign.positions_of(method)[: campaign.gallery]),
        )
        for method in preset.methods
    }


def _attacks(campaign: Campaign, method: str) -> dict[str, Attack]:
    preset, budget = campaign.preset, campaign.preset.of(method)
    make: Callable[..., Attack] = partial(attack, k=preset.k, rows=preset.rows_at_once)
    walk = {"steps": budget.steps, "step_size": budget.step_size}
    noise: dict[str, Any] = {"mode": preset.random} | (walk if preset.random == "walk" else {})
    beta = _beta(preset, method)
    smooth: dict[str, Any] = {"surrogate": surrogate_of(method)}
    smooth |= {} if beta is None else {"beta": beta}
    attacks = {RANDOM: make("top_k", optimizer="random_sign", **noise)}
    for objective in campaign.objectives:
        attacks[objective] = make(
            objective, select=preset.select, **smooth, **walk,
            **(campaign.objective_settings or {}),
        )  # fmt: skip
    return attacks


def _beta(preset: Preset, method: str) -> float | None:
    """The sharpness of the method's surrogate, or `None` where it has none."""
    return preset.beta if surrogate_of(method) == "softplus" else None


def _settings(campaign: Campaign, method: str) -> dict[str, Any]:
    """Everything that decides the records of `method`, as JSON values."""
    preset, budget = campaign.preset, campaign.preset.of(method)
    return {
        "model": campaign.subject.name,
        "data": campaign.subject.source.name,
        "method": method,
        "method_settings": dict(budget.settings),
        "objectives": list(campaign.objectives),
        "steps": budget.steps,
        "step_size": budget.step_size,
        "epsilon": list(preset.epsilon),
        "k": preset.k,
        "beta": _beta(preset, method),
        "select": preset.select,
        "random": preset.random,
        "rows": preset.rows,
        "only_correct": campaign.only_correct,
        "gallery": campaign.gallery,
        **(campaign.notes or {}),
    }
