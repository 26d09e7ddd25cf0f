"""Counts of images and files, and the sentences made from them."""

from __future__ import annotations

import numpy as np
import pytest
from attack_records import attack_records

from tf_fragile.audit.counts import Counts, as_recorded, count, skipped_in_words
from tf_fragile.data.preprocessing import PREPROCESSINGS
from tf_fragile.data.source import Sample, Skipped, Source
from tf_fragile.probes.sampling import Drawn, nothing_seen


def source(size: int, skipped: tuple[Skipped, ...] = ()) -> Source:
    return Source(
        name="folder:x",
        class_names=None,
        image_shape=(2, 2, 3),
        preprocessing=PREPROCESSINGS["raw"],
        read=lambda _: Sample(np.zeros((2, 2, 3)), 0),
        digest=str,
        size=size,
        skipped=skipped,
    )


def drawn(label: list[int], predicted: list[int], only_correct: bool = True) -> Drawn:
    positions = np.arange(len(label))
    return Drawn(positions, np.array(label), np.array(predicted), only_correct, nothing_seen())


def test_found_is_read_and_skipped_and_looked_at_is_passed_over_and_attacked() -> None:
    files = (Skipped("a.jpg", "broken"), Skipped("b.jpg", "broken"))
    counts = count(source(40, files), drawn([0, 1, -1, 2], [0, 0, 1, 2]), asked=3)
    assert (counts.found, counts.skipped, counts.read) == (42, 2, 40)
    assert (counts.looked_at, counts.passed_over, counts.audited) == (4, 1, 3)
    assert counts.text == (
        "42 files found, 2 skipped, 40 read; 4 looked at, 1 misclassified and passed over, "
        "3 audited"
    )
    assert counts.shortfall == ""


def test_images_that_are_no_files_are_called_images() -> None:
    counts = count(source(1), drawn([0], [1], only_correct=False), asked=None)
    assert counts.text == "1 image; 1 looked at, 1 misclassified, none passed over, 1 audited"
    right = count(source(1), drawn([0], [0], only_correct=False), asked=None)
    assert right.text == "1 image; 1 looked at, 0 misclassified and passed over, 1 audited"


def test_without_labels_nothing_is_said_of_mistakes() -> None:
    counts = count(source(9), drawn([-1, -1], [0, 2]), asked=2)
    assert counts.text == "9 images; 2 looked at, without labels, 2 audited"


def test_what_was_not_looked_at_could_be_attacked() -> None:
    assert count(source(9), drawn([0, 0, 0], [0, 0, 1]), asked=2).auditable == 8
    assert count(source(3), drawn([0, 0, 0], [0, 0, 1]), asked=5).auditable == 2


@pytest.mark.parametrize(
    ("looked_at", "passed_over", "sentence"),
    [
        (120, 20, ""),
        (
            40,
            3,
            "--num_images=100, but only 37 of the 40 images are classified correctly; "
            "37 are audited",
        ),
        (37, 0, "--num_images=100, but there are only 37 images; 37 are audited"),
        (1, 0, "--num_images=100, but there is only 1 image; 1 is audited"),
        (
            9,
            8,
            "--num_images=100, but only 1 of the 9 images is classified correctly; 1 is audited",
        ),
    ],
)
def test_fewer_than_asked_for_is_said(looked_at: int, passed_over: int, sentence: str) -> None:
    assert Counts(looked_at, 0, looked_at, passed_over, asked=100).shortfall == sentence
    assert Counts(looked_at, 0, looked_at, passed_over, asked=None).shortfall == ""


def test_the_records_have_the_last_word() -> None:
    row = {"label": 0, "predicted": 1, "metric": "excluded", "value": 1.0, "note": "misclassified"}
    records = attack_records([{**row, "sample": 3}, {**row, "sample": 5}])
    assert as_recorded(Counts(9, 0, 9, 1), records) == Counts(9, 0, 9, 2, wrong=2)


def test_skipped_files_are_one_line_by_reason() -> None:
    files = [
        *(Skipped(f"x/{i}.jpg", f"cannot identify image file '{i}.jpg'") for i in range(3)),
        Skipped("x/7.jpg", "cannot identify image file '/data/x/7.jpg'"),
        Skipped("x/8.png", "image file is truncated (12 bytes not processed)"),
        Skipped("x/9.png", "image file is truncated (40 bytes not processed)"),
        Skipped("y.png", "outside the class folders"),
        Skipped("z.png", "empty"),
    ]
    assert skipped_in_words(files) == (
        "skipped: 8 files (4 x cannot identify image file; 2 x image file is truncated; "
        "1 x outside the class folders; 1 for other reasons); the report lists them"
    )
    assert skipped_in_words(files[-1:]) == ("skipped: 1 file (1 x empty); the report lists them")
    assert skipped_in_words([]) == ""
