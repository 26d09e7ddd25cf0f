"""The Markdown page of the verdicts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf

from designs.judge import ATTACK, EXPLAINERS, EXPLODED, Verdict

TITLES = {
    "examples": "Keras' examples, built small",
    "applications": "keras.applications",
    "hub": "KerasHub, small configurations",
}
_COMMAND = "python bench/architectures.py --out=docs/results/architectures.md"
_HOW = f"""Each model is compared with Keras' own tape on the same model: the user's one, and a twin
of equal weights that ends in logits. `gradient` and `integrated_gradients` (8 Gauss-Legendre
points) equal the tape's, `deeplift_rescale` sums to the difference of the logit, the gap that an
explainer tells is the one recomputed from its map, Grad-CAM is that of the last layer with places
where the design names it, and an attack of two steps is judged again by the user's model: ball,
label, map and overlap. `guided_backprop` is held to shape and finiteness alone. Tolerances: 0.2 %
(float16: 5 %), or ten times what the tape's own gradient (path integral) moves by when the input
(the points of the path) does by a millionth or is rounded otherwise, 10 % at most.

A number is the worst sample's gap, as a share of the logit (of its difference from the reference):
weights are fresh, but batch norms have scales and offsets, whose share relevance methods absorb.
‼ stands for an entry more than {EXPLODED:.0f} times the logit, a dash for a refusal; an empty cell
was not asked for. A note has the sentence of the first model that it was said of.
"""


@dataclass(frozen=True)
class Row:
    """One design's verdicts.

    Attributes:
      group: where it comes from.
      name: the design's.
      parameters: of the model.
      cells: verdict by explainer.
    """

    group: str
    name: str
    parameters: int
    cells: Mapping[str, Verdict]


def page(rows: Sequence[Row], remarks: Sequence[str]) -> str:
    """The whole page; `remarks` are lines on what was left out."""
    count = Counter(verdict.kind for row in rows for verdict in row.cells.values())
    lines = [
        "# Architectures of others",
        "",
        f"{len(rows)} architectures, {sum(count.values())} combinations: {count['right']} right, "
        f"{count['refused']} refused with a sentence, {count['wrong']} wrong, {count['crash']} "
        f"crashed. TensorFlow {tf.__version__}, Keras {keras.__version__}. To repeat:",
        "",
        f"```sh\n{_COMMAND}\n```",
        "",
        _HOW,
    ]
    notes: list[str] = []
    for group, title in TITLES.items():
        mine = [row for row in rows if row.group == group]
        if mine:
            lines += [f"## {title}", "", *_table(mine, notes), ""]
    for remark in remarks:
        lines += [remark, ""]
    lines += ["## Notes", "", *(f"{i}. {note}" for i, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def _table(rows: Sequence[Row], notes: list[str]) -> list[str]:
    columns = (*EXPLAINERS, ATTACK)
    lines = [
        "| | parameters | " + " | ".join(f"`{c}`" if c != ATTACK else c for c in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for row in rows:
        shown = [_shown(row.cells.get(column), notes) for column in columns]
        lines.append(f"| {row.name} | {_size(row.parameters)} | " + " | ".join(shown) + " |")
    return lines


def _shown(verdict: Verdict | None, notes: list[str]) -> str:
    if verdict is None:
        return ""
    if verdict.kind == "right":
        number = "✓" if verdict.gap is None else f"{verdict.gap:.0e}"
        number = number.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")
        return number if verdict.exploded is None else f"{number} ‼"
    mark = "–" if verdict.kind == "refused" else verdict.kind.upper()
    return f"{mark} [{_numbered(verdict.text, notes)}]"


def _numbered(sentence: str, notes: list[str]) -> int:
    """The number of the note that says the same of another layer; a new one where none does."""
    known = [_alike(note) for note in notes]
    if _alike(sentence) not in known:
        notes.append(sentence)
        return len(notes)
    return known.index(_alike(sentence)) + 1


def _alike(sentence: str) -> str:
    """A sentence without what names one instance: layers, models, shapes, numbers."""
    return re.sub(r"'[^']*'|\[?\([\d, ()]+\)\]?|\d+(\.\d+)?", "_", sentence)


def _size(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e5 else f"{parameters / 1e3:.1f} k"
