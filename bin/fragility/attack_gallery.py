"""Images and maps before and after attacks, a picture for each explainer."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("attack_gallery"))
