"""The report of a run as a page: HTML that needs nothing beside it."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from tf_fragile import cli
from tf_fragile.report import plots
from tf_fragile.report.blocks import Axis, Block, Facts, Gallery, Plot, Prose, Section, Table
from tf_fragile.report.verdict import State

_TONES: Mapping[State, str] = {"bad": "bad", "unknown": "unsure", "good": "good"}
_COLOURS = 5  # of curves that are no control's


def page(
    *,
    title: str,
    facts: Mapping[str, str],
    verdict_lines: Sequence[tuple[str, State]],
    sections: Sequence[Section],
) -> str:
    """A report as one self-contained page.

    Every text is escaped, so names of files and classes may hold anything. The page makes no
    request; a content security policy in it forbids any, and any script but its own.
    A fragment chooses what galleries open with: `report.html#epsilon=2&attack=top_k`.

    Args:
      title: the heading.
      facts: what was asked and how, name to value, in order.
      verdict_lines: what was found, one sentence each, with the state that colours its line.
      sections: what is shown, in order.
    """
    context = {
        "title": title,
        "facts": facts,
        "verdicts": [(line, _TONES[state]) for line, state in verdict_lines],
        "sections": [_section(section) for section in sections],
        "plot": {"width": plots.WIDTH, "height": plots.HEIGHT, "left": plots.LEFT,
                 "right": plots.RIGHT, "top": plots.TOP, "bottom": plots.BOTTOM},
        "galleries": [_axes(gallery) for gallery in _galleries(sections)],
    }  # fmt: skip
    return _render(context)


def _render(context: Mapping[str, Any]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The policy admits the page's one script by its digest, so nothing smuggled in can run.
    script = environment.get_template("report.js.j2").render()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("report.html.j2").render(**context, script_digest=digest)


def _shown(value: Any) -> Any:
    # Plain text only: what a filter has marked as safe is markup already.
    return cli.shown(value) if type(value) is str else value


def _section(section: Section) -> dict[str, Any]:
    """A section for the template: each block with its kind."""
    colours = _colours(section)
    blocks = [_block(block, colours) for block in section.blocks]
    plain = [b for b in blocks if b["kind"] != "plot" or b["panel"] is not None]
    legend = colours if any(_is_plotted(block) for block in section.blocks) else {}
    return {"kind": "section", "title": section.title, "blocks": plain, "legend": legend}


def _block(block: Block, colours: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(block, Section):
        inner = [_block(one, colours) for one in block.blocks]
        kept = [b for b in inner if b["kind"] != "plot" or b["panel"] is not None]
        return {"kind": "section", "title": block.title, "blocks": kept, "legend": {}}
    if isinstance(block, Plot):
        return {"kind": "plot", "panel": plots.panel(block), "colours": colours}
    if isinstance(block, Prose):
        return {"kind": "prose", "sentences": block.sentences}
    if isinstance(block, Facts):
        return {"kind": "facts", "items": block.items}
    if isinstance(block, Table):
        return {"kind": "table", "table": block, "width": _width(block)}
    return {"kind": "gallery", "gallery": block}


def _width(table: Table) -> int:
    return 1 + sum(len(group.columns) for group in table.groups)


def _is_plotted(block: Block) -> bool:
    if isinstance(block, Section):
        return any(_is_plotted(one) for one in block.blocks)
    return isinstance(block, Plot) and plots.panel(block) is not None


def _plots(blocks: Sequence[Block]) -> Iterator[Plot]:
    for block in blocks:
        if isinstance(block, Section):
            yield from _plots(block.blocks)
        elif isinstance(block, Plot):
            yield block


def _galleries(blocks: Sequence[Block]) -> Iterator[Gallery]:
    for block in blocks:
        if isinstance(block, Section):
            yield from _galleries(block.blocks)
        elif isinstance(block, Gallery):
            yield block


def _axes(gallery: Gallery) -> dict[str, Any]:
    """What a gallery's controls choose, for the page's script."""
    return {name: _axis(getattr(gallery, name)) for name in ("slider", "choice")}


def _axis(axis: Axis | None) -> dict[str, Any] | None:
    return None if axis is None else dataclasses.asdict(axis)


def _colours(section: Section) -> dict[str, str]:
    """A colour class a curve: grey for controls, one of five for the others."""
    curves = [curve for plot in _plots(section.blocks) for curve in plot.curves]
    controls = dict.fromkeys(c.name for c in curves if c.control)
    others = dict.fromkeys(c.name for c in curves if not c.control)
    own = {name: f"series-{i % _COLOURS}" for i, name in enumerate(others)}
    return dict.fromkeys(controls, "series-random") | own
