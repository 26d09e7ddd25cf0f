from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
BINARIES = (
    "imagenet_curves", "center_shift", "cifar_curves", "dtd_curves", "attack_examples",
    "attack_gallery", "dtd_examples", "objective_vs_subjective", "explainer_ranking", "targeted",
)  # fmt: skip


def run(binary: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "bin" / "fragility" / f"{binary}.py"), *args],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error, after checks that it is one."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.mark.parametrize("binary", BINARIES)
def test_an_unknown_preset_exits_with_two_and_names_the_known(binary: str) -> None:
    line = said(run(binary, "--preset=fast", "--data=embedded"))
    assert "preset" in line and "quick|cpu|paper" in line


def test_an_unknown_flag_suggests_the_nearest() -> None:
    assert "epsilon" in said(run("imagenet_curves", "--epsilom=3", "--data=embedded"))


def test_data_must_be_named() -> None:
    assert "data" in said(run("center_shift"))


@pytest.mark.parametrize(
    ("arg", "expected"),
    [
        ("--steps=many", "--steps has 'many'"),
        ("--num_images=gradint=3", "did you mean gradient"),
        ("--epsilon=0", "--epsilon is 0; give values"),
        ("stray", "'stray' is not understood"),
    ],
)
def test_a_flag_that_makes_no_sense_is_one_sentence(arg: str, expected: str) -> None:
    assert expected in said(run("attack_examples", "--data=embedded", arg))


def test_weights_must_be_named() -> None:
    assert "without weights" in said(run("imagenet_curves", "--data=embedded"))


def test_examples_of_the_embedded_network_are_made_by_the_command(tmp_path: Path) -> None:
    done = run(
        "attack_examples",
        "--preset=quick",
        "--model=embedded",
        "--data=embedded",
        "--methods=gradient",
        "--k=100",
        f"--out={tmp_path}/PRESET",
    )
    assert done.returncode == 0, done.stderr
    assert "gradient: 1 images x 1 radii x 1 attacks x 10 steps" in done.stdout
    assert (tmp_path / "quick" / "attack_examples.png").stat().st_size > 1000


def test_a_ranking_of_the_embedded_network_is_made_by_the_command(tmp_path: Path) -> None:
    done = run(
        "explainer_ranking",
        "--preset=quick",
        "--model=embedded",
        "--data=embedded",
        "--methods=gradient",
        "--k=100",
        f"--out={tmp_path}/PRESET",
    )
    assert done.returncode == 0, done.stderr
    assert "1 explainers, 0 of them already there, x 1 images x 2 steps" in done.stdout
    assert (tmp_path / "quick" / "explainer_ranking.png").stat().st_size > 1000
