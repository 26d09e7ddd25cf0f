"""Overlap, rank correlation and centre shift of attacked maps on CIFAR-10."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("cifar_curves"))
