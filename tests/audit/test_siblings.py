"""Whole audits of data of every kind: who is shown, who that is, and counts that agree."""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from colours import by_colour, picture
from PIL import Image

from tf_fragile.audit.asked import asked
from tf_fragile.audit.run import AuditResult, run_audit
from tf_fragile.audit.samples import class_name

FAST = {"steps": 1, "explainers": ("gradient",), "epsilon": (4.0,), "plateau": 0}
COUNT = 6


def shown(wrong: tuple[int, ...] = ()) -> np.ndarray:
    """Pictures of the classes 0, 1, 2 in turn; those at `wrong` show the next class."""
    return np.stack([picture((i + (i in wrong)) % 3, i) for i in range(COUNT)])


def folder(names: tuple[str, ...], wrong: tuple[int, ...] = (), *, deep: bool = False):
    """Class folders with two pictures each, in the order of the classes."""

    def make(root: Path) -> dict[str, Any]:
        for i, pixels in enumerate(shown(wrong)):
            inside = Path("deeper") if deep and i < 3 else Path()
            path = root / names[i % 3] / inside / f"{i // 3}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
        return {"data": f"folder:{root}"}

    return make


def with_junk(make: Callable[[Path], dict[str, Any]]):
    """The same beside what is no picture, empty, hidden or in no class."""

    def junk(root: Path) -> dict[str, Any]:
        made = make(root)
        inside = next(path for path in root.iterdir() if path.is_dir())
        (inside / "broken <i>.png").write_bytes(b"no picture")
        (inside / "two\nlines.jpg").write_bytes(b"")
        (root / "loose.png").write_bytes((next(root.rglob("0.png"))).read_bytes())
        (root / ".hidden").mkdir()
        (root / ".hidden" / "0.png").write_bytes(b"")
        return made

    return junk


def loose(root: Path) -> dict[str, Any]:
    for i, pixels in enumerate(shown()):
        Image.fromarray(pixels).save(root / f"{i}.png")
    return {"data": f"folder:{root}"}


def archive(labels: Any = None, wrong: tuple[int, ...] = (), **settings: Any):
    def make(root: Path) -> dict[str, Any]:
        arrays = {} if labels is None else {"labels": labels}
        np.savez(root / "a.npz", images=shown(wrong), **arrays)
        return {"data": f"npz:{root / 'a.npz'}", **settings}

    return make


def named(make: Callable[[Path], dict[str, Any]], *names: str):
    """With a file of names."""

    def with_names(root: Path) -> dict[str, Any]:
        made = make(root)
        path = root.parent / "names.txt"
        path.write_text("\n".join(names))
        return {**made, "classes": str(path)}

    return with_names


Y = np.arange(COUNT) % 3
ABC = ("a", "b", "c")
CASES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "folder": with_junk(folder(ABC, wrong=(1, 5), deep=True)),
    "odd names": folder(("a<b>&\"'", "b\n\tc", "c" * 90)),
    "WordNet ids": folder(("n01440764", "n01443537", "n01484850")),
    "names by a file": named(folder(("red", "blue", "green")), "red", "blue", "green"),
    "no classes": loose,
    "bytes, all attacked": archive(Y.astype(np.uint8), wrong=(0, 4), only_correct=False),
    "one-hot, named": named(archive(np.eye(3)[Y], wrong=(2,)), "red", "blue", "green"),
    "names in an archive": named(
        archive(np.array(["red", "blue", "green"])[Y], wrong=(3,)), "red", "blue", "green"
    ),
    "equal names": named(archive(Y, wrong=(0,), only_correct=False), "crane", "crane", "bird"),
    "no labels": archive(),
    "fewer": archive(Y, wrong=(0,), num_images=3),
    "more than there are": archive(Y, wrong=(0,), num_images=50),
}


@dataclass(frozen=True)
class Run:
    result: AuditResult
    said: list[str]
    page: str
    table: pd.DataFrame
    images: np.ndarray


@pytest.fixture(params=CASES)
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    root = tmp_path / "two\nlines"
    root.mkdir()
    by_colour().save(tmp_path / "m.keras")
    made = CASES[request.param](root)
    given = {"model": str(tmp_path / "m.keras"), "num_images": None, **FAST, **made}
    said: list[str] = []
    out = tmp_path / "out"
    result = run_audit(asked(**given), out, say=said.append, progress=False, gallery=99)
    page = result.report.read_text("utf-8")
    table = pd.read_csv(out / "samples.csv", keep_default_na=False)
    files = sorted(root.rglob("[0-9].png"))
    kept = [path for path in files if ".hidden" not in path.parts]
    whole = (
        np.stack([np.asarray(Image.open(path)) for path in kept])
        if kept
        else np.load(root / "a.npz")["images"]
    )
    return Run(result, said, page, table, whole)


def test_cards_records_and_counts_agree(run: Run) -> None:
    """One test, since each audit takes seconds."""
    check_counts(run)
    check_who_is_who(run)
    check_lines(run)


def check_counts(run: Run) -> None:
    counts, table = run.result.counts, run.table
    everything = run.result["fragility"].records
    records = everything[everything["sample"] >= 0]
    assert counts.read == len(run.images)
    assert counts.looked_at == len(table) == records["sample"].nunique()
    attacked = table["outcome"] == "audited"
    assert counts.audited == attacked.sum() == len(cards(run.page))
    assert counts.passed_over == (table["outcome"] == "misclassified").sum()
    wrong = (table["label"] >= 0) & (table["label"] != table["predicted"])
    assert counts.wrong == wrong.sum()
    summary = run.result["fragility"].summary
    assert (summary["n"] + summary["n_failed"] == counts.audited).all()
    skipped = re.findall(r'<tr><th scope="row">/', run.page)
    assert counts.skipped == len(skipped)
    assert sum(counts.text in line for line in run.said) == 2  # in the plan and at the end
    assert html.unescape(run.page).count(counts.text) >= 1
    if counts.labelled and counts.looked_at == counts.read:
        right = counts.looked_at - counts.wrong
        (told,) = {line for line in run.said if line.startswith("feeding: ")}
        assert f"accuracy {100 * right / counts.read:.0f} %" in told
        assert f"on {counts.read} images" in told
    (told,) = {line for line in run.said if line.startswith("feeding: ")}
    asked = int(re.search(r"on (\d+) images", told)[1])
    alone = re.search(r"; (\d+) of these images were looked at for this alone$", told)
    assert asked == counts.looked_at + (int(alone[1]) if alone else 0)
    assert html.unescape(run.page).count(told.removeprefix("feeding: ")) == 1
    if not counts.labelled:
        assert "misclassified" not in counts.text and "accuracy" not in "".join(run.said)


def check_who_is_who(run: Run) -> None:
    rows = run.table.set_index("sample")
    for sample, (who, pixels) in cards(run.page).items():
        row = rows.loc[sample]
        assert who.get("file", f"image {sample}") == row["file"]
        assert who["true label"] == row["label_name"]
        assert who["predicted"] == row["predicted_name"]
        np.testing.assert_array_equal(pixels, run.images[sample])
        # The picture shows what the network predicts: its strongest colour.
        strongest = run.images[sample].reshape(-1, 3).mean(0).argmax()
        assert (0, 2, 1).index(strongest) == row["predicted"]
        if row["label"] >= 0 and "/" in row["file"]:
            folder = row["file"].partition("/")[0]
            assert row["label_name"] == folder or folder.startswith("n0")
    records = run.result["fragility"].records
    own = records[records["sample"] >= 0].drop_duplicates("sample").set_index("sample")
    for column in ("label", "predicted"):
        assert own.loc[rows.index, column].tolist() == rows[column].tolist()


def test_classes_that_are_called_alike_are_told_apart() -> None:
    names = ("crane", "bird", "crane")
    assert [class_name(label, names) for label in range(4)] == [
        *("crane (output 0)", "bird", "crane (output 2)", "class 3"),
    ]


def check_lines(run: Run) -> None:
    for line in run.said:
        assert line.isprintable() or line.startswith("eps ") or "\neps " in line or "|" in line
    assert not re.search(r"\b1 images\b", "\n".join(run.said[: run.said.index("")]))


def cards(page: str) -> dict[int, tuple[dict[str, str], np.ndarray]]:
    """Who is said to be on each card, and the picture, by sample."""
    found = {}
    for card in re.findall(r"<article.*?</article>", page, re.S):
        sample = int(re.search(r'aria-label="Image (\d+),', card)[1])
        who = re.search(r'<dl class="who">(.*?)</dl>', card, re.S)[1]
        said = {
            html.unescape(name): html.unescape(value)
            for name, value in re.findall(r"<dt>(.*?)</dt>\s*<dd>(.*?)</dd>", who, re.S)
        }
        uri = re.search(r'src="data:image/png;base64,([^"]*)" alt="Original', card)[1]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri))).convert("RGB"))
        found[sample] = (said, pixels)
    return found
