from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tf_fragile.models import zoo

PROJECT = Path(__file__).resolve().parents[2]


def run(binary: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROJECT / "bin" / binary), *args],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def test_training_writes_weights_that_load_and_a_manifest(
    tmp_path: Path, shared_data: Path
) -> None:
    out = tmp_path / "new" / "folder"
    done = run(
        "train.py",
        "--model=mnist_cnn",
        "--steps=2",
        "--name=short",
        f"--out={out}",
        f"--data_dir={shared_data / 'tfds'}",
        f"--cache={tmp_path / 'cache'}",
    )
    assert done.returncode == 0, done.stderr
    assert "accuracy train" in done.stdout
    assert f"built first, about 300 forward passes; kept in {tmp_path / 'cache'}" in done.stdout
    assert len(list((tmp_path / "cache").glob("net-*/net.npz"))) == 1
    zoo.load("mnist_cnn", weights=out / "short.npz")
    assert json.loads((out / "short.manifest.json").read_text("utf-8"))["steps_taken"] == 2


def test_an_output_that_cannot_be_written_exits_with_two_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("train.py", "--model=embedded", f"--out={tmp_path / 'file' / 'out'}")
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2
    assert len(errors) == 1 and str(tmp_path / "file") in errors[0]
    assert "Traceback" not in done.stderr and "reading" not in done.stderr
