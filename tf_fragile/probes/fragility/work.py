"""What attacks on images cost, before they begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.optimizers.sign import RandomSign
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.probes.contract import Task, Work


def work(
    explainers: Mapping[str, Explainer],
    attacks: Mapping[str, Attack],
    tasks: Sequence[Task],
    *,
    levels: int,
    doubled: frozenset[int] = frozenset(),
    searches: int = 0,
) -> Work:
    """Counts forward passes and functions to build; a line an explainer and attack.

    Args:
      explainers: what is attacked.
      attacks: with what.
      tasks: the images; all of them are taken to be attacked.
      levels: radii.
      doubled: samples that are attacked again with twice the steps.
      searches: attacks that the search for the smallest radius takes on each image.
    """
    images = sum(len(task.positions) for task in tasks)
    again = sum(len(doubled.intersection(task.positions)) for task in tasks)
    forwards, builds, lines = 0.0, 0, []
    for name, explainer in explainers.items():
        evaluations = explainer.method.evaluations
        for attack_name, attack in attacks.items():
            steps = attack.optimizer.steps
            runs, builds = float(padded(tasks, levels, attack.rows)), builds + 1
            if steps > 1:
                runs += 2 * again + images * searches
                builds += bool(doubled) + bool(searches)
            forwards += runs * attack.forwards(explainer)
            if not isinstance(attack.optimizer, RandomSign):
                lines.append(
                    f"{name} under {attack_name}: {images} images x {levels} radii x {steps} "
                    f"steps x {evaluations} gradient{'s' if evaluations > 1 else ''} a map"
                )
    return Work(forwards, 0, builds, tuple(lines))


def padded(tasks: Sequence[Task], levels: int, rows: int) -> int:
    """Rows, an image at a radius, that are computed: those that fill up a chunk cost in full."""
    return sum(-(-len(task.positions) * levels // rows) * rows for task in tasks)


def padding(tasks: Sequence[Task], levels: int, rows: int) -> float:
    """The share of computed rows that only fill up the last chunk of each task."""
    computed = padded(tasks, levels, rows)
    images = sum(len(task.positions) for task in tasks)
    return 1 - images * levels / computed if computed else 0.0
