"""A matplotlib figure without a window, and its bytes on disk."""

from __future__ import annotations

import io
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tf_fragile.runs.atomic import write_bytes

# Colours of Okabe and Ito, which stay apart for colour-blind readers.
BLUE, VERMILION, GREEN, PURPLE, SKY, GREY = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#7f7f7f",
)  # fmt: skip
_DPI = 100


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of `width` x `height` inches at 100 dots an inch."""
    figure = Figure(figsize=(width, height), dpi=_DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG in one step; equal figures are equal bytes."""
    buffer = io.BytesIO()
    # The version of matplotlib would be in the file otherwise.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_bytes(path, buffer.getvalue())
