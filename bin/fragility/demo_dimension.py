"""How far one softplus unit's map can be changed, against the dimension of its input."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("demo_dimension"))
