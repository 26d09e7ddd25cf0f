"""The layers of the CIFAR-10 network beside the published ones, and its accuracies."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.experiments.binary import figure

if __name__ == "__main__":
    cli.run(figure("tab_cifar_net"))
