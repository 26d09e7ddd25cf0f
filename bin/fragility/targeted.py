"""Draws the map of one image into a region that has nothing to do with its label."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("targeted"))
