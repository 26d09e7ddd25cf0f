"""The table of figures beside the binaries under bin/."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.experiments.frame.presets import PRESET_NAMES

PROJECT = Path(__file__).resolve().parents[2]
PAPERS = ("fragility", "sanity_checks", "modified_bp", "bam")


def test_every_figure_has_a_binary_in_its_papers_folder_and_every_binary_a_figure() -> None:
    binaries = {(p.parent.name, p.stem) for p in (PROJECT / "bin").glob("*/*.py")}
    assert binaries == {(figure.paper, name) for name, figure in FIGURES.items()}
    assert {figure.paper for figure in FIGURES.values()} <= set(PAPERS)


@pytest.mark.parametrize("name", FIGURES.registered())
def test_a_binary_is_its_docstring_and_one_line(name: str) -> None:
    path = PROJECT / "bin" / FIGURES[name].paper / f"{name}.py"
    tree = ast.parse(path.read_text("utf-8"))
    assert ast.get_docstring(tree)
    last = tree.body[-1]
    assert isinstance(last, ast.If) and ast.unparse(last.body[0]) == f"cli.run(figure('{name}'))"
    assert all(isinstance(node, (ast.Expr, ast.ImportFrom)) for node in tree.body[:-1])


@pytest.mark.parametrize("name", FIGURES.registered())
def test_presets_are_of_one_class_and_differ(name: str) -> None:
    presets = FIGURES[name].presets
    assert tuple(presets) == PRESET_NAMES and len({type(one) for one in presets.values()}) == 1
    assert presets["quick"] != presets["cpu"] != presets["paper"]
    assert FIGURES[name].text.endswith(".") and "\n" not in FIGURES[name].text


@pytest.fixture(scope="module")
def without_tensorflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which importing what takes seconds ends the program."""
    fakes = tmp_path_factory.mktemp("fakes")
    for slow in ("tensorflow", "keras", "matplotlib", "pandas"):
        (fakes / f"{slow}.py").write_text(f"raise SystemExit('{slow} was imported')\n", "utf-8")
    return {**os.environ, "PYTHONPATH": f"{fakes}{os.pathsep}{PROJECT}"}


@pytest.mark.parametrize("name", FIGURES.registered())
def test_help_and_wrong_flags_do_without_tensorflow(
    name: str, without_tensorflow: dict[str, str]
) -> None:
    def run(*args: str) -> subprocess.CompletedProcess[str]:
        path = PROJECT / "bin" / FIGURES[name].paper / f"{name}.py"
        return subprocess.run(
            [sys.executable, str(path), *args],
            capture_output=True,
            text=True,
            timeout=60,
            env=without_tensorflow,
        )

    told = run("--help").stdout
    assert all(f"  --{flag}: " in told for flag in ("preset", "out", "seed"))
    assert ("--data: " in told) == (FIGURES[name].images is not None)
    needed = () if FIGURES[name].images is None else ("--data=embedded", "--weights=w.npz")
    for arg, said in (
        ("--preset=fast", "<quick|cpu|paper>"),
        ("--seed=x", "--seed is 'x'"),
        ("--sed=1", "Unknown command line flag"),
        ("stray", "'stray' is not understood; write --name=value."),
    ):
        done = run(arg, *needed)
        assert done.returncode == 2 and done.stderr.startswith("error: ") and said in done.stderr


@pytest.mark.parametrize(
    ("name", "arg", "said"),
    [
        ("attack_gallery", "--samples=x", "--samples has 'x', which is not a number of its kind."),
        ("targeted", "--region=a,b", "--region has 'a', which is not a number of its kind."),
        ("imagenet_curves", "--num_images=0", "--num_images is 0; give a whole number from 1"),
        ("explainer_ranking", "--steps=0", "--steps is 0; give a whole number from 1"),
        ("orthogonality", "--tolerance=1", "--tolerance is 1; give"),
    ],
)
def test_values_that_cant_be_do_without_tensorflow(
    name: str, arg: str, said: str, without_tensorflow: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, str(PROJECT / "bin" / "fragility" / f"{name}.py"), arg, "--data=embedded"],
        capture_output=True,
        text=True,
        timeout=60,
        env=without_tensorflow,
    )
    assert done.returncode == 2 and done.stderr.startswith(f"error: {said}")
