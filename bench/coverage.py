"""Which explainer works on which architecture: `docs/results/coverage.md`.

    python bench/coverage.py --out=docs/results/coverage.md

Every explainer on every model of `subjects.SUBJECTS`, two noise inputs each. A cell says that the
map was computed and by how much the sum that theory fixes is missed, or which layer was refused.
Anything else, a crash or a map that is not finite, shows in capitals and makes the exit code 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags
from subjects import SUBJECTS, Subject, make_subject
from tqdm import tqdm

import tf_fragile as tff
from tf_fragile import cli
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.backprop.patterns import Patterns, estimate_patterns
from tf_fragile.errors import InputError
from tf_fragile.explainers.catalog import EXPLAINERS

OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
ONLY = flags.DEFINE_list("only", [], "Explainers to run; all where empty.")
MODELS = flags.DEFINE_list("models", [], "Models to run; all where empty.")

BATCH = 2
# The same again with other conventions, where the usual ones don't keep the sum.
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "deep_taylor, proportional": (
        "deep_taylor",
        {"residual": "proportional", "average_pool": "proportional"},
    ),
    "lrp_flat, pools by gradient": ("lrp_flat", {"average_pool": "gradient"}),
    "lrp_wsquare, pools by gradient": ("lrp_wsquare", {"average_pool": "gradient"}),
}
SUMLESS = ("deeplift_ablation",)  # has a gap, which says how far from DeepLIFT it went
_SENTENCE = re.compile(r".*? (?:has no rule for|for) layer (?P<layer>'.*?' \(.*?\)): (?P<why>.*)")
_COMMAND = "python bench/coverage.py --out=docs/results/coverage.md"


@dataclass(frozen=True)
class Cell:
    """One explainer on one model.

    Attributes:
      gap: the relative gap of the worst sample; `None` where theory fixes no sum.
      refused: the sentence of a refusal, shortened.
      failed: what went wrong that should not.
      empty: whether all maps are zero.
    """

    gap: float | None = None
    refused: str = ""
    failed: str = ""
    empty: bool = False


def shortened(sentence: str) -> str:
    """The layer and the reason of a refusal, without the method's name and the remedy."""
    found = _SENTENCE.fullmatch(" ".join(sentence.split()))
    if found is None:
        return sentence.rstrip(".")
    return f"{found['layer']}: {found['why'].split('; ')[0].rstrip('.')}"


def settings(name: str, subject: Subject, patterns: Patterns | None) -> dict[str, Any]:
    """Few points for methods that average; bounds and patterns for those that need them."""
    if name == "integrated_gradients":
        return {"steps": 8, "rule": "gauss_legendre"}  # the ends of the path weigh nothing
    if name in ("smoothgrad", "smoothgrad_squared", "vargrad"):
        return {"samples": 2}
    if name == "lrp_zbox":
        return {"low": subject.low, "high": subject.high}
    return {"patterns": patterns} if name.startswith("pattern") else {}


def relative_gap(explainer: tff.explainers.Explainer, x: Any, maps: Any) -> float | None:
    """The largest gap over samples, as a share of the sum that theory asks for."""
    gap = explainer.gap(x, None, maps)
    if gap is None or explainer.name in SUMLESS:
        return None
    sums = [np.asarray(m, "float64").reshape(len(gap), -1).sum(1) for m in tf.nest.flatten(maps)]
    due = np.sum(sums, 0) - gap
    return float(np.max(np.abs(gap) / np.where(due == 0, 1, np.abs(due))))


@lru_cache(maxsize=1)  # two explainers share them
def estimated(network: Network, subject: Subject) -> Patterns:
    """Patterns from two batches of noise."""
    return estimate_patterns(network, [subject.inputs(BATCH, seed) for seed in (1, 2)])


def run(name: str, network: Network, subject: Subject) -> Cell:
    """One cell."""
    try:
        # Compiled, nearly all of the time would go into tracing graphs that run once; op by op,
        # TensorFlow has no derivative by the kernels of grouped convolutions, which patterns need.
        tf.config.run_functions_eagerly(not name.startswith("pattern"))
        patterns = estimated(network, subject) if name.startswith("pattern") else None
        method, own = VARIANTS.get(name, (name, settings(name, subject, patterns)))
        explainer = tff.explain(method, network, **own)
        x = subject.inputs(BATCH, 0)
        maps = explainer(x)
        flat = tf.nest.flatten(maps)
        if not all(np.isfinite(m).all() for m in flat):
            return Cell(failed="NOT FINITE")
        gap = relative_gap(explainer, x, maps)
        return Cell(gap=gap, empty=not any(np.any(m) for m in flat))
    except InputError as error:
        return Cell(refused=shortened(str(error)))
    except Exception as error:  # the point of the page is to show these
        return Cell(failed=f"CRASH {type(error).__name__}: {' '.join(str(error).split())[:160]}")


def shown(cell: Cell, notes: list[str]) -> str:
    """A cell of the table; refusals and failures get a footnote in `notes`."""
    text = cell.refused or cell.failed
    if text:
        if text not in notes:
            notes.append(text)
        mark = "–" if cell.refused else cell.failed.split(":")[0]
        return f"{mark} [{notes.index(text) + 1}]"
    number = "✓" if cell.gap is None else f"{cell.gap:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{number} (all zero)" if cell.empty else number


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
* Integrated gradients with 8 points are an approximation: on the random EfficientNet, whose
  gradient explodes far from the noise that its batch norms were fitted to, 64 points do no better.
* LRP-0 and ε at swish activations divide by pre-activations near zero, where swish is not.
* DeepLIFT's sums on EfficientNet are what is left of contributions ten thousand times larger, in
  float32; in float64 the gap is 1e-10.
"""


def page(
    explainers: Sequence[str], models: Sequence[str], cells: dict[tuple[str, str], Cell]
) -> str:
    """The Markdown page."""
    notes: list[str] = []
    works = sum(not (c.refused or c.failed) for c in cells.values())
    refused = sum(bool(c.refused) for c in cells.values())
    failed = sum(bool(c.failed) for c in cells.values())
    plain = [name for name in explainers if name not in VARIANTS]
    more = len(explainers) - len(plain)
    again = f" and {more} of them again with other conventions" if more else ""
    lines = [
        "# Which explainer works on which architecture",
        "",
        f"{len(plain)} explainers{again} on {len(models)} models: {works} combinations work, "
        f"{refused} are refused with a sentence that names the layer, {failed} fail. TensorFlow "
        f"{tf.__version__}, Keras {keras.__version__}, float32, {BATCH} noise inputs. Weights are "
        "Keras's fresh ones, with random scales in batch norms and variances that fit the "
        "noise; biases are zero, so that no relevance is absorbed that theory says is kept. To "
        "repeat:",
        "",
        f"```sh\n{_COMMAND}\n```",
        "",
        "A number is the worst sample's conservation or completeness gap, |sum of the map − what "
        "theory asks for| as a share of the latter; ✓ stands for methods whose sum theory does not "
        "fix. Path methods ran with 8 points, noise with 2 draws, patterns come from two batches. "
        "A dash is a refusal; the notes say which layer and why. Lines with a comma repeat a "
        "method with other conventions.",
        "",
        "| | " + " | ".join(models) + " |",
        "|---" * (len(models) + 1) + "|",
    ]
    for name in explainers:
        row = [shown(cells[name, model], notes) for model in models]
        lines.append(f"| `{name}` | " + " | ".join(row) + " |")
    lines += ["", *(f"{i}. {note}." for i, note in enumerate(notes, 1)), "", _REASONS]
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Fills the table model by model and writes the page."""
    del argv
    explainers = ONLY.value or sorted([*EXPLAINERS, *VARIANTS])
    models = MODELS.value or list(SUBJECTS)
    cells: dict[tuple[str, str], Cell] = {}
    with tqdm(total=len(explainers) * len(models)) as progress:
        for model in models:
            subject = make_subject(model)
            network = as_network(subject.model)
            for name in explainers:
                progress.set_description(f"{model} {name}"[:44].ljust(44))
                cells[name, model] = run(name, network, subject)
                progress.update()
            keras.backend.clear_session(free_memory=True)
    text = page(explainers, models, cells)
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(cell.failed for cell in cells.values()))


if __name__ == "__main__":
    cli.run(main)
