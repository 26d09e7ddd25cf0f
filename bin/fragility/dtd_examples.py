"""Images and their deep Taylor maps before and after attacks."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("dtd_examples"))
