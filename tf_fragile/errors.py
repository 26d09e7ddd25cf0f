"""What the library raises when its input, not its code, is at fault."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do.

    Command lines print the sentence without a traceback and exit with code 2.
    """


class UnsupportedLayerError(InputError):
    """A layer for which a method has no rule; the sentence names the layer."""


class ExplanationWarning(UserWarning):
    """A map that was computed as asked and is yet no explanation to go by, told in one sentence."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> InputError:
    """An error for a name that is not registered, with the nearest names suggested.

    Args:
      kind: what the name should have named, e.g. `"explainer"`.
      name: what was given.
      known: the names that exist.
    """
    known = sorted(known)
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
    return InputError(f"Unknown {kind} {name!r}; {hint}")
