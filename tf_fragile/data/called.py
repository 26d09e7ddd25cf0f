"""What classes are called for people."""

from __future__ import annotations

from collections.abc import Sequence

NO_LABEL = "no label"


def class_name(label: int, class_names: Sequence[str] | None) -> str:
    """The name of a label, with its number where others are called so; without one, the number."""
    if class_names is None or not 0 <= label < len(class_names):
        return f"class {label}"
    name = class_names[label]
    return name if class_names.count(name) == 1 else f"{name} (output {label})"


def label_name(label: int, class_names: Sequence[str] | None) -> str:
    """The name of a true label; `NO_LABEL` for -1."""
    return NO_LABEL if label < 0 else class_name(label, class_names)
