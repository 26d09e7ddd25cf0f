"""The Markdown page of `bench/coverage.py`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import keras
import tensorflow as tf
from subjects import Group

_COMMAND = "python bench/coverage.py --data=$TF_FRAGILE_DATA --out=docs/results/coverage.md"
_SWOLLEN = 10  # a largest entry beyond this many times the sum is shown


@dataclass(frozen=True)
class Cell:
    """One explainer on one model.

    Attributes:
      gap: the relative gap of the worst sample; `None` where theory fixes no sum.
      largest: the largest absolute entry of the worst sample as a share of that sum, likewise.
      refused: the sentence of a refusal, shortened.
      failed: what went wrong that should not.
      empty: whether all maps are zero.
    """

    gap: float | None = None
    largest: float | None = None
    refused: str = ""
    failed: str = ""
    empty: bool = False


def shown(cell: Cell, notes: list[str]) -> str:
    """A cell of the table; refusals and failures get a footnote in `notes`."""
    text = cell.refused or cell.failed
    if text:
        if text not in notes:
            notes.append(text)
        mark = "–" if cell.refused else cell.failed.split(":")[0]
        return f"{mark} [{notes.index(text) + 1}]"
    number = "✓" if cell.gap is None else _short(cell.gap)
    if cell.largest is not None and cell.largest > _SWOLLEN:
        number += f" ↑{_short(cell.largest)}"
    return f"{number} (all zero)" if cell.empty else number


def _short(number: float) -> str:
    return f"{number:.0e}".replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


_REASONS = """## Why some sums are missed

Untrained networks are a hard test: their logits are close to zero, and shares of a logit are
divided by it.

* `deep_taylor` copies relevance to both branches of an Add, as the library that Sixt et al. ran
  does, so every residual block may double it; and average pools give inactive units an equal share,
  which the ReLU behind then stops. With proportional shares the sum is kept, but for linear
  bottlenecks, whose outputs may be negative (MobileNet).
* `lrp_flat` and `lrp_wsquare` bring relevance to silent units, where proportional pools and Adds
  have nothing to divide; shares of an Add whose summands cancel grow without bound.
* `lrp_cmp` clips the shares of an Add to [0, 1000], as Sixt et al. ran it.
* αβ rules with β = 1 lose the share of units without any negative product. That this is the whole
  of a gap was not checked network by network.
* Trained MobileNet v1 loses nearly all relevance under z⁺: many units of its depthwise layers have
  no positive product and are active by their bias alone. Each depthwise layer loses 6 to 66 % of
  what reaches it, every other layer nothing; z⁺ written anew for that chain gives the same map up
  to 1e-6. The other two networks were not taken apart like this.
* Integrated gradients with 8 points are an approximation: on the random EfficientNet, whose
  gradient explodes far from the noise that its batch norms were fitted to, 64 points do no better.
  On trained MobileNet v1 256 points leave a gap of 1 %.
* LRP-0 and ε at swish activations divide by pre-activations near zero, where swish is not.
* DeepLIFT's sums on EfficientNet are what is left of contributions ten thousand times larger, in
  float32; in float64 the gap is 1e-10.
"""


def page(
    explainers: Sequence[str],
    again: Collection[str],
    parts: Sequence[Group],
    cells: Mapping[tuple[str, str], Cell],
    batch: int,
) -> str:
    """The Markdown page.

    Args:
      explainers: the lines of the tables.
      again: those among them that repeat an explainer with other conventions.
      parts: the tables, and in them the columns.
      cells: by explainer and model.
      batch: how many inputs each model was given.
    """
    notes: list[str] = []
    works = sum(not (c.refused or c.failed) for c in cells.values())
    refused = sum(bool(c.refused) for c in cells.values())
    failed = sum(bool(c.failed) for c in cells.values())
    repeated = f" and {len(again)} of them again with other conventions" if again else ""
    lines = [
        "# Which explainer works on which architecture",
        "",
        f"{len(explainers) - len(again)} explainers{repeated} on "
        f"{sum(len(part.subjects) for part in parts)} models: {works} combinations work, "
        f"{refused} are refused with a sentence that names the layer, {failed} fail. TensorFlow "
        f"{tf.__version__}, Keras {keras.__version__}, float32, {batch} inputs. To repeat:",
        "",
        f"```sh\n{_COMMAND}\n```",
        "",
        "A number is the worst sample's conservation or completeness gap, |sum of the map − what "
        "theory asks for| as a share of the latter; ✓ stands for methods whose sum theory does not "
        f"fix. An arrow tells the largest entry of a map, where it is above {_SWOLLEN} times that "
        "sum. Path methods ran with 8 points, noise with 2 draws, patterns come from two batches. "
        "A dash is a refusal; the notes say which layer and why. Lines with a comma repeat a "
        "method with other conventions.",
        "",
    ]
    for part in parts:
        models = list(part.subjects)
        lines += [f"## {part.title}", "", part.text, ""]
        lines += ["| | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
        for name in explainers:
            row = [shown(cells[name, model], notes) for model in models]
            lines.append(f"| `{name}` | " + " | ".join(row) + " |")
        lines.append("")
    if notes:
        lines += ["## Notes", "", *(f"{i}. {note}." for i, note in enumerate(notes, 1)), ""]
    return "\n".join([*lines, _REASONS])
