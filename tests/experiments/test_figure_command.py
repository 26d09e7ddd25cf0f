"""`tf_fragile figure NAME`, and the figures of a user's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

TOY = """
from dataclasses import asdict, dataclass
from functools import partial

import pandas as pd

from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.job import Drawn, Job, Table
from tf_fragile.settings import check, setting


@dataclass(frozen=True)
class Squares:
    most: int = setting(low=1, high=1000, help="The last number.")

    def __post_init__(self):
        check(self, "--{}")


def squares(most, seed):
    return pd.DataFrame({"n": range(most), "square": [n * n + seed for n in range(most)]})


def prepare(asked, place):
    table = Table("squares", asdict(asked.settings),
                  partial(squares, asked.settings.most, place.seed))
    return Job(asked.name, lambda found: Drawn({".csv": found.table}), tables=[table])


FIGURES.register("squares", Figure(
    "mine", "Squares of numbers.",
    {"quick": Squares(3), "cpu": Squares(5), "paper": Squares(7)}, prepare,
))
"""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tf_fragile", *args],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


@pytest.fixture
def toy(tmp_path: Path) -> str:
    file = tmp_path / "toy.py"
    file.write_text(TOY, "utf-8")
    return f"--import={file}"


def test_a_figure_of_a_users_file_is_made_with_its_own_flags(toy: str, tmp_path: Path) -> None:
    done = run("figure", "squares", toy, "--preset=quick", "--seed=1", f"--out={tmp_path}/PRESET")
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "quick" / "squares.csv")
    assert table["square"].tolist() == [1, 2, 5]
    assert "1 table to compute, 0 already there" in done.stdout


def test_wrong_flags_of_it_are_one_sentence(toy: str, tmp_path: Path) -> None:
    done = run("figure", "squares", toy, "--most=0", f"--out={tmp_path}/out")
    assert (done.returncode, done.stderr) == (
        2,
        "error: --most is 0; give a whole number from 1 to 1,000.\n",
    )
    assert not (tmp_path / "out").exists()


def test_it_is_listed(toy: str) -> None:
    done = run("list", "figures", toy)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].split("  ")[0] == "squares"
    assert done.stdout.splitlines()[-1].endswith("mine       Squares of numbers.")


def test_its_help_lists_its_flags(toy: str) -> None:
    done = run("figure", "squares", toy, "--help")
    assert done.returncode == 0
    assert "usage: tf_fragile figure NAME [--flag=value ...]" in done.stdout
    assert all(f"--{flag}:" in done.stdout for flag in ("most", "preset", "seed", "out", "import"))


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("imagenet_curve",), "Unknown figure 'imagenet_curve'; did you mean imagenet_curves"),
        ((), "Say which figure, one of attack_examples, "),
        (("--preset=quick",), "Say which figure, one of attack_examples, "),
        (("intuition", "stray"), "The argument 'stray' is not understood; write --name=value."),
        (("intuition", "--hidden=0"), "--hidden is 0; give a whole number from 1 to "),
    ],
)
def test_what_cant_be_made_is_one_sentence(args: tuple[str, ...], sentence: str) -> None:
    done = run("figure", *args)
    assert done.returncode == 2 and done.stderr.startswith(f"error: {sentence}")
    assert done.stderr.count("\n") == 1


def test_a_file_that_raises_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "bad.py"
    file.write_text("x = 1\nraise ValueError('no')\n", "utf-8")
    done = run("figure", "mine", f"--import={file}")
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert "could not be run (bad.py, line 2: no)" in done.stderr


def test_two_figures_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    file = tmp_path / "again.py"
    file.write_text(TOY.replace('"squares", Figure', '"intuition", Figure'), "utf-8")
    done = run("figure", "intuition", f"--import={file}")
    assert done.returncode == 2 and "'intuition' is registered twice" in done.stderr
    assert "catalog.py, line" in done.stderr and "again.py, line" in done.stderr
