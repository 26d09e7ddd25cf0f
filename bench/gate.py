"""The derivative gate on networks of `keras.applications`: verdict, error and time of each.

    python bench/gate.py --out=docs/results/gate.md
    python bench/gate.py --models=ConvNeXtTiny,VGG16

Random weights, small random images. False alarms would show as `secant` or `corrected` without a
layer that is known to be wrong; the last line counts verdicts.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from absl import flags

from tf_fragile import cli
from tf_fragile.derivatives import Decision, trusted

OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
MODELS = flags.DEFINE_list("models", [], "Networks to check; all where empty.")

CLASSES = 10
# Side of the input, and the range that each network's preprocessing gives it.
NETWORKS: dict[str, tuple[int, float, float]] = {
    "ConvNeXtTiny": (64, 0, 255),
    "DenseNet121": (64, -2, 2),
    "DenseNet169": (64, -2, 2),
    "EfficientNetB0": (64, 0, 255),
    "EfficientNetB1": (64, 0, 255),
    "EfficientNetV2B0": (64, 0, 255),
    "EfficientNetV2B1": (64, 0, 255),
    "InceptionResNetV2": (75, -1, 1),
    "InceptionV3": (75, -1, 1),
    "MobileNet": (64, -1, 1),
    "MobileNetV2": (64, -1, 1),
    "MobileNetV3Large": (64, 0, 255),
    "MobileNetV3Small": (64, 0, 255),
    "NASNetMobile": (64, -1, 1),
    "ResNet101": (64, -128, 128),
    "ResNet101V2": (64, -1, 1),
    "ResNet50": (64, -128, 128),
    "ResNet50V2": (64, -1, 1),
    "VGG16": (32, -128, 128),
    "VGG19": (32, -128, 128),
    "Xception": (75, -1, 1),
}


@dataclass(frozen=True)
class Row:
    """One network.

    Attributes:
      name: in `keras.applications`.
      decision: the gate's.
      seconds: the whole decision, with the search for layers and the second check where needed.
    """

    name: str
    decision: Decision
    seconds: float

    @property
    def cells(self) -> list[str]:
        """The row of the table."""
        report, after = self.decision.report, self.decision.after
        faults = Counter(fault.kind for fault in report.faults for _ in fault.names)
        return [
            self.name,
            self.decision.kind,
            f"{report.first_error:.1e}",
            f"{report.second_error:.1e}",
            "" if after is None else f"{after.second_error:.1e}",
            f"{report.undecided} of {report.probes}",
            str(report.curved),
            ", ".join(f"{count} {kind}" for kind, count in faults.items()),
            f"{self.seconds:.0f}",
        ]


def check(name: str) -> Row:
    """Builds a network and runs the gate on three images of noise."""
    side, low, high = NETWORKS[name]
    keras.utils.set_random_seed(0)
    build = getattr(keras.applications, name)
    shape = (side, side, 3)
    model = build(weights=None, input_shape=shape, classes=CLASSES, classifier_activation=None)
    x = np.random.default_rng(0).uniform(low, high, (3, *shape)).astype("float32")
    started = time.perf_counter()
    decision = trusted(model, x)
    return Row(name, decision, time.perf_counter() - started)


TITLES = ["network", "verdict", "first", "H v", "H v corrected", "open", "curved", "at fault", "s"]


def page(rows: list[Row]) -> str:
    """The rows as Markdown."""
    table = [TITLES, ["---"] * len(TITLES), *(row.cells for row in rows)]
    lines = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    verdicts = Counter(row.decision.kind for row in rows)
    counts = ", ".join(f"{count} {kind}" for kind, count in sorted(verdicts.items()))
    return f"{lines}\n\n{len(rows)} networks: {counts}.\n"


def main(argv: list[str]) -> int:
    """Checks every network, one line each on the way, and prints or writes the table."""
    del argv
    rows = []
    for name in MODELS.value or NETWORKS:
        with cli.quiet_start():
            rows.append(check(name))
        print(", ".join(rows[-1].cells), file=sys.stderr, flush=True)
    text = page(rows)
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    cli.run(main)
