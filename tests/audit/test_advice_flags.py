"""What sentences about flags advise is written on the next command line, and is understood."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import in_process
import pytest

from tf_fragile.audit.asked import asked
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.audit.specs import parse_explainer
from tf_fragile.errors import InputError
from tf_fragile.probes.fragility import radii

Flags = dict[str, str]


def written(flags: Flags) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def given(flag: str, pattern: str) -> Callable[[Flags, str], Flags]:
    """The flag gets the value that the sentence has there."""

    def obey(flags: Flags, sentence: str) -> Flags:
        told = re.search(pattern, sentence)
        assert told is not None, sentence
        return {**flags, flag: told[1]}

    return obey


def left_out(pattern: str) -> Callable[[Flags, str], Flags]:
    """The flag that the sentence names there is left out."""

    def obey(flags: Flags, sentence: str) -> Flags:
        told = re.search(pattern, sentence)
        assert told is not None, sentence
        return {name: value for name, value in flags.items() if name != told[1]}

    return obey


def without(flag: str, pattern: str) -> Callable[[Flags, str], Flags]:
    """A value that the sentence names is left out of a list."""

    def obey(flags: Flags, sentence: str) -> Flags:
        told = re.search(pattern, sentence)
        assert told is not None, sentence
        return {**flags, flag: ",".join(v for v in flags[flag].split(",") if v != told[1])}

    return obey


NPZ = {"data": "npz:a.npz"}
BOUNDS = {**NPZ, "bounds": "-1,1"}
CASES: dict[str, tuple[Flags, Callable[[Flags, str], Flags], dict[str, Any]]] = {
    "a fraction": ({"epsilon": "8/255"}, given("epsilon", "write (.*?);"), {"radii": (8.0,)}),
    "a percentage": ({"epsilon": "2 %"}, given("epsilon", "write (.*?);"), {"radii": (5.1,)}),
    "a fraction of a range": (
        {**BOUNDS, "epsilon": "8/255"},
        given("epsilon", "write (.*?);"),
        {"radii": (pytest.approx(16 / 255, rel=1e-5),)},
    ),
    "a share": ({"epsilon": "0.03"}, given("epsilon", "write (.*?), if"), {"radii": (8.0,)}),
    "no number": (
        {"epsilon": "small"},
        given("epsilon", r"write --epsilon=(.*)\.$"),
        {"radii": (1.0, 2.0, 4.0, 8.0)},
    ),
    "black to white": (
        {"epsilon": "300"},
        given("epsilon", r"give radii such as (.*)\.$"),
        {"radii": (1.0, 2.0, 4.0, 8.0)},
    ),
    "grey levels in a range": (
        {**BOUNDS, "epsilon": "1,8"},
        given("epsilon", r"give radii such as (.*?), or none"),
        {"radii": (0.00784, 0.0627)},
    ),
    "none in a range": (
        {**BOUNDS, "epsilon": "1,8"},
        left_out(r"^--(\w+)=.*, or none for 1, 2, 4, 8 255ths"),
        {"radii": tuple(pytest.approx(2 * n / 255) for n in (1, 2, 4, 8))},
    ),
    "one bound": (
        {**NPZ, "bounds": "1"},
        given("bounds", r"such as --bounds=(.*)\.$"),
        {"bounds": (-1.0, 1.0)},
    ),
    "bounds the other way round": (
        {**NPZ, "bounds": "1,-1"},
        given("bounds", r"such as --bounds=(.*)\.$"),
        {"bounds": (-1.0, 1.0)},
    ),
    "bounds and no preprocessing": (
        {**BOUNDS, "preprocessing": "unit"},
        left_out(r"--(preprocessing)=.*; give one of the two"),
        {"bounds": (-1.0, 1.0), "preprocessing": None},
    ),
    "preprocessing and no bounds": (
        {**BOUNDS, "preprocessing": "unit"},
        left_out(r"^--(bounds) .*; give one of the two"),
        {"bounds": None, "preprocessing": "unit"},
    ),
    "bounds of pictures": (
        {"data": "embedded", "bounds": "-1,1"},
        left_out(r"leave --(\w+) out\.$"),
        {"bounds": None},
    ),
    "a size": (
        {"image_size": "large"},
        given("image_size", r"as in --image_size=(.*)\.$"),
        {"image_size": (224, 224)},
    ),
    "one band": (
        {"bands": "red"},
        lambda flags, said: {
            **flags, "bands": re.search(r"write --bands=(\w+) or", said)[1].replace("I", "2"),
        },
        {"bands": (2,)},
    ),
    "three bands": (
        {"bands": "r,g,b"},
        lambda flags, said: {
            **flags,
            "bands": re.search(r"or --bands=(\S+), counted from 0", said)[1]
            .replace("I", "2").replace("J", "1").replace("K", "0"),
        },
        {"bands": (2, 1, 0)},
    ),
    "a step without sign": (
        {"step_size": "0.5"},
        left_out(r"^--(\w+) is a setting .*; leave it out, or"),
        {"step_size": None},
    ),
    "a step with sign": (
        {"step_size": "0.5"},
        given("optimizer", r"of --optimizer=(\w+), .* or choose that optimizer"),
        {"step_size": 0.5, "optimizer": "sign"},
    ),
    "halving": (
        {"halving": "true", "epsilon": "4"},
        lambda flags, said: {**flags, "epsilon": "4,8"} if said.endswith("give two.") else {},
        {"halving": True, "radii": (4.0, 8.0)},
    ),
    "the control": (
        {"attacks": "top_k,random_sign"},
        without("attacks", r"leave (\w+) out of --attacks"),
        {"attacks": ("top_k",)},
    ),
    "an attack on a target": (
        {"attacks": "top_k,target_map"},
        without("attacks", r"^The (\w+) attack .* leave it out of --attacks"),
        {"attacks": ("top_k",)},
    ),
    "one twice": (
        {"explainers": "gradient,gradient"},
        given("explainers", r"names one twice: (\w+),.* give each once"),
        {"explainers": ("gradient",)},
    ),
    "a data_dir of a folder": (
        {"data": "embedded", "data_dir": "x"},
        left_out(r"^--(\w+) is where .*; leave it out"),
        {"data": "embedded"},
    ),
    "an empty out": ({"out": ""}, given("out", r"as in --out=(.*)\.$"), {}),
}  # fmt: skip


def value_of(settings: AuditSettings, name: str) -> object:
    """A setting of the audit, or of the probe that has a flag of this name."""
    if name == "radii":
        return radii.resolved(settings.of("fragility").epsilon, settings.bounds)
    return getattr(settings if hasattr(settings, name) else settings.of("fragility"), name)


@pytest.mark.parametrize("case", CASES)
def test_flags_written_as_advised_are_understood(case: str) -> None:
    flags, obey, expected = CASES[case]
    answer = in_process.understood(*written(flags))
    assert answer.code == 2 and answer.settings is None
    advised = obey(flags, answer.sentence)
    assert advised != flags
    answer = in_process.understood(*written(advised))
    assert (answer.code, answer.sentence) == (0, "")
    for name, value in expected.items():
        assert value_of(answer.settings, name) == value


def test_a_flag_without_dashes_is_written_as_advised() -> None:
    said = in_process.understood("epsilon=4").sentence
    form = re.search(r"flags are written (--name=value)\.$", said)[1]
    flag = form.replace("name", "epsilon").replace("value", "4")
    assert in_process.understood(flag).settings == asked(epsilon=(4.0,))


# With a model and data ----------------------------------------------------------------------------

FAST = ("--explainers=gradient", "--steps=1", "--epsilon=4", "--plateau=0", "--progress=off")


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        ({"data": "embedded", "resize": "crop"}, r"^--(\w+) is for pictures .*; leave it out"),
        ({"data": "embedded", "interpolation": "area"}, r"^--(\w+) is for .*; leave it out"),
        ({"data": "embedded", "orientation": "exif"}, r"^--(\w+)=exif follows .*; leave it out"),
        ({"data": "embedded", "image_size": "9x9"}, r"^--(\w+)=9x9 does not .*; leave it out"),
    ],
)
def test_what_is_left_out_as_advised_leaves_a_plan(flags: Flags, pattern, tmp_path, monkeypatch):
    class PlannedError(Exception):
        pass

    def planned(*_: Any, **__: Any) -> None:
        raise PlannedError

    monkeypatch.setattr("tf_fragile.audit.run.run", planned)
    monkeypatch.setattr(
        "tf_fragile.cli._fault", lambda error: 0 if type(error) is PlannedError else 70
    )
    common = (*FAST, f"--out={tmp_path}", "--num_images=1")
    answer = in_process.audit(*common, *written(flags))
    assert answer.code == 2
    answer = in_process.audit(*common, *written(left_out(pattern)(flags, answer.sentence)))
    assert (answer.code, answer.sentence) == (0, "") and "derivatives:" in answer.out


@pytest.mark.parametrize(
    ("spec", "pattern", "expected"),
    [
        ("smoothgrad:samples", r"write (.*)=VALUE\.$", "smoothgrad:samples=3"),
        (
            "smoothgrad:samples=3:samples=4",
            r"has (\w+) twice; give it once",
            "smoothgrad:samples=3",
        ),
    ],
)
def test_settings_of_explainers_are_written_as_advised(spec, pattern, expected) -> None:
    with pytest.raises(InputError) as error:
        parse_explainer(spec)
    told = re.search(pattern, str(error.value))[1]
    followed = f"{told}=3" if ":" in told else spec.rpartition(f":{told}")[0]
    assert followed == expected
    assert parse_explainer(followed) == ("smoothgrad", {"samples": 3})
