"""Draws the map of one image into a region that has nothing to do with its label."""

from __future__ import annotations

import sys

from absl import flags

from tf_fragile import cli
from tf_fragile.experiments.fragility import flags as shared

_MODEL = flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
_SAMPLE = flags.DEFINE_integer(
    "sample", None, "Position of the image; the first trailer truck if none.", lower_bound=0
)
_REGION = flags.DEFINE_list("region", None, "x0,y0,x1,y1 in pixels, instead of a superpixel.")
_MASK = flags.DEFINE_string("mask", None, "A picture whose bright pixels are the region.")
shared.define("out/figures/targeted/PRESET", data=None, weights="Weights of the network.")


def main(argv: list[str]) -> None:
    """Makes the figure."""
    shared.refuse_arguments(argv)
    given = flags.FLAGS
    preset = shared.preset_of(given, "targeted")
    region = shared.numbers("region", _REGION.value, int)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.targeted import targeted
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(
        _MODEL.value, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    targeted(
        subject,
        preset,
        shared.output(given),
        sample=_SAMPLE.value,
        region=region,
        mask=_MASK.value,
        seed=given.seed,
        command=shared.command(sys.argv),
    )


if __name__ == "__main__":
    cli.run(main)
