"""The gallery of a finished audit: who is in it, where the pictures come from, and changing it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records
from PIL import Image

from tf_fragile.audit.asked import asked
from tf_fragile.audit.asking import ask
from tf_fragile.audit.plan import make_plan
from tf_fragile.audit.run import AuditResult, run_audit
from tf_fragile.audit.subject import Opened, open_subject
from tf_fragile.probes import running
from tf_fragile.probes.fragility.examples import examples
from tf_fragile.probes.fragility.pictures import deviation_arrays, deviations, kept
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.fragility.shown import Place, choose_shown
from tf_fragile.probes.running import keep_pictures
from tf_fragile.runs.atomic import make_directory
from tf_fragile.runs.execution import held
from tf_fragile.runs.gallery import gallery_directory, image_path, names_of, read_gallery
from tf_fragile.runs.records import read_records

NAMES = ("a_red", "b_green", "c_blue")
SIDE = 8
PROBE = "fragility"


def save_model(path: Path) -> None:
    """Output c rises with the mean of channel c."""
    conv = keras.layers.Conv2D(3, 3, activation="softplus")
    head = keras.layers.Dense(3, activation="softmax")
    pool = keras.layers.GlobalAveragePooling2D()
    scale = keras.layers.Rescaling(1 / 255)
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), scale, conv, pool, head])
    kernel = np.random.default_rng(0).normal(0, 0.03, (3, 3, 3, 3)).astype("float32")
    for c in range(3):
        kernel[:, :, c, c] += 4 / 9
    conv.set_weights([kernel, np.full(3, -2, "float32")])
    head.set_weights([10 * np.eye(3, dtype="float32"), np.zeros(3, "float32")])
    model.save(path)


def put(folder: Path, colour: int, count: int) -> None:
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = np.random.default_rng(10 * colour + i).integers(40, 110, (SIDE, SIDE, 3))
        pixels[..., colour] += 90
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{NAMES[colour]}_{i}.png")


class Run:
    """Audits of 7 pictures, 2 of them in the wrong folder, in one directory."""

    def __init__(self, root: Path) -> None:
        self.root, self.out = root, root / "out"
        self.said: list[str] = []
        self.settings = asked(
            model=str(root / "m.keras"),
            data=f"folder:{root / 'data'}",
            num_images=None,
            explainers=("gradient",),
            epsilon=(2.0, 4.0),
            steps=2,
            shard_size=2,
            plateau=2,
        )

    def __call__(self, gallery: int) -> AuditResult:
        self.said = []
        say = self.said.append
        return run_audit(self.settings, self.out, gallery=gallery, say=say, progress=False)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    root = tmp_path_factory.mktemp("gallery")
    save_model(root / "m.keras")
    put(root / "data" / NAMES[0], 1, 2)  # greens in the folder of reds: left out
    put(root / "data" / NAMES[1], 1, 3)
    put(root / "data" / NAMES[2], 2, 2)
    return Run(root)


@pytest.fixture(scope="module")
def three(run: Run) -> Path:
    """The report of the worst, the median and the best, beside which others are made."""
    return run(3).report.rename(run.root / "three.html")


@pytest.fixture(scope="module")
def records(run: Run, three: Path) -> pd.DataFrame:
    return read_records(run.out, PROBE)


@pytest.fixture(scope="module")
def opened(run: Run) -> Opened:
    return open_subject(run.settings)


@pytest.fixture(scope="module")
def probe(opened: Opened) -> FragilityProbe:
    return ask(opened).bound[PROBE].probe


def stamps(directory: Path) -> dict[str, int]:
    return {p.name: p.stat().st_mtime_ns for p in sorted(directory.iterdir())}


def cards(report: Path) -> list[int]:
    page = report.read_text("utf-8")
    return [int(n) for n in re.findall(r"<h3>[^<]* <span>image (\d+)", page)]


def test_the_worst_median_and_best_of_the_attacked_are_shown_with_file_and_both_classes(
    three: Path, records: pd.DataFrame
) -> None:
    overlap = (records.metric == "top_k_intersection") & (records.attack == "top_k")
    plain = overlap & (records.epsilon == 4) & (records.variant == "")
    at = records[plain].sort_values(["value", "sample"])
    assert len(at) == 5
    assert cards(three) == [int(at["sample"].iloc[place]) for place in (0, 2, 4)]
    page = three.read_text("utf-8")
    assert "3 of the 5 attacked images, from all 2 classes, from the worst to the best" in page
    for who in ("worst, rank 1 of 5 by overlap", "median, rank 3 of 5", "best, rank 5 of 5"):
        assert page.count(f"<dt>shown as</dt><dd>{who}") == 1
    told = r"<dt>true label</dt><dd>(\w+)</dd></div>\n<div><dt>predicted</dt><dd>(\w+)</dd></div>"
    names = re.findall(told, page)
    assert len(names) == 3
    assert all(true == predicted and true in NAMES[1:] for true, predicted in names)


def test_counts_are_the_same_in_plan_end_and_report_and_a_new_gallery_computes_no_records(
    run: Run, three: Path
) -> None:
    before, drawn = stamps(run.out / "records" / PROBE), stamps(run.out / "gallery" / PROBE)
    text = "7 looked at, 2 misclassified and passed over, 5 audited"
    for gallery, pictures in [(5, 2), (2, 0), (0, 0)]:
        result = run(gallery)
        assert result.counts.text.endswith(text)
        assert sum(text in line for line in run.said) == 2  # plan and end
        assert f"left out: {result.counts.passed_over} images, misclassified" in run.said
        # Among the facts, and at what is left out.
        assert result.report.read_text("utf-8").count(text) == 2
        assert (
            result["fragility"]
            .summary.n.add(result["fragility"].summary.n_failed)
            .eq(result.counts.audited)
            .all()
        )
        assert len(cards(result.report)) == gallery
        assert stamps(run.out / "records" / PROBE) == before
        after = stamps(run.out / "gallery" / PROBE)
        assert {name: after[name] for name in drawn} == drawn
        assert len(after) == len(drawn) + pictures
        drawn = after


def test_every_image_looked_at_is_in_the_table_of_samples(run: Run, three: Path) -> None:
    table = pd.read_csv(run.out / "samples.csv")
    assert list(table.columns) == [
        "sample", "file", "label", "label_name", "predicted", "predicted_name", "outcome",
    ]  # fmt: skip
    assert list(table["sample"]) == list(range(7))
    assert list(table["label_name"]) == [NAMES[0]] * 2 + [NAMES[1]] * 3 + [NAMES[2]] * 2
    assert list(table["predicted_name"]) == [NAMES[1]] * 5 + [NAMES[2]] * 2
    assert list(table["outcome"]) == ["misclassified"] * 2 + ["audited"] * 5


def keep(probe: FragilityProbe, out: Path, samples: list[int], records: pd.DataFrame) -> None:
    with held(out) as lease:
        keep_pictures(
            out,
            probe,
            samples,
            records,
            name=PROBE,
            run="again",
            lease=lease,
            size=2,
            progress=False,
        )


def test_pictures_of_a_second_attack_equal_those_of_the_first_to_the_bit(
    run: Run,
    three: Path,
    records: pd.DataFrame,
    opened: Opened,
    probe: FragilityProbe,
    tmp_path: Path,
) -> None:
    whole, _ = running.run(
        tmp_path,
        [replace(probe, shown=frozenset(range(7)))],
        opened.subject.source,
        range(7),
        model=opened.subject.model,
        seed=0,
        settings={},
        settings_of={PROBE: {}},
        command=(),
        size=2,
        progress=False,
    )
    pd.testing.assert_frame_equal(whole[PROBE], records)
    again, first = read_gallery(run.out, PROBE), read_gallery(tmp_path, PROBE)
    names = {name for name in again if not name.endswith("|deviation")}
    assert kept(names) >= set(cards(three))
    assert kept(first) == {2, 3, 4, 5, 6}
    for name in names:
        np.testing.assert_array_equal(again[name], first[name], strict=True)
    assert set(deviations(again).values()) == {0.0}


def test_what_is_lost_damaged_or_interrupted_is_made_again_and_nothing_else(
    records: pd.DataFrame, probe: FragilityProbe, tmp_path: Path, monkeypatch
) -> None:
    make_directory(gallery_directory(tmp_path, PROBE))
    real, written = running.write_gallery, []

    def write(path: Path, arrays, origin) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(path)
        real(path, arrays, origin)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(running, "write_gallery", write)
        keep(probe, tmp_path, [6, 2, 4], records)
    stamp = stamps(gallery_directory(tmp_path, PROBE))
    assert list(stamp) == ["image-0000002.npz", "image-0000004.npz"]
    keep(probe, tmp_path, [6, 2, 4], records)
    assert kept(names_of(tmp_path, PROBE, "again")) == {2, 4, 6}
    whole = stamps(gallery_directory(tmp_path, PROBE))
    assert {name: whole[name] for name in stamp} == stamp
    lost, damaged = (image_path(tmp_path, PROBE, sample) for sample in (6, 2))
    content = lost.read_bytes(), damaged.read_bytes()
    lost.unlink()
    damaged.write_bytes(content[1][:200])
    keep(probe, tmp_path, [2, 4, 6], records)
    assert (lost.read_bytes(), damaged.read_bytes()) == content
    assert image_path(tmp_path, PROBE, 4).stat().st_mtime_ns == stamp["image-0000004.npz"]


def test_the_plan_says_what_the_second_attack_costs(opened: Opened) -> None:
    def of(gallery: int):
        plan = make_plan(opened, ask(opened).bound, gallery)
        return plan.forwards, [line for line in plan.lines if line.startswith("gallery:")]

    none, some, everyone = (of(gallery) for gallery in (0, 3, 5))
    assert none[1] == []
    assert some[1] == [
        "gallery: 3 of the 5 images, chosen by what was found, and looked at once more for their "
        "pictures"
    ]
    assert everyone[1] == ["gallery: all 5 images"]
    assert some[0] > none[0] == everyone[0]


# What needs no audit ------------------------------------------------------------------------------


def overlaps(**values: float):
    common = {"label": 0, "predicted": 0, "explainer": "g", "attack": "top_k", "epsilon": 2.0}
    return attack_records(
        {**common, "sample": int(name[1:]), "metric": "top_k_intersection", "value": value}
        for name, value in values.items()
    )


def test_a_second_attack_that_comes_out_otherwise_is_noticed() -> None:
    first = overlaps(s1=0.5, s2=0.25, s3=float("nan"), s5=0.5)
    again = overlaps(s1=0.5, s2=0.5, s3=float("nan"), s4=0.5)
    found = deviations(deviation_arrays(again, first))
    assert found == {1: 0.0, 2: 0.25, 3: 0.0, 4: np.inf}


def test_a_card_says_that_its_pictures_are_of_another_attack(
    run: Run, records: pd.DataFrame, opened: Opened
) -> None:
    places = choose_shown(records, 3, "gradient", "top_k").places
    (sample, *_) = (place.sample for place in places)
    arrays = read_gallery(run.out, PROBE) | {f"{sample}|deviation": np.asarray(0.02)}
    told = {e.sample: e.place for e in examples(arrays, records, opened.about, places)}
    assert told[sample] == (
        "worst, rank 1 of 5 by overlap; the pictures come from a second attack, whose overlaps "
        "differ by up to 0.02 from the numbers"
    )
    assert all("second attack" not in text for other, text in told.items() if other != sample)


def test_a_place_without_a_role_says_its_rank() -> None:
    assert Place(7, 2, 9, 0.5, "").text == "rank 2 of 9 by overlap"
