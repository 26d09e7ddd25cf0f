"""The flags of `tf_fragile audit`, and what they run."""

from __future__ import annotations

import dataclasses
import sys
from typing import Any

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError


def define_flags() -> None:
    """Defines the command's flags; call once, before they are parsed."""
    flags.DEFINE_string(
        "model", "embedded", "A zoo name, a keras.applications name, or a .keras or .h5 file."
    )
    cli.define_model_code()
    flags.declare_key_flag("import")
    flags.declare_key_flag("unsafe_load")
    flags.DEFINE_string(
        "head",
        None,
        "What the outputs are, where they don't tell: logits, probabilities or regression.",
    )
    flags.DEFINE_string(
        "weights", None, "A file of weights, or 'random'; the shipped ones if none."
    )
    flags.DEFINE_string("data", "embedded", "embedded, folder:DIR, npz:FILE or tfds:NAME/SPLIT.")
    flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
    flags.DEFINE_string(
        "preprocessing",
        None,
        "How pixels become inputs; the zoo model's own, raw for a model file.",
    )
    flags.DEFINE_string(
        "classes", None, "A file that names the class of each output: one a line, or CSV."
    )
    flags.DEFINE_string(
        "resize",
        None,
        "stretch, crop, pad (as Keras' loader) or imagenet; the zoo model's own, stretch for a "
        "model file.",
    )
    flags.DEFINE_string(
        "interpolation", None, "bilinear, nearest, bicubic, area or another of tf.image.resize."
    )
    flags.DEFINE_string(
        "orientation", "ignore", "exif: turn pictures as their tags say; Keras ignores them."
    )
    flags.DEFINE_integer("num_images", 8, "How many images to attack; 0 for all.", lower_bound=0)
    flags.DEFINE_list("epsilon", ["1", "2", "4", "8"], "Radii in grey levels.")
    flags.DEFINE_list(
        "explainers",
        ["gradient", "integrated_gradients"],
        "Names, each maybe with settings: NAME:setting=value:...",
    )
    flags.DEFINE_list(
        "attacks", ["top_k"], "Attack objectives; random signs always run beside them."
    )
    flags.DEFINE_string(
        "budget", "quick", "quick, standard or paper: steps of attacks and points of paths."
    )
    flags.DEFINE_string(
        "optimizer", None, "annealed_momentum, sign or secant, instead of the budget's."
    )
    flags.DEFINE_integer("steps", None, "Steps of each attack, instead of the budget's.")
    flags.DEFINE_float("step_size", None, "Step of sign in grey levels, instead of the budget's.")
    flags.DEFINE_float(
        "beta", None, "Sharpness of the softplus surrogate; by the inputs' scale if none."
    )
    flags.DEFINE_integer(
        "k", None, "Of the top-k overlap; a tenth of the map, at most 1000, if none."
    )
    flags.DEFINE_integer(
        "plateau", 4, "Images attacked again with twice the steps; 0 for none.", lower_bound=0
    )
    flags.DEFINE_bool(
        "halving", False, "Search each image's smallest epsilon that halves the top-k overlap."
    )
    flags.DEFINE_bool("only_correct", True, "Leave out images that the model gets wrong.")
    flags.DEFINE_integer("gallery", 8, "Images shown in the report.", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "Of everything random.")
    flags.DEFINE_integer("shard_size", 4, "Images written together.", lower_bound=1)
    flags.DEFINE_integer("rows", 16, "Images times radii in memory at once.", lower_bound=1)
    flags.DEFINE_string(
        "out", "out/audit", "The run directory; an unfinished run there is finished."
    )


def main(argv: list[str]) -> int:
    """Runs the audit the flags ask for; returns the exit code."""
    if len(argv) > 1:
        raise InputError(f"Unexpected argument {argv[1]!r}; flags are written --name=value.")
    with cli.quiet_start():
        from tf_fragile.audit.run import run_audit
        from tf_fragile.audit.settings import AuditSettings
        from tf_fragile.probes.running import device

        device()
    given = flags.FLAGS
    names = {field.name for field in dataclasses.fields(AuditSettings)}
    defined = {name for name in names if name in given}
    chosen: dict[str, Any] = {name: given[name].value for name in defined}
    chosen |= {
        "imports": tuple(given["import"].value or ()),
        "num_images": given.num_images or None,
        "epsilon": tuple(_radius(text) for text in given.epsilon),
        "explainers": tuple(given.explainers),
        "attacks": tuple(given.attacks),
    }
    run_audit(
        AuditSettings(**chosen),
        given.out,
        data_dir=given.data_dir,
        gallery=given.gallery,
        command=sys.argv,
        say=lambda line: print(line, flush=True),
    )
    return 0


def _radius(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(
            f"--epsilon has {text!r}, which is no number; write --epsilon=1,2,4,8."
        ) from None
