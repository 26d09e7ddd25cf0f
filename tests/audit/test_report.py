from __future__ import annotations

import html.parser
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from attack_records import attack_records
from fragility_page import write_report

from tf_fragile.errors import InputError
from tf_fragile.probes.fragility.examples import Example, View
from tf_fragile.probes.fragility.summary import summarize

EVIL = "<img src=x onerror=alert(1)>"
EPSILONS = (1.0, 2.0, 4.0, 8.0)


def picture(rng: np.random.Generator, side: int) -> np.ndarray:
    """A smooth coloured scene with one bright disc."""
    y, x = np.mgrid[0:side, 0:side] / side
    centre = rng.uniform(0.3, 0.7, size=2)
    disc = ((y - centre[0]) ** 2 + (x - centre[1]) ** 2 < 0.04)[..., None]
    sky = np.stack([90 + 80 * y, 120 + 60 * x, 200 - 90 * y], axis=-1)
    return np.where(disc, rng.uniform(120, 250, size=3), sky).astype(np.uint8)


def heat(rng: np.random.Generator, side: int, row: float, column: float) -> np.ndarray:
    """A noisy map with its mass around a spot."""
    y, x = np.mgrid[0:side, 0:side] / side
    spot = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 0.03) + 0.05
    return (spot * rng.exponential(size=(side, side))).astype(np.float32)


def examples(
    images: int = 2,
    side: int = 32,
    label: str = "ship",
    explainers: tuple[str, ...] = ("gradient",),
) -> list[Example]:
    """Random and attacked versions of synthetic images; the last image's attack fails at 1."""
    rng = np.random.default_rng(0)
    found = []
    for sample in range(images):
        original = picture(rng, side)
        for explainer in explainers:
            clean = heat(rng, side, 0.5, 0.5)
            for attack in ("random_sign", "top_k"):
                strength = 0.02 if attack == "random_sign" else 0.05
                views = []
                for epsilon in EPSILONS:
                    noise = rng.choice([-epsilon, epsilon], size=original.shape)
                    views.append(
                        View(
                            epsilon=epsilon,
                            success=not (
                                attack == "top_k" and sample == images - 1 and epsilon == 1
                            ),
                            perturbed=np.clip(original + noise, 0, 255).astype(np.float32),
                            map=heat(rng, side, 0.5 - strength * epsilon, 0.5 + strength * epsilon),
                            predicted=label,
                            confidence_before=0.91,
                            confidence_after=0.91 - 0.01 * epsilon,
                            metrics={
                                "top_k_intersection": 1 / (1 + 20 * strength * epsilon),
                                "spearman": 1 / (1 + 8 * strength * epsilon),
                                "center_shift": strength * epsilon * side,
                            },
                        )
                    )
                found.append(
                    Example(sample, label, explainer, attack, original, clean, tuple(views))
                )
    return found


def summary_of(shown: list[Example]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for example in shown:
        for view in example.views:
            common = {
                "sample": example.sample,
                "label": 0,
                "predicted": 0,
                "explainer": example.explainer,
                "attack": example.attack,
                "epsilon": view.epsilon,
            }
            rows.append({**common, "metric": "success", "value": float(view.success)})
            rows += [{**common, "metric": m, "value": v} for m, v in view.metrics.items()]
    return summarize(attack_records(rows), resamples=200)


def write(path: Path, shown: list[Example], **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "title": "squeezenet on 8 images",
        "facts": {"model": "squeezenet_v1.0", "images": "8 of 10", "seed": "0"},
        "verdict_lines": [("gradient: FRAGILE, overlap 0.05 at ε = 8 (random 0.31).", "bad")],
        "summary": summary_of(shown),
        "exclusions": {"misclassified": 2},
        "skipped_files": [("broken.jpg", "truncated file")],
        "examples": shown,
        "chance_overlap": 0.0977,
    }
    write_report(path, **arguments | changes)
    return path.read_text("utf-8")


class Reader(html.parser.HTMLParser):
    """Collects start tags and visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_shows_verdict_facts_numbers_and_what_was_left_out(tmp_path: Path) -> None:
    text = Reader(write(tmp_path / "report.html", examples())).text
    for told in (
        "squeezenet on 8 images",
        "gradient: FRAGILE",
        "8 of 10",
        "top-k overlap",
        "misclassified",
        "broken.jpg",
        "truncated file",
    ):
        assert told in text
    assert list(tmp_path.iterdir()) == [tmp_path / "report.html"]


def test_nothing_points_outside_the_file(tmp_path: Path) -> None:
    page = write(tmp_path / "report.html", examples())
    for tag, attributes in Reader(page).tags:
        for name in ("src", "href", "srcset", "action", "poster", "data"):
            address = attributes.get(name)
            assert address is None or address.startswith("data:image/"), (tag, name, address)
    assert not re.search(r"https?://|url\(|@import", page)


def test_names_with_html_are_text_everywhere(tmp_path: Path) -> None:
    shown = [
        Example(e.sample, EVIL, EVIL, e.attack + "</script>" + EVIL, e.original, e.map, e.views)
        for e in examples(label=EVIL)
    ]
    page = write(
        tmp_path / "report.html",
        shown,
        title=EVIL,
        facts={EVIL: EVIL},
        verdict_lines=[(EVIL, "unknown")],
        exclusions={EVIL: 1},
        skipped_files=[(EVIL, EVIL + "</script>")],
    )
    reader = Reader(page)
    assert not [a for _, a in reader.tags if a.get("onerror") or a.get("src") == "x"]
    assert reader.text.count(EVIL) > 20
    assert page.count("</script>") == 2


def test_a_failed_attack_shows_words_and_no_picture(tmp_path: Path) -> None:
    page = write(tmp_path / "report.html", examples(images=1))
    views = re.findall(r'<div class="view".*?hidden>(.*?)\n</div>\n', page, flags=re.DOTALL)
    failed = [view for view in views if "Attack failed at this ε" in view]
    assert len(views) == 8
    assert len(failed) == 1
    assert "<img" not in failed[0]
    assert "top_k at ε = 1 found no perturbation" in failed[0]


def test_a_flipped_label_is_marked(tmp_path: Path) -> None:
    (first, *_) = examples(images=1)
    view = first.views[0]
    other = View(1.0, True, view.perturbed, view.map, "boat", 0.9, 0.4)
    shown = Example(0, "ship", "gradient", "top_k", first.original, first.map, (other,))
    page = write(tmp_path / "report.html", [shown])
    assert '<dd class="flipped">boat</dd>' in page
    assert "90.0 % → 40.0 %" in page


def test_the_amplification_makes_epsilon_fill_the_range_in_any_unit(tmp_path: Path) -> None:
    (first, *_) = examples(images=1)
    assert "Difference × 15.9" in write(tmp_path / "a.html", [first])
    in_units_of_one = Example(
        0, "ship", "gradient", "top_k", first.original, first.map,
        (View(8 / 255, True, first.views[0].perturbed, first.map, "ship", 0.9, 0.9),),
        grey_level=1 / 255,
    )  # fmt: skip
    assert "Difference × 15.9" in write(tmp_path / "b.html", [in_units_of_one])


def test_a_picture_that_can_not_be_drawn_leaves_the_rest_of_the_report(tmp_path: Path) -> None:
    shown = examples(images=2)
    shown[0] = replace(shown[0], original=np.zeros((32, 32, 5)))
    page = write(tmp_path / "report.html", shown)
    assert page.count("This picture of shape [32, 32, 5] can&#39;t be drawn") == 1
    assert page.count('alt="Original picture"') == 1 and "<svg" in page


def test_does_without_examples_and_without_numbers(tmp_path: Path) -> None:
    page = write(
        tmp_path / "report.html",
        [],
        summary=summarize(attack_records([])),
        exclusions={},
        skipped_files=[],
    )
    text = Reader(page).text
    assert "No attack was run." in text
    assert "every image that was looked at was audited" in text


@pytest.mark.parametrize(
    ("state", "tone"), [("bad", "bad"), ("good", "good"), ("unknown", "unsure")]
)
def test_a_verdict_has_the_colour_of_its_state(tmp_path: Path, state: str, tone: str) -> None:
    line = "a: PASS and FRAGILE"
    lines = [(line, state)]
    page = write(tmp_path / "report.html", [], summary=summary_of([]), verdict_lines=lines)
    assert f'<li class="{tone}">{line}</li>' in page


def test_eight_real_sized_images_stay_below_25_megabytes(tmp_path: Path) -> None:
    one = examples(images=1, side=227, explainers=("gradient",))
    write(tmp_path / "report.html", one)
    per_card = (tmp_path / "report.html").stat().st_size
    assert 16 * per_card < 25e6


def test_a_directory_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"report\.html could not be written"):
        write(tmp_path / "missing" / "report.html", [], summary=summary_of([]))
