"""Bounds on how fast the gradient can change beside the fastest change found."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("demo_lipschitz"))
