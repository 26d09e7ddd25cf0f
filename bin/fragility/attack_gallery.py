"""Images and maps before and after attacks, a picture for each explainer."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

shared.define_pictures()
shared.define("out/figures/attack_gallery/PRESET", data=None, weights="Weights of the network.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    request = shared.request_of(flags.FLAGS, "gallery", sys.argv)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.gallery import attack_gallery

    attack_gallery(request)


if __name__ == "__main__":
    cli.run(main)
