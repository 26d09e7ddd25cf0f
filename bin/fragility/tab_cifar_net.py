"""The layers of the CIFAR-10 network beside the published ones, and its accuracies."""

from __future__ import annotations

import sys
from pathlib import Path

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared
from tf_fragile.experiments.fragility.geometry import flags as geometry_flags

FIGURE = "tab_cifar_net"
_WEIGHTS = flags.DEFINE_list(
    "weights", None, "Trained weights, manifests beside them; the first, with ReLUs, is measured."
)
cli.define_width(0.25, "Width factor of the trained weights.")
_DATA = flags.DEFINE_string("data", "tfds:cifar10/test", "Test images, where there are weights.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
geometry_flags.define(FIGURE, seed="Of the choice of test images.")


def main(argv: list[str]) -> None:
    """Makes the table."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    settings = geometry_flags.settings(given, FIGURE)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.curves.cifar import MODEL
    from tf_fragile.experiments.fragility.geometry.cifar_net import tab_cifar_net
    from tf_fragile.experiments.fragility.geometry.output import Request
    from tf_fragile.experiments.fragility.subject import open_subject

    weights = [Path(text) for text in _WEIGHTS.value or ()]
    subject = None
    if weights:
        subject = open_subject(
            MODEL,
            weights=str(weights[0]),
            data=_DATA.value,
            data_dir=_DATA_DIR.value,
            width=given.width,
        )
    request = Request(shared.output(given), given.seed, shared.command(sys.argv))
    tab_cifar_net(settings, request, subject=subject, weights=weights)


if __name__ == "__main__":
    cli.run(main)
