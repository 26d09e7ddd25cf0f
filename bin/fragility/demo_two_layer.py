"""The angle between gradient and most fragile direction in random two-layer networks."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("demo_two_layer"))
