"""Command lines of the audit and of the figures, read in process up to where a model is opened."""

from __future__ import annotations

import contextlib
import io
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest import mock

from absl import flags

NUMBERS = (
    "0", "-1", "1", "2", "1.5", "1e3", "nan", "inf", "-inf", "1e400", "1e300", "1e-320", "abc", "",
    " ", "True", "1,1", "1,,2", "0x10", "1000000000", "1099511627776", "9" * 400, "1/255", "5%",
    "none", "None", "'1'", "１", "1\x00", "\x1b[31m",
)  # fmt: skip
WORDS = ("", " ", "abc", "0", "nan", "true", "None", "gradient", "sgn", "\x1b[31m", "x" * 3000, ",")


@dataclass(frozen=True)
class Flag:
    """What one flag may be.

    Attributes:
      good: texts that have a meaning.
      may: whether a text has one; `None` where this oracle has no opinion.
      with_it: flags that a good value needs besides.
    """

    good: tuple[str, ...]
    may: Callable[[str], bool | None]
    pool: tuple[str, ...] = NUMBERS
    with_it: tuple[str, ...] = ()


def whole(low: int, *good: str, high: int = 2**31 - 1, with_it: tuple[str, ...] = ()) -> Flag:
    def may(text: str) -> bool | None:
        try:
            return low <= int(text) <= high and text.strip() != "" and (text.isascii() or None)
        except ValueError:
            return None if text in ("0x10", "none", "None") else False

    return Flag(good, may, with_it=with_it)


def real(low: float, *good: str, high: float = 1e30, with_it: tuple[str, ...] = ()) -> Flag:
    def may(text: str) -> bool | None:
        try:
            return max(low, 1e-30) <= float(text) <= high and (text.isascii() or None)
        except ValueError:
            return None if text in ("none", "None") else False

    return Flag(good, may, with_it=with_it)


def word(*known: str, with_it: tuple[str, ...] = ()) -> Flag:
    def may(text: str) -> bool | None:
        return None if text in ("None", "none") else text in known

    return Flag(known, may, WORDS, with_it)


def truth() -> Flag:
    words = ("true", "false", "1", "0", "t", "f")
    return Flag(("true", "false"), lambda text: text.lower() in words, (*WORDS, *NUMBERS))


def never(*texts: str, with_it: tuple[str, ...] = ()) -> Flag:
    """What another setting makes useless, or what no command line can say."""
    return Flag(texts, lambda text: False, texts, with_it)


def listed(one: Flag, distinct: bool = True) -> Flag:
    def may(text: str) -> bool | None:
        parts = [part.strip() for part in text.split(",")]
        said = [one.may(part) for part in parts]
        if (distinct and len(set(parts)) < len(parts)) or False in said:
            return False
        return None if None in said else True

    return Flag((*one.good, ",".join(dict.fromkeys(one.good))), may, one.pool, one.with_it)


SIGN, FOLDER = ("--optimizer=sign",), ("--data=folder:photos",)
SPECS = (
    "integrated_gradients:steps=abc", "integrated_gradients:steps=1000000000",
    "integrated_gradients:steps=0", "integrated_gradients:steps=2.5", "integrated_gradients:steps",
    "integrated_gradients:stepz=3", "integrated_gradients:rule=rigth",
    "integrated_gradients:baseline=abc", "integrated_gradients:baseline=nan",
    "integrated_gradients:steps=3:steps=4", "integrated_gradients:", "integrated_gradients:=3",
    "integrated_gradients:rule=3", "grad_cam:relu=maybe", "grad_cam:channel_axis=7",
    "grad_cam:normalise=2", "smoothgrad:statistic=foo", "smoothgrad:samples=True",
    "smoothgrad:noise_level=nan", "smoothgrad:noise_level=1e300", "smoothgrad:base=foo",
    "vargrad:samples=-1", "lrp_epsilon:epsilon=nan", "lrp_epsilon:epsilon=abc",
    "lrp_epsilon:bias=Fasle", "lrp_alpha_beta:alpha=nan",
    "lrp_zero:low=0", "lrp_zbox:low=a:high=1", "deeplift_rescale:threshold=0",
    "deeplift_rescale:reference=abc", "rectgrad:q=101", "rectgrad:q=nan", "pattern_net:head=two",
    "gradient:x=1", "gradeint", "guided_backprop:head=two", "excitation_backprop:contrastive=no",
    "integrated_gradients:rule=gauss_legendre:steps=90000", "gradient,gradient",
    "deeplift_rescale:references=3",
)  # fmt: skip
GOOD_SPECS = (
    "gradient", "integrated_gradients:steps=8", "grad_cam:relu=False", "grad_cam:relu=true",
    "smoothgrad:statistic=variance:samples=3", "lrp_epsilon:epsilon=1e-3:bias=false",
    "lrp_zbox:low=0:high=255", "lrp_zero:first=flat", "deeplift_rescale:reference=0.5",
    "integrated_gradients:baseline=-1", "lrp_alpha_beta:alpha=1:beta=0", "rectgrad:q=90",
    "excitation_backprop:contrastive=1", "smoothgrad:base=gradient_x_input", "gradient,vargrad",
    "lrp_zbox", "lrp_zero:first=box", "smoothgrad:base=lrp_zbox", "pattern_net",
)  # fmt: skip
EXPLAINERS = Flag(GOOD_SPECS, lambda text: text in GOOD_SPECS, (*SPECS, *WORDS))
RADIUS = real(1, "1", "2", "8", high=255)
AUDIT: dict[str, Flag] = {
    "steps": whole(1, "1", "30", high=100_000),
    "seed": whole(0, "0", "7"),
    "rows": whole(1, "1", "64", high=65_536),
    "shard_size": whole(1, "1", "8", high=65_536),
    "k": whole(1, "10"),
    "plateau": whole(0, "0", "4"),
    "gallery": whole(0, "0", "4"),
    "num_images": whole(0, "0", "8"),
    "epsilon": listed(RADIUS),
    "step_size": real(0, "0.5", "1", with_it=SIGN),
    "beta": real(0, "1", "10", high=1e6, with_it=SIGN),
    "optimizer": word("annealed_momentum", "sign", "secant"),
    "budget": word("quick", "standard", "paper"),
    "head": word("logits", "probabilities", "regression"),
    "resize": word("stretch", "crop", "pad", with_it=FOLDER),
    "interpolation": word("bilinear", "nearest", "bicubic", "area", with_it=FOLDER),
    "orientation": word("ignore", "exif", with_it=FOLDER),
    "preprocessing": word("raw", "unit"),
    "attacks": listed(word("top_k", "mass_center", "soft_rank", "distance")),
    "progress": word("auto", "off"),
    "halving": truth(),
    "only_correct": truth(),
    "unsafe_load": truth(),
    "explainers": EXPLAINERS,
    "image_size": Flag(
        ("224x224", "32", "8x9"), lambda text: text in ("224x224", "32", "8x9", "1", "2"),
        ("0x0", "-1", "x", "1x", "1e3", "", "nan", "99999999999x1", "2"),
    ),
    "bounds": Flag(
        ("-1,1", "0,1"), lambda text: text in ("-1,1", "0,1"),
        ("", "1", "1,0", "0,0", "nan,1", "0,inf", "a,b", "0,1,2", "-1e300,1e300", "1e400,1"),
        ("--data=npz:a.npz",),
    ),
    "bands": listed(whole(0, "0", "1", "2", high=65_535), distinct=False),
    "out": Flag(("out/none",), lambda text: None if text.strip() else False, ("", " ")),
    "model": Flag(
        ("embedded",), lambda text: None if text in ("embedded", "nowhere.keras") else False,
        ("", " ", "embeded", "nowhere.keras", "\x1b[31m", "0", "x" * 3000),
    ),
}  # fmt: skip
AUDIT |= {
    "probes": listed(word("fragility", "all")),
    "readout": word("sum_abs", "abs_max", "positive_sum", "abs_sum", "entries"),
    "fragility.steps": whole(1, "3", high=100_000),
    "fragility.halving": truth(),
    "curvature.tolerance": Flag(
        ("0.01",), lambda text: None if text in ("none", "None", "１") else _below_one(text),
        with_it=("--probes=fragility,curvature",),
    ),
}  # fmt: skip


def _below_one(text: str) -> bool:
    try:
        return 1e-15 <= float(text) < 1
    except ValueError:
        return False


USELESS: dict[str, Flag] = {
    "step_size": never("0.5", "0", "nan", with_it=("--optimizer=annealed_momentum",)),
    "beta": never("1", "nan", with_it=("--optimizer=secant",)),
    "data_dir": never("/tmp", with_it=("--data=embedded",)),
    "halving": never("true", with_it=("--epsilon=8",)),
    "resize": never("crop", "stretch", with_it=("--data=embedded",)),
    "orientation": never("exif", with_it=("--data=npz:a.npz",)),
    "attacks": never("random_sign", "target_map", "target_region", "topk", "top_k,top_k"),
    "epsilon": never("0.5", "1/255", "1e9", "300", "1,1", "-4,8"),
    "bounds": never("-1,1", with_it=("--data=embedded",)),
    "nonsense": never("1", ""),
    "fragility.nonsense": never("1", ""),
    "nobody.steps": never("1", ""),
    "curvature.beta": never("1", "nan"),
    "probes": never("curvature", "all,curvature", with_it=("--steps=3",)),
    "epsilonn": never("4"),
}
FIGURE: dict[str, Flag] = {
    "preset": word("quick", "cpu", "paper"),
    "seed": whole(0, "0", "7"),
    "k": whole(1, "10"),
    "beta": real(0, "1", high=1e6),
    "shard_size": whole(1, "1", high=65_536),
    "rows": whole(1, "8", high=65_536),
    "select": word("objective", "intersection", "correlation", "center_shift"),
    "random": word("one_shot", "walk"),
    "steps": whole(1, "3", high=100_000),
    "step_size": real(0, "0.5"),
    "num_images": whole(1, "3"),
    "ig_steps": whole(1, "8", high=100_000),
    "ig_rule": word("right", "left", "trapezoid", "gauss_legendre", "stratified"),
    "methods": listed(word("gradient", "integrated_gradients")),
    "epsilon": Flag(
        ("1", "1,2"), lambda text: None if text in ("0x10", "１", "1e-320") else text in _RISING,
        NUMBERS,
    ),
}  # fmt: skip
_RISING = ("1", "1,2", "2", "1.5")
for _name in ("steps", "step_size", "num_images", "methods", "ig_steps", "ig_rule", "epsilon"):
    _flag = FIGURE[_name]
    # A list without anything in it is none, and whose default the preset has.
    FIGURE[_name] = Flag(_flag.good, lambda t, f=_flag: f.may(t) if t.strip() else None, _flag.pool)
GEOMETRY: dict[str, dict[str, Flag]] = {
    "demo_dimension": {
        "dims": Flag(
            ("10,20",), lambda t: None if t.strip() in _ROUGH else t in ("10,20", "1", "2")
        ),
        "draws": whole(1, "3", high=100_000), "seed": whole(0, "0"), "preset": FIGURE["preset"],
    },
    "demo_lipschitz": {
        "width": whole(1, "8", high=100_000), "nets": whole(1, "2", high=100_000),
        "seed": whole(0, "0"), "starts": whole(1, "2", high=100_000),
    },
    "explainer_ranking": {
        "steps": whole(1, "3", high=100_000), "epsilon": real(0, "2", high=255),
        "samples": whole(1, "2", high=100_000), "points": whole(1, "4", high=1000),
        "rows": whole(1, "4", high=65_536), "seed": whole(0, "0"),
        "methods": Flag(("gradient",), lambda t: None if not t.strip() else t == "gradient", WORDS),
    },
    "budget_curve": {
        "num_images": whole(1, "3"), "sign_steps": whole(1, "3", high=100_000),
        "epsilon": real(0, "2", high=255), "seed": whole(0, "0"),
        "width": real(0, "0.25", high=16), "sign_surrogate": word("softplus", "none"),
    },
}  # fmt: skip
_ROUGH = ("0x10", "１", "1\x00", "", "none", "None")
NEEDED = {
    "attack_examples": ("--data=embedded", "--model=embedded"),
    "explainer_ranking": ("--data=embedded", "--model=embedded"),
    "budget_curve": ("--data=embedded", "--weights=w.npz"),
}


@dataclass(frozen=True)
class Line:
    """One command line: of which program, what, and whether it has a meaning."""

    program: str
    arguments: tuple[str, ...]
    name: str
    means: bool | None


def lines(count: int, seed: int) -> Iterator[Line]:
    """So many command lines, most of the audit."""
    rng = random.Random(seed)
    programs = ("audit",) * 5 + ("attack_examples",) * 2 + tuple(GEOMETRY)
    for number in range(count):
        program = programs[number % len(programs)]
        table: dict[str, Flag] = AUDIT if program == "audit" else GEOMETRY.get(program, FIGURE)
        if program == "audit" and rng.random() < 0.12:
            table = USELESS
        name = rng.choice([*table, *["explainers"] * 6 * (table is AUDIT)])
        flag = table[name]
        text = rng.choice(flag.pool if rng.random() < 0.7 else flag.good)
        means = flag.may(text)
        yield Line(
            program, (f"--{name}={text}", *flag.with_it, *NEEDED.get(program, ())), name, means
        )


class Opened(BaseException):
    """A model or data would be opened now: everything that was said has been accepted."""


class Reader:
    """Runs a program's `main` on arguments as the shell gives them, up to `Opened`."""

    def __init__(self) -> None:
        self.defined: tuple[str, ...] = ()

    def __call__(self, line: Line) -> tuple[int | None, str]:
        """The exit code, `None` where a model would be opened, and stderr."""
        from tf_fragile import cli

        main = self._main(line.program)
        flags.FLAGS.unparse_flags()
        for name in flags.FLAGS:
            flags.FLAGS[name].unparse()
        said = io.StringIO()
        argv = [line.program, *line.arguments]
        with contextlib.redirect_stderr(said), mock.patch.object(sys, "argv", argv), _doors():
            try:
                code: int | None = cli._guarded(main, cli._parse(argv), "interrupted")
            except Opened:
                code = None
            except SystemExit as end:
                code = int(end.code or 0)
        return code, said.getvalue()

    def _main(self, program: str) -> Any:
        """The program's main, its flags and no other's defined."""
        self.forget()
        before = set(flags.FLAGS)
        if program == "audit":
            from tf_fragile.audit import command

            command.define_flags()
            main = command.main
        else:
            from tf_fragile.experiments.binary import figure

            main = figure(program)
        self.defined = tuple(set(flags.FLAGS) - before)
        return main

    def forget(self) -> None:
        """Takes the flags of the last program back: no other code of this process sees them."""
        for name in self.defined:
            delattr(flags.FLAGS, name)
        self.defined = ()


@contextlib.contextmanager
def _doors() -> Iterator[None]:
    """Everything that would open a model, or begin to work, raises `Opened`."""
    with contextlib.ExitStack() as stack:
        for place in (
            "tf_fragile.models.zoo.load",
            "tf_fragile.experiments.frame.subject.open_subject",
            "tf_fragile.experiments.frame.running.make_directory",
        ):
            stack.enter_context(mock.patch(place, side_effect=Opened()))
        stack.enter_context(mock.patch("tf_fragile.audit.run.held", contextlib.nullcontext))
        stack.enter_context(mock.patch("tf_fragile.cli.quiet_start", contextlib.nullcontext))
        yield
