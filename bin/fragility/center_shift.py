"""Centre shift of attacked maps on ImageNet, from the runs of imagenet_curves.py."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("center_shift"))
