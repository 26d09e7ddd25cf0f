"""The page that `survival.py` writes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """One thing that was done to a run.

    Attributes:
      kind: the row of the table of counts.
      name: what was done.
      outcome: what asking for the same run again gave; begins with FAILURE where it may not be so.
    """

    kind: str
    name: str
    outcome: str

    @property
    def failed(self) -> bool:
        """Whether something was lost, mixed, or old and told as new."""
        return self.outcome.startswith("FAILURE")


HEAD = """# What a run survives

Made by `bench/survival.py`: an audit of the embedded model on tiny settings. To a finished one was
done what the table says, and the same run was asked for again, or another where that is said:
*taken up* and *recomputed* mean records equal to those of a run that nothing happened to; *refused*
a sentence (exit code 2), and every file of the directory as it was. A bit flipped where Parquet
keeps no value is taken up, since the digest is that of the values. Other runs, where the table has
any, were killed, terminated, left without space and started twice while they ran, and then
finished: *kept* means that every shard that was there is there still and was not computed again.
Anything else counts as a failure: something lost, something mixed, something old told as new.

"""


def page(trials: Sequence[Trial]) -> str:
    """Counts by kind, then every trial."""
    kinds = list(dict.fromkeys(trial.kind for trial in trials))
    lines = ["| what was done | times | failures | outcomes |", "|---|---|---|---|"]
    for kind in kinds:
        own = [trial for trial in trials if trial.kind == kind]
        counted = Counter(re.split("[:,]", trial.outcome)[0] for trial in own)
        said = ", ".join(f"{number} {outcome}" for outcome, number in counted.items())
        lines.append(f"| {kind} | {len(own)} | {sum(t.failed for t in own)} | {said} |")
    lines += ["", "## Each of them", "", "| kind | what | outcome |", "|---|---|---|"]
    lines += [f"| {t.kind} | {_cell(t.name)} | {_cell(t.outcome)} |" for t in trials]
    return HEAD + "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
