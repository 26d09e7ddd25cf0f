"""The flags that the figures share, and what they amount to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.figures import preset
from tf_fragile.experiments.fragility.presets import PRESET_NAMES, Preset

if TYPE_CHECKING:
    from tf_fragile.experiments.fragility.curves.comparison import Comparison
    from tf_fragile.experiments.fragility.images.request import Request

T = TypeVar("T", int, float)
_BUDGETS = ("budget", "own")  # whose flags may have a value for each method


def define(out: str, *, data: str | None, weights: str) -> None:
    """Defines the shared flags; call once, before they are parsed.

    Args:
      out: default of the output directory; `PRESET` in it stands for the preset's name.
      data: default of the data; `None` where they must be given.
      weights: what is said about the weights.
    """
    flags.DEFINE_enum("preset", "cpu", PRESET_NAMES, "How much work; single flags override it.")
    kinds = "folder:DIR, npz:FILE, tfds:NAME/SPLIT or embedded."
    flags.DEFINE_string("data", data, kinds, required=data is None)
    flags.DEFINE_string("data_dir", None, "Where prepared TFDS data sets lie.")
    flags.DEFINE_string("weights", None, weights)
    flags.DEFINE_string("out", out, "Output directory; PRESET stands for the preset's name.")
    cli.define_seed("Of the choice of images and of the random signs.")
    cli.define_settings(Preset, leave_out=_BUDGETS, defaults=False)
    each = "one value, or METHOD=VALUE,..."
    flags.DEFINE_list("num_images", None, f"Correctly classified images: {each}")
    flags.DEFINE_list("steps", None, f"Steps of each attack: {each}")
    flags.DEFINE_list("step_size", None, f"In grey levels: {each}")
    flags.DEFINE_integer("ig_steps", None, "Path points of integrated gradients.")
    flags.DEFINE_string("ig_rule", None, "right, left, trapezoid or gauss_legendre.")


def define_pictures() -> None:
    """Defines, besides the shared flags, those of a figure that shows single images."""
    flags.DEFINE_string("model", "squeezenet_v1.0", "A network of the zoo.")
    flags.DEFINE_list(
        "samples", None, "Positions of the images; confidently right ones drawn by --seed if none."
    )


def preset_of(given: Any, figure: str) -> Preset:
    """The preset that the parsed flags ask for.

    Raises:
      InputError: a value that can't be read or makes no sense, naming the flag.
    """
    return preset(
        figure,
        given.preset,
        **cli.given_settings(Preset, leave_out=_BUDGETS),
        num_images=by_method("num_images", given.num_images, int),
        steps=by_method("steps", given.steps, int),
        step_size=by_method("step_size", given.step_size, float),
        ig_steps=given.ig_steps,
        ig_rule=given.ig_rule,
    )


def output(given: Any) -> Path:
    """The output directory that the parsed flags ask for."""
    return output_of(given.out, PRESET=given.preset)


def output_of(path: str, **names: str) -> Path:
    """An output directory with every capital word in it replaced by what it stands for."""
    for word, name in names.items():
        path = path.replace(word, name)
    return Path(path)


def numbers(flag: str, texts: Sequence[str] | None, kind: Callable[[str], T]) -> tuple[T, ...]:
    """The numbers of a comma-separated flag.

    Raises:
      InputError: naming the flag and what is no number.
    """
    return tuple(_number(flag, text, kind) for text in texts or ())


def request_of(given: Any, figure: str, argv: Sequence[str]) -> Request:
    """The figure of single images that the parsed flags ask for; opens network and data.

    Raises:
      InputError: a value that can't be read or makes no sense, naming the flag.
    """
    wanted, samples = preset_of(given, figure), numbers("samples", given.samples, int)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    from tf_fragile.experiments.fragility.images.request import Request
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(
        given.model, weights=given.weights, data=given.data, data_dir=given.data_dir
    )
    return Request(subject, wanted, output(given), samples, given.seed, command(argv))


def compare_on_squeezenet(
    given: Any, wanted: Preset, comparison: Comparison, argv: Sequence[str]
) -> None:
    """Makes a figure of curves from the parsed flags; opens network and data.

    Raises:
      InputError: weights or data that can't be used, or an output that holds other runs.
    """
    from tf_fragile.experiments.fragility.curves.comparison import compare
    from tf_fragile.experiments.fragility.curves.imagenet import MODEL
    from tf_fragile.experiments.fragility.subject import open_subject

    subject = open_subject(MODEL, weights=given.weights, data=given.data, data_dir=given.data_dir)
    compare(comparison, subject, wanted, output(given), seed=given.seed, command=command(argv))


def by_method(
    flag: str, texts: Sequence[str] | None, kind: Callable[[str], T]
) -> T | dict[str, T] | None:
    """A flag's one value for all methods, or its values by method.

    Raises:
      InputError: naming the flag and what can't be read.
    """
    if not texts:
        return None
    if len(texts) == 1 and "=" not in texts[0]:
        return _number(flag, texts[0], kind)
    values = {}
    for text in texts:
        method, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--{flag} has {text!r}; give one value, or METHOD=VALUE for each.")
        values[method] = _number(flag, value, kind)
    return values


def _number(flag: str, text: str, kind: Callable[[str], T]) -> T:
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"--{flag} has {text!r}, which is not a number of its kind.") from None


def command(argv: Sequence[str]) -> tuple[str, ...]:
    """The command line as manifests keep it: the program's file name and its arguments."""
    return (Path(argv[0]).name, *argv[1:])


def refuse_arguments(argv: Sequence[str]) -> None:
    """Raises `InputError` for anything on the command line that is no flag."""
    if len(argv) > 1:
        raise InputError(f"The argument {argv[1]!r} is not understood; write --name=value.")
