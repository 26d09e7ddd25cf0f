"""A network of two inputs whose gradient turns within a small box around a point."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("intuition"))
