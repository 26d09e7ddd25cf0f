"""The same image under several attacks, with every metric beside the map it is about."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("objective_vs_subjective"))
