"""How many images there are, were looked at and are audited: counted once, said everywhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import pandas as pd

from tf_fragile.data.source import Skipped, Source
from tf_fragile.probes.sampling import Drawn
from tf_fragile.runs.records import EXCLUDED

_NAMED = 3


@dataclass(frozen=True)
class Counts:
    """The images of an audit.

    Attributes:
      found: files, or images of an archive or a data set.
      skipped: files among them that were not read.
      looked_at: images that the model was shown to choose from them.
      passed_over: those of them that are left out, since the model gets them wrong.
      wrong: all that it gets wrong.
      labelled: whether it is known of any what it is.
      asked: how many were to be audited; `None` for all.
      files: whether they are files.
    """

    found: int
    skipped: int
    looked_at: int
    passed_over: int
    wrong: int = 0
    labelled: bool = True
    asked: int | None = None
    files: bool = False

    @property
    def read(self) -> int:
        """Images that can be looked at."""
        return self.found - self.skipped

    @property
    def audited(self) -> int:
        """Images that probes are asked about."""
        return self.looked_at - self.passed_over

    @property
    def auditable(self) -> int:
        """Images that could be audited at most, were all that can be read looked at."""
        return self.audited + self.read - self.looked_at

    @property
    def text(self) -> str:
        """All of them in words."""
        if self.files:
            there = f"{_many(self.found, 'file')} found, {self.skipped} skipped, {self.read} read"
        else:
            there = _many(self.read, "image")
        if not self.labelled:
            left = "without labels"
        elif self.wrong > self.passed_over:
            left = f"{self.wrong} misclassified, {self.passed_over or 'none'} passed over"
        else:
            left = f"{self.passed_over} misclassified and passed over"
        return f"{there}; {self.looked_at} looked at, {left}, {self.audited} audited"

    @property
    def shortfall(self) -> str:
        """That there are fewer images than asked for; empty where there are enough."""
        if self.asked is None or self.audited >= self.asked:
            return ""
        verb = "is" if self.audited == 1 else "are"
        if self.passed_over:
            there = (
                f"only {self.audited} of the {self.looked_at} images {verb} classified correctly"
            )
        else:
            there = f"there {verb} only {_many(self.audited, 'image')}"
        return f"--num_images={self.asked}, but {there}; {self.audited} {verb} audited"


def count(source: Source, drawn: Drawn, asked: int | None) -> Counts:
    """Counts the images of a source and of what was drawn from it."""
    return Counts(
        found=len(source) + len(source.skipped),
        skipped=len(source.skipped),
        looked_at=len(drawn.positions),
        passed_over=int(drawn.passed_over.sum()),
        wrong=int(drawn.wrong.sum()),
        labelled=bool((drawn.label >= 0).any()),
        asked=asked,
        files=source.files is not None or bool(source.skipped),
    )


def as_recorded(counts: Counts, records: pd.DataFrame) -> Counts:
    """The counts by the records of a run.

    A model may call an image something else in a batch of another size, where two classes are
    even to the last bit; the records have the last word then.
    """
    passed_over = records[records["role"] == EXCLUDED]["sample"].nunique()
    known = records[records["label"] >= 0]
    wrong = known[known["label"] != known["predicted"]]["sample"].nunique()
    return replace(counts, passed_over=int(passed_over), wrong=int(wrong))


def exclusions(records: pd.DataFrame) -> dict[str, int]:
    """How many images were left out, by reason.

    Args:
      records: of any probe; a row of role excluded says in `note` why its image was left out.

    Returns:
      Reason to number of different images, the commonest first.
    """
    rows = records[records["role"] == EXCLUDED]
    counts = rows.groupby("note")["sample"].nunique()
    ordered = sorted(((str(note), int(n)) for note, n in counts.items()), key=lambda c: (-c[1], c))
    return dict(ordered)


def skipped_in_words(skipped: Sequence[Skipped]) -> str:
    """One line on the files that were not read, counted by reason; empty where there are none."""
    if not skipped:
        return ""
    reasons = Counter(_kind(file) for file in skipped).most_common()
    named = [f"{number} x {reason}" for reason, number in reasons[:_NAMED]]
    rest = sum(number for _, number in reasons[_NAMED:])
    if rest:
        named.append(f"{rest} for other reasons")
    number = _many(len(skipped), "file")
    return f"skipped: {number} ({'; '.join(named)}); the report lists them"


def _kind(file: Skipped) -> str:
    """A reason without what is that one file's: its name and its sizes."""
    name = PurePath(file.path).name
    spelt = repr(name)[1:-1]
    reason = re.sub("'[^']*'", lambda found: "" if spelt in found[0] else found[0], file.reason)
    reason = reason.replace(name, "")
    return " ".join(re.sub(r"\([^()]*\d[^()]*\)", "", reason).split())


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
