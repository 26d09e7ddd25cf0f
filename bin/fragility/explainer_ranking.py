"""How much of each explainer's map one attack leaves at one radius, all explainers together."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("explainer_ranking"))
