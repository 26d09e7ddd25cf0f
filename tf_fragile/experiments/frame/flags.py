"""The flags of a figure: those that all have, those of its settings, network and data."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.experiments.frame.asked import Asked, Images
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.presets import PRESET_NAMES, overridden

T = TypeVar("T", int, float)
DATA = "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."


def define(name: str, figure: Figure) -> None:
    """Defines all flags of a figure; call once, before they are parsed."""
    before = set(flags.FLAGS)
    flags.DEFINE_enum("preset", "cpu", PRESET_NAMES, "How much work; single flags override it.")
    said = "Output directory; PRESET stands for the preset's name."
    flags.DEFINE_string("out", figure.out.replace("NAME", name), said)
    cli.define_seed(figure.seed)
    if figure.images is not None:
        _define_images(figure.images)
    if figure.flags is None:
        cli.define_settings(type(figure.presets["cpu"]), defaults=False)
    else:
        figure.flags.define()
    if figure.more is not None:
        figure.more.define()
    # absl lists the flags of the program's own file in its help, wherever they are defined.
    for flag in set(flags.FLAGS) - before:
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flags.FLAGS[flag])


def asked(name: str, figure: Figure, given: Any) -> Asked:
    """The figure that the parsed flags ask for.

    Raises:
      InputError: a value that can't be read or makes no sense, naming the flag.
    """
    if figure.flags is not None:
        settings = figure.flags.read(given)
    else:
        kind = type(figure.presets["cpu"])
        settings = overridden(figure.presets, given.preset, **cli.given_settings(kind))
    images = figure.images
    model = "" if images is None else given.model if images.chosen else images.model
    more = None if figure.more is None else figure.more.read(given)
    return Asked(name, settings, given, more, model)


def output(figure: Figure, given: Any) -> Path:
    """The output directory, the capital names of flags in it replaced by their values."""
    path: str = given.out
    for flag in figure.stands_for:
        path = path.replace(flag.upper(), given[flag].value)
    return Path(path)


def _define_images(images: Images) -> None:
    if images.chosen:
        flags.DEFINE_string("model", images.model, "A network of the zoo.")
    flags.DEFINE_string("data", images.data, DATA, required=images.data is None)
    flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
    kind = flags.DEFINE_list if images.several_weights else flags.DEFINE_string
    kind("weights", None, images.weights, required=images.weights_needed)
    cli.define_cache()


def numbers(flag: str, texts: Sequence[str] | None, kind: Callable[[str], T]) -> tuple[T, ...]:
    """The numbers of a comma-separated flag.

    Raises:
      InputError: naming the flag and what is no number.
    """
    return tuple(number(flag, text, kind) for text in texts or ())


def number(flag: str, text: str, kind: Callable[[str], T]) -> T:
    """The number of a flag; raises `InputError` naming it."""
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"--{flag} has {text!r}, which is not a number of its kind.") from None
