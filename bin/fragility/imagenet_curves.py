"""Overlap and rank correlation of attacked maps on ImageNet, against the radius."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("imagenet_curves"))
