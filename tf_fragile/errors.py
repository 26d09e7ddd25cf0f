"""What the library raises when its input, not its code, is at fault."""

from __future__ import annotations

import difflib
import os
import reprlib
from collections.abc import Iterable

_LONGEST = 100  # letters of a value that are shown


class InputError(ValueError):
    """Bad input, told in one sentence: what is wrong, where, and what to do.

    Command lines print the sentence without a traceback and exit with code 2.
    """


class UnsupportedLayerError(InputError):
    """A layer for which a method has no rule; the sentence names the layer."""


class ExplanationWarning(UserWarning):
    """A map that was computed as asked and is yet no explanation to go by, told in one sentence."""


def unknown_name(kind: str, name: object, known: Iterable[str]) -> InputError:
    """An error for a name that is not registered, with the nearest names suggested.

    Args:
      kind: what the name should have named, e.g. `"explainer"`.
      name: what was given.
      known: the names that exist.
    """
    known = sorted(known)
    text = name if isinstance(name, str) else ""
    near = difflib.get_close_matches(text[:_LONGEST], known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known)}."
    return InputError(f"Unknown {kind} {shown(name)}; {hint}")


def readable(name: str | os.PathLike[str]) -> str:
    """A name or path on one line, as UTF-8 says, whatever the locale.

    Other bytes and control characters, line ends among them, are escaped.
    """
    try:
        raw = os.fsencode(name)
    except UnicodeEncodeError:  # no name of a file in this locale
        raw = os.fspath(name).encode("utf-8", "backslashreplace")
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def shown(value: object) -> str:
    """A value for a sentence: short, and whatever it is."""
    shape = getattr(value, "shape", None)
    try:
        if shape is not None and len(shape):
            return f"an array of shape {tuple(shape)}"
        text = repr(value) if isinstance(value, str) else reprlib.repr(value)
    except Exception:  # somebody else's `repr`, or a number with more digits than Python writes
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
