"""The Markdown page of `bench/feeding.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

_COMMAND = (
    "python bench/feeding.py --data=$TF_FRAGILE_DATA --rows=feeding.jsonl "
    "--out=docs/results/feeding.md"
)
_HEAD = """# Which wrongly fed models are noticed

The networks with public ImageNet weights on 600 photographs, one a class and probably training
images, so accuracies say nothing but whether a network was fed rightly; and a small network
trained on chest X-rays (`bench/feeding_cases.py`), on their test set. TensorFlow {tf}, Keras
{keras}, one core. To repeat:

```sh
{command}
```

## Ten mistakes

The accuracy with the mistake, with its Wilson interval and the number of images; what is said to
be better, and its accuracy. *Refused*: an error before any work. *Unnoticed*: beside it the
accuracy of the right feeding on the same images; **bold** where the mistake's lies below the
interval of that.
"""


def page(rows: Mapping[tuple[str, str], dict[str, Any]], networks: Sequence[str]) -> str:
    """The page.

    Args:
      rows: by network and job.
      networks: the columns.
    """
    lines = [_HEAD.format(tf=tf.__version__, keras=keras.__version__, command=_COMMAND)]
    lines += ["| | " + " | ".join(networks) + " |", "|---" * (len(networks) + 1) + "|"]
    mistakes = dict.fromkeys(job for _, job in rows if job.startswith("mistake/"))
    for job in mistakes:
        cells = [_cell(rows.get((network, job))) for network in networks]
        lines.append(f"| {job.removeprefix('mistake/')} | " + " | ".join(cells) + " |")
    refused = {row["refused"] for row in rows.values() if "refused" in row}
    lines += ["", *(f"* Refused: {_without_place(sentence)}" for sentence in sorted(refused))]
    lines += ["", "## No alarm on the right feeding", "", *_alarms(rows, networks)]
    lines += ["", "## What it costs", "", *_costs(rows)]
    total = sum(row["cpu_s"] for row in rows.values())
    lines += ["", f"All of this page took {total / 60:.0f} minutes of one core.", ""]
    return "\n".join(lines)


def _cell(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    if "refused" in row:
        return "refused"
    if row["noticed"]:
        cure = row["cure"].removeprefix("--preprocessing=")
        better = f" → {cure} {_percent(row['cured'])}" if cure and row["cured"] is not None else ""
        return f"noticed: {_interval(row['accuracy'])}{better}"
    if row["accuracy"] is None:
        return "taken for pictures without labels, which is said; nothing to compare"
    mean, low = row["accuracy"][0], row["right"][1]
    text = f"unnoticed: {_interval(row['accuracy'])}, right {_interval(row['right'])}"
    return text if mean >= low else f"**{text}**"


def _alarms(rows: Mapping[tuple[str, str], dict[str, Any]], networks: Sequence[str]) -> list[str]:
    lines = ["| | alarms on data sets of 16 images | on the whole data |", "|---|---|---|"]
    for network in networks:
        cells = []
        for kind in ("sample/", "whole/"):
            own = [row for (n, job), row in rows.items() if n == network and job.startswith(kind)]
            cells.append(f"{sum(row['noticed'] for row in own)} of {len(own)}")
        lines.append(f"| {network} | " + " | ".join(cells) + " |")
    return lines


def _costs(rows: Mapping[tuple[str, str], dict[str, Any]]) -> list[str]:
    lines = [
        "Seconds of asking the model about the images and of all other feedings, without memory of "
        "earlier ones, beside those of the audit by its own plan (`make_plan`, default settings).",
        "",
        "| | images | looking, s | of it drawing, s | audit, s | share |",
        "|---|---|---|---|---|---|",
    ]
    for (network, job), row in rows.items():
        if job.startswith("cost/"):
            lines.append(
                f"| {network} | {row['images']} | {row['seconds']:.1f} | {row['drawing']:.1f} | "
                f"{row['audit']:.0f} | {100 * row['seconds'] / row['audit']:.2g} % |"
            )
    return lines


def _without_place(sentence: str) -> str:
    """Without the paths of scratch files."""
    return re.sub(r"/[^\s'\"]*/", "…/", sentence)


def _interval(found: Sequence[float]) -> str:
    mean, low, high, n = found
    return f"{_percent(mean)} [{100 * low:.0f}, {100 * high:.0f}] on {n:.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
