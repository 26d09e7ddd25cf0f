"""The flags of `tf_fragile audit`, and what they run."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from typing import Any

from absl import flags

from tf_fragile import cli
from tf_fragile.audit import given
from tf_fragile.errors import InputError

_PATHS = {"model", "weights", "classes"}
_COLUMNS = 120  # where there is no terminal to ask


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
    flags.DEFINE_string(
        "data",
        "embedded",
        "A folder of images (of classes), an .npz file, or embedded, folder:DIR, npz:FILE (or "
        "npz:FILE#IMAGES,LABELS) or tfds:NAME/SPLIT.",
    )
    flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
    flags.DEFINE_string(
        "preprocessing",
        None,
        "How pixels become inputs; the zoo model's own, raw for a model file.",
    )
    flags.DEFINE_string(
        "image_size", None, "HxW, for a model that takes images of any size, as in 224x224."
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
    flags.DEFINE_float(
        "file_limit", 1.2, "GB that a file may expand to in memory, by more than four times."
    )
    flags.DEFINE_integer("num_images", 8, "How many images to attack; 0 for all.", lower_bound=0)
    flags.DEFINE_list(
        "bounds",
        None,
        "LOW,HIGH of arrays (npz:FILE) that are stored as the model takes them, such as -1,1.",
    )
    flags.DEFINE_list(
        "bands",
        None,
        "Channels drawn as red, green and blue, or one drawn as grey; from 0. All, or their mean.",
    )
    flags.DEFINE_list(
        "epsilon",
        None,
        "Radii in grey levels, or with --bounds in units of the data; 1,2,4,8 255ths of the range.",
    )
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
    flags.DEFINE_float(
        "step_size", None, "Step of sign in units of --epsilon, instead of the budget's."
    )
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
    flags.DEFINE_integer(
        "gallery",
        8,
        "Images shown in the report: the worst, the median and the best of those attacked.",
        lower_bound=0,
    )
    flags.DEFINE_integer("seed", 0, "Of everything random.")
    flags.DEFINE_integer("shard_size", 4, "Images written together.", lower_bound=1)
    flags.DEFINE_integer("rows", 16, "Images times radii in memory at once.", lower_bound=1)
    flags.DEFINE_string(
        "out", "out/audit", "The run directory; an unfinished run there is finished."
    )
    flags.DEFINE_enum(
        "progress",
        "auto",
        ["auto", "off"],
        "Bars on a terminal, and elsewhere a line now and then; or off.",
    )


def main(argv: list[str]) -> int:
    """Runs the audit the flags ask for; returns the exit code."""
    if len(argv) > 1:
        raise InputError(f"Unexpected argument {argv[1]!r}; flags are written --name=value.")
    values = flags.FLAGS
    out = given.directory(values.out)
    if values.progress == "off":
        os.environ["TQDM_DISABLE"] = "1"  # of all bars, that of reading a folder among them
    with cli.quiet_start():
        from tf_fragile.audit.run import run_audit
        from tf_fragile.audit.settings import AuditSettings
        from tf_fragile.data.specs import understood
        from tf_fragile.probes.running import device

        device()
    names = {field.name for field in dataclasses.fields(AuditSettings)}
    chosen: dict[str, Any] = {name: values[name].value for name in names if name in values}
    for name in _PATHS & chosen.keys():
        chosen[name] = given.path(chosen[name])
    bounds = None if values.bounds is None else given.bounds(values.bounds)
    chosen |= {
        "data": understood(values.data),
        "imports": tuple(given.path(target) for target in values["import"].value or ()),
        "image_size": given.image_size(values.image_size),
        "num_images": values.num_images or None,
        "bounds": bounds,
        "bands": None if values.bands is None else given.bands(values.bands),
        "epsilon": None if values.epsilon is None else given.radii(values.epsilon, bounds),
        "explainers": tuple(values.explainers),
        "attacks": tuple(values.attacks),
    }
    if chosen["data"] != values.data:
        cli.say(f"--data={values.data} is taken for {chosen['data']}")
    run_audit(
        AuditSettings(**chosen),
        out,
        data_dir=given.path(values.data_dir),
        gallery=values.gallery,
        command=sys.argv,
        say=cli.say,
        progress=values.progress == "auto",
        width=shutil.get_terminal_size((_COLUMNS, 24)).columns,
    )
    return 0
