"""Damage against evaluations for every optimiser, on the same images and at the same radius."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("budget_curve"))
