"""Attacking one subject with every method of a preset: a run a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.factory import attack
from tf_fragile.experiments.fragility.methods import explainer_of, surrogate_of
from tf_fragile.experiments.fragility.presets import Preset
from tf_fragile.experiments.frame.job import Run
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.metrics.similarity import check_k
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.runs.tasks import Work, cut


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


def runs(campaign: Campaign) -> tuple[Run, ...]:
    """The run of each method; raises `InputError` for settings that can't work."""
    return tuple(_run(campaign, method, probe) for method, probe in probes(campaign).items())


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


def _run(campaign: Campaign, method: str, probe: FragilityProbe) -> Run:
    positions = campaign.positions_of(method)
    return Run(
        name=method,
        directory=campaign.place(method),
        probe=lambda: probe,
        table=probe.name,
        subject=campaign.subject,
        positions=positions,
        tasks=cut(positions, campaign.preset.shard_size),
        settings=_settings(campaign, method),
        size=campaign.preset.shard_size,
        work=_work(campaign, method, probe),
    )


def _work(campaign: Campaign, method: str, probe: FragilityProbe) -> Work:
    preset, budget = campaign.preset, campaign.preset.of(method)
    explainer, num = probe.explainers[method], len(campaign.positions_of(method))
    evaluations = explainer.method.evaluations
    once = sum(made.forwards(explainer) for made in probe.attacks.values())
    forwards = num * len(preset.epsilon) * once
    line = (
        f"{method}: {num} images x {len(preset.epsilon)} radii x "
        f"{len(campaign.objectives)} attacks x {budget.steps} steps of {budget.step_size:g}, "
        f"{evaluations} gradient{'s' if evaluations > 1 else ''} a map: about {forwards:,.0f} "
        "forward passes"
    )
    return Work(forwards, builds=len(probe.attacks), lines=(line,))


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
