"""All designs, by where they come from."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence

from designs.applications import TOO_LARGE
from designs.design import Design
from tf_fragile.errors import unknown_name

GROUPS: dict[str, tuple[str, ...]] = {
    "examples": ("vision", "patches", "sequences", "structured"),
    "applications": ("applications",),
    "hub": ("hub_images", "hub_texts"),
}


def designs_of(group: str) -> tuple[Design, ...]:
    """The designs of a group; none of KerasHub's where it is not installed.

    Raises:
      InputError: no such group.
    """
    if group not in GROUPS:
        raise unknown_name("group", group, GROUPS)
    if group == "hub" and not has_hub():
        return ()
    modules = [importlib.import_module(f"designs.{name}") for name in GROUPS[group]]
    return tuple(design for module in modules for design in module.DESIGNS)


def has_hub() -> bool:
    """Whether KerasHub is installed."""
    return importlib.util.find_spec("keras_hub") is not None


def left_out(groups: Sequence[str]) -> list[str]:
    """A sentence for each group that is not there as a whole."""
    remarks = []
    if "applications" in groups:
        remarks.append(f"Above 60 million parameters, and left out: {', '.join(TOO_LARGE)}.")
    if "hub" in groups and not has_hub():
        remarks.append("KerasHub is not installed here, and left out: `pip install -e '.[hub]'`.")
    return remarks


def chosen(groups: Sequence[str], names: Sequence[str]) -> list[tuple[str, Design]]:
    """(group, design) of those called `names`, or with one in their name; all where empty."""
    found = [(group, design) for group in groups for design in designs_of(group)]
    if not names:
        return found
    exact = [pair for pair in found if pair[1].name in names]
    return exact or [p for p in found if any(n.lower() in p[1].name.lower() for n in names)]
