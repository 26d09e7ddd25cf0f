from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pytest
from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError, shown, unknown_name
from tf_fragile.settings import check, described, is_default, is_numeric, setting

WORDS = ("left", "right")


@dataclass(frozen=True)
class Path:
    steps: int = setting(5, low=1, high=100_000, help="Points.")
    length: float = setting(0.5, above=0, high=10, unit="in input units", help="Of a step.")
    share: float | None = setting(None, above=0, below=1)
    level: int | None = setting(None, low=2)
    clip: bool = False
    rule: str = setting("left", choices=lambda: WORDS, named="quadrature rule")
    way: Literal["up", "down"] | None = None
    radii: tuple[float, ...] = setting((1.0,), low=0, distinct=True)
    ends: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    start: Any = setting(0.0, values=True)
    layer: str | None = None
    size: int | None = setting(None, low=1, read=lambda text: int(text.removesuffix("px")))

    def __post_init__(self) -> None:
        check(self)


class Wordless:
    def __repr__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"steps": 0}, "steps of Path is 0; give a whole number from 1 to 100,000."),
        ({"steps": True}, "steps of Path is True; give a whole number from 1 to 100,000."),
        ({"steps": 5.0}, "steps of Path is 5.0; give a whole number from 1 to 100,000."),
        ({"steps": "5"}, "steps of Path is '5'; give a whole number from 1 to 100,000."),
        ({"steps": None}, "steps of Path is None; give a whole number from 1 to 100,000."),
        ({"steps": np.bool_(True)}, "steps of Path is np.True_; give a whole number"),
        ({"steps": np.ones(2, int)}, "steps of Path is an array of shape (2,); give a whole"),
        ({"steps": 10**9}, "steps of Path is 1000000000; give a whole number from 1 to 100,000."),
        (
            {"length": float("nan")},
            "length of Path is nan; give a finite number above 0 and at most 10 in input units.",
        ),
        ({"length": float("inf")}, "length of Path is inf; give a finite number above 0"),
        ({"length": True}, "length of Path is True; give a finite number above 0"),
        ({"length": 1 + 0j}, "length of Path is (1+0j); give a finite number above 0"),
        ({"length": np.complex64(1)}, "give a finite number above 0"),
        ({"length": 10**400}, "length of Path is 1000"),
        ({"length": 10**5000}, "length of Path is "),
        ({"length": Wordless()}, "length of Path is "),
        ({"share": 1}, "share of Path is 1; give a finite number above 0 and below 1, or None."),
        ({"level": 1}, "level of Path is 1; give a whole number of at least 2, or None."),
        ({"clip": "False"}, "clip of Path is 'False'; give True or False."),
        ({"clip": 0}, "clip of Path is 0; give True or False."),
        ({"rule": "rigth"}, "Unknown quadrature rule 'rigth'; did you mean right?"),
        ({"rule": 3}, "rule of Path is 3; give one of left, right."),
        ({"rule": ""}, "rule of Path is empty; give one of left, right."),
        ({"way": "upp"}, "Unknown way 'upp'; did you mean up?"),
        ({"radii": ()}, "radii of Path is empty; give at least one."),
        ({"radii": (1, 1.0)}, "radii of Path names one twice: 1, 1; give each once."),
        ({"radii": 3}, "radii of Path is 3; give values, each a finite number of at least 0."),
        ({"radii": "12"}, "radii of Path is '12'; give values, each a finite number"),
        ({"radii": (1, "2")}, "radii of Path is '2'; give values, each a finite number"),
        ({"ends": (1, 2, 3)}, "ends of Path is (1, 2, 3); give 2 values, each a finite number"),
        ({"start": "a"}, "start of Path is 'a'; give finite numbers."),
        ({"start": None}, "start of Path is None; give finite numbers."),
        ({"start": [1.0, None]}, "start of Path is [1.0, None]; give finite numbers."),
        ({"start": np.array([np.inf])}, "start of Path is an array of shape (1,); give finite"),
        ({"start": True}, "start of Path is True; give finite numbers."),
        ({"layer": " "}, "layer of Path is empty; give a text, or None."),
    ],
)
def test_what_may_not_be_is_refused_by_its_name_and_told_what_to_give(given, sentence) -> None:
    with pytest.raises(InputError) as error:
        Path(**given)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("steps", np.int64(7), 7),
        ("steps", np.array(7), 7),
        ("length", np.float32(0.5), 0.5),
        ("length", 2, 2),
        ("clip", np.bool_(True), True),
        ("rule", np.str_("right"), "right"),
        ("radii", [1, np.float64(2)], (1, 2.0)),
        ("share", None, None),
        ("names", (), ()),
    ],
)
def test_scalars_of_numpy_become_pythons(name: str, value: Any, kept: Any) -> None:
    found = getattr(Path(**{name: value}), name)
    assert found == kept and type(found) is type(kept)


def test_arrays_and_nestings_of_numbers_are_kept_as_they_are() -> None:
    for value in (np.zeros(3), [1, [2.0]], {"a": np.ones(2), "b": 3}, np.array([True, False])):
        assert Path(start=value).start is value
    assert not is_numeric([]) and not is_numeric({})


def test_a_manifest_is_what_it_was() -> None:
    assert asdict(Path(steps=3, length=1))["length"] == 1
    assert type(asdict(Path(length=1))["length"]) is int
    assert replace(Path(steps=3), clip=True).steps == 3


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("steps", "12", 12),
        ("length", "1e-1", 0.1),
        ("length", "2", 2),
        ("clip", "False", False),
        ("clip", "t", True),
        ("share", "none", None),
        ("way", "none", None),
        ("layer", "none", "none"),  # a layer may be called so
        ("radii", "1, 2.5", (1, 2.5)),
        ("size", "3px", 3),
        ("start", "0.5", 0.5),
    ],
)
def test_a_text_of_a_command_line_is_read_as_its_kind(name: str, text: str, value: Any) -> None:
    found = described(Path)[name].from_text(text, f"--{name}")
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("steps", "abc", "--steps is 'abc'; give a whole number from 1 to 100,000."),
        ("steps", "2.0", "--steps is '2.0'; give a whole number from 1 to 100,000."),
        ("steps", "", "--steps is empty; give a whole number from 1 to 100,000."),
        ("length", "nan", "--length is nan; give a finite number above 0"),
        ("clip", "maybe", "--clip is 'maybe'; give True or False."),
        ("rule", "rigth", "Unknown quadrature rule 'rigth'; did you mean right?"),
        ("radii", "1,,2", "--radii is empty; give values, each a finite number"),
        ("radii", "", "--radii is empty; give at least one."),
        ("start", "abc", "--start is 'abc'; give finite numbers."),
    ],
)
def test_a_text_that_is_none_of_its_kind_is_refused(name: str, text: str, sentence: str) -> None:
    with pytest.raises(InputError) as error:
        described(Path)[name].from_text(text, f"--{name}")
    assert sentence in str(error.value)


def test_a_maker_is_described_as_what_it_makes() -> None:
    made = described(partial(Path, steps=3))
    assert (made["steps"].default, made["steps"].high) == (3, 100_000)

    def make(points: int = 4, clip: bool = True) -> Path:
        return Path(points, clip=clip)

    assert {name: (one.kind, one.default) for name, one in described(make).items()} == {
        "points": ("int", 4),
        "clip": ("bool", True),
    }


def test_whether_a_setting_is_as_it_comes() -> None:
    assert is_default(Path(), "steps") and not is_default(Path(steps=6), "steps")
    assert not is_default(Path(start=np.zeros(2)), "start")


@pytest.fixture
def values(monkeypatch):
    found = flags.FlagValues()
    monkeypatch.setattr(flags, "FLAGS", found)
    for name in ("DEFINE", "DEFINE_bool", "DEFINE_list"):
        monkeypatch.setattr(cli.flags, name, partial(getattr(flags, name), flag_values=found))
    return found


def test_flags_and_help_are_made_of_the_description(values, capsys) -> None:
    cli.define_settings(Path, leave_out=("start", "names"), as_text=("radii",))
    text = values.get_help()
    assert "--steps: Points; a whole number from 1 to 100,000." in " ".join(text.split())
    assert "--way: <up|down>" in text
    cli._parse(["x", "--steps=7", "--size=3px", "--clip", "--radii=1,2"])
    assert (values.steps, values.size, values.clip, values.radii) == (7, 3, True, ["1", "2"])
    assert values.share is None and values.rule == "left"
    assert cli.given_settings(Path, leave_out=("start", "names"))["steps"] == 7
    for argument, sentence in (
        ("--steps=0", "error: --steps is 0; give a whole number from 1 to 100,000.\n"),
        ("--way=upp", "error: Unknown way 'upp'; did you mean up?\n"),
        (
            "--stepz=1",
            "error: Unknown command line flag 'stepz'. Did you mean: steps ? See --help.\n",
        ),
    ):
        with pytest.raises(SystemExit) as end:
            cli._parse(["x", argument])
        assert (end.value.code, capsys.readouterr().err) == (2, sentence)


def test_a_value_is_shown_whatever_it_is() -> None:
    assert shown("a" * 3000).endswith("...") and len(shown("a" * 3000)) < 120
    assert shown(10**5000) == "a value of type int"
    assert shown(Wordless()).startswith("a value of type") or "Wordless" in shown(Wordless())
    assert shown(np.zeros((2, 3))) == "an array of shape (2, 3)"
    assert "Unknown fruit ['a']; known: apple." in str(unknown_name("fruit", ["a"], ["apple"]))
