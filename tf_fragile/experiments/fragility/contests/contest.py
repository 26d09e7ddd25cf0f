"""Optimisers against each other: the same images, the same radius, every evaluation counted.

Source: the question is that of `sign` in Ghorbani et al. 2019; the other optimisers are ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.cost import Cost, forward_equivalents
from tf_fragile.attacks.factory import attack
from tf_fragile.experiments.frame.job import Run
from tf_fragile.experiments.frame.means import mean_of, values_of
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.explainers.catalog import explain
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.statistics import paired_difference
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.runs.tasks import Work, cut
from tf_fragile.settings import LARGE, MOST, MOST_ROWS, SMALL, WHOLE, check, setting
from tf_fragile.surrogates import SURROGATES

LINES = (
    "method", "attack", "steps", "derivatives", "model_gradients", "maps", "forwards", "mean",
    "low", "high", "n", "n_failed", "difference", "difference_low", "difference_high", "p_value",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """What one method is attacked with.

    Attributes:
      num_images: correctly classified images.
      sign_steps: steps of the paper's attack.
      annealed: numbers of steps, a run each.
      secant: likewise; empty for methods without a symmetric Jacobian.
      surrogate: of `sign`; the paper's softplus for gradients, none for propagation rules.
      annealed_surrogate: of `annealed_momentum`.
      settings: of the method.
    """

    num_images: int = setting(32, low=1, high=WHOLE)
    sign_steps: int = setting(100, low=1, high=MOST)
    annealed: tuple[int, ...] = (5, 10, 20)
    secant: tuple[int, ...] = ()
    surrogate: str = setting("softplus", choices=tuple(SURROGATES))
    annealed_surrogate: str = setting(
        "scaled_softplus", choices=tuple(SURROGATES), named="surrogate"
    )
    settings: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self, "--{}")


@dataclass(frozen=True)
class Contest:
    """What decides a contest, besides model, data and seed.

    Attributes:
      entries: by method.
      epsilon: radius in grey levels.
      k: of the top-k attack and of the overlap.
      beta: of the softplus surrogate of `sign`.
      step_size: of `sign`, in grey levels.
      checkpoints: steps of `sign` at which it is looked at.
      shard_size: images written together.
      rows: images in memory at once.
    """

    entries: Mapping[str, Entry]
    epsilon: float = setting(2.0, low=SMALL, high=255)
    k: int = setting(1000, low=1, high=WHOLE)
    beta: float = setting(1.0, low=1e-6, high=1e6)
    step_size: float = setting(0.5, low=SMALL, high=LARGE)
    checkpoints: tuple[int, ...] = (10, 20, 50, 100, 300)
    shard_size: int = setting(8, low=1, high=MOST_ROWS)
    rows: int = setting(8, low=1, high=MOST_ROWS)

    def __post_init__(self) -> None:
        check(self, "--{}")

    def attacks(self, method: str) -> dict[str, Attack]:
        """The contenders by name; all keep the images that a file can hold."""
        entry = self.entries[method]
        common: dict[str, Any] = {"k": self.k, "rows": self.rows, "grid": 1.0}
        made = {RANDOM: attack("top_k", optimizer="random_sign", **common)}
        own: dict[str, Any] = {"beta": self.beta} if entry.surrogate == "softplus" else {}
        made["sign"] = attack(
            "top_k", surrogate=entry.surrogate, steps=entry.sign_steps, step_size=self.step_size,
            **own, **common,
        )  # fmt: skip
        for steps in entry.annealed:
            made[f"annealed_momentum {steps}"] = attack(
                "top_k", optimizer="annealed_momentum", surrogate=entry.annealed_surrogate,
                steps=steps, **common,
            )  # fmt: skip
        for steps in entry.secant:
            made[f"secant {steps}"] = attack("top_k", optimizer="secant", steps=steps, **common)
        return made

    def checkpoints_of(self, method: str) -> tuple[int, ...]:
        """The checkpoints that `sign` reaches on `method`, its last step among them."""
        last = self.entries[method].sign_steps
        return tuple(sorted({last, *(steps for steps in self.checkpoints if steps < last)}))

    def explainer(self, method: str, subject: Subject) -> Explainer:
        """The method on the subject's network."""
        return explain(method, subject.network, **self.entries[method].settings)

    def forwards(self, method: str, subject: Subject) -> float:
        """Forward passes of one image that the contenders of `method` amount to."""
        explainer = self.explainer(method, subject)
        once = sum(made.forwards(explainer) for made in self.attacks(method).values())
        return self.entries[method].num_images * once


def runs(
    contest: Contest, subject: Subject, positions: tuple[int, ...], directory: Path, seed: int
) -> tuple[Run, ...]:
    """The run of each method.

    Args:
      contest: its settings.
      subject: network and data.
      positions: images in order of preference; each method takes the first of them.
      directory: where the run directories go.
      seed: of everything random.
    """
    return tuple(
        _run(contest, method, subject, positions[: entry.num_images], directory, seed)
        for method, entry in contest.entries.items()
    )


def _run(
    contest: Contest,
    method: str,
    subject: Subject,
    positions: tuple[int, ...],
    directory: Path,
    seed: int,
) -> Run:
    probe = FragilityProbe(
        explainers={method: contest.explainer(method, subject)},
        source=subject.source,
        attacks=contest.attacks(method),
        epsilon=(contest.epsilon,),
        limits=subject.source.range,
        checkpoints=contest.checkpoints_of(method),
        seed=seed,
    )
    forwards = contest.forwards(method, subject)
    line = f"{method}: {len(positions)} images, about {forwards:,.0f} forward passes"
    return Run(
        name=method,
        directory=directory / method,
        probe=lambda: probe,
        table=probe.name,
        subject=subject,
        positions=positions,
        tasks=cut(positions, contest.shard_size),
        settings=_settings(contest, method, subject),
        size=contest.shard_size,
        work=Work(forwards, builds=len(probe.attacks), lines=(line,)),
    )


def table(contest: Contest, subject: Subject, records: pd.DataFrame) -> pd.DataFrame:
    """A line a method, attack and number of steps: overlap left, cost, difference from `sign`.

    Args:
      contest: its settings.
      subject: network and data.
      records: of `runs`.

    Returns:
      Columns `LINES`. `mean` is that of the top-k overlap over images, with a 95 % bootstrap
      interval; `difference` the mean paired difference to `sign` after all its steps, negative
      where the line does more damage. Failed attacks are left out and counted.
    """
    rows: list[dict[str, Any]] = []
    for method, entry in contest.entries.items():
        explainer = contest.explainer(method, subject)
        own = records[records["explainer"] == method]
        overlaps = _overlaps(contest, method, own)
        last = overlaps["sign", entry.sign_steps]
        for (name, steps), values in overlaps.items():
            made = contest.attacks(method)[name]
            cost = _cost(made, own, name, steps)
            mean = mean_of(values, "top_k_intersection")
            paired = paired_difference(values.to_numpy(), last.reindex(values.index).to_numpy())
            apart = paired.difference
            rows.append({
                "method": method,
                "attack": name.split()[0],
                "steps": steps,
                "derivatives": cost.derivatives,
                "model_gradients": cost.gradients,
                "maps": cost.maps,
                "forwards": forward_equivalents(cost, made.price(explainer)),
                "mean": mean.mean,
                "low": mean.low,
                "high": mean.high,
                "n": mean.n,
                "n_failed": int(values.isna().sum()),
                "difference": apart.mean,
                "difference_low": apart.low,
                "difference_high": apart.high,
                "p_value": paired.p_value,
            })  # fmt: skip
    return pd.DataFrame(rows, columns=list(LINES))


def _overlaps(
    contest: Contest, method: str, records: pd.DataFrame
) -> dict[tuple[str, int], pd.Series]:
    """Overlap left by image, for every attack at its end and for `sign` at the checkpoints."""
    found: dict[tuple[str, int], pd.Series] = {}
    for name in records.loc[records["attack"] != "", "attack"].unique():
        own = records[records["attack"] == name]
        if name == "sign":
            for steps in contest.checkpoints_of(method):
                damage = values_of(own, f"damage_after_{steps}")
                found[name, steps] = (-damage).where(np.isfinite(damage))
        else:
            steps = int(name.split()[1]) if " " in name else 1
            found[name, steps] = values_of(own, "top_k_intersection")
    return found


def _cost(made: Attack, records: pd.DataFrame, name: str, steps: int) -> Cost:
    """Mean counts of one image after `steps` of the attack's steps."""
    pulls = values_of(records[records["attack"] == name], "model_gradients")
    fixed, share = made.cost, steps / made.optimizer.steps
    return Cost(fixed.derivatives * share, fixed.maps * share, float(pulls.mean()))


def _settings(contest: Contest, method: str, subject: Subject) -> dict[str, Any]:
    """Everything that decides the records of `method`, as JSON values."""
    entry = contest.entries[method]
    return {
        "model": subject.name,
        "data": subject.source.name,
        "method": method,
        "method_settings": dict(entry.settings),
        "epsilon": contest.epsilon,
        "k": contest.k,
        "beta": contest.beta,
        "step_size": contest.step_size,
        "sign_steps": entry.sign_steps,
        "annealed": list(entry.annealed),
        "secant": list(entry.secant),
        "surrogate": entry.surrogate,
        "annealed_surrogate": entry.annealed_surrogate,
        "checkpoints": list(contest.checkpoints),
        "rows": contest.rows,
    }
