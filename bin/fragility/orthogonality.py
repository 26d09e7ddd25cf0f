"""Angles between the most fragile direction of a map and the gradient of the prediction."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("orthogonality"))
