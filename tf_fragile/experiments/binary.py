"""The line of a binary: `cli.run(figure("NAME"))`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.experiments.frame.asking import make_asked
from tf_fragile.experiments.frame.flags import define


def figure(name: str) -> Callable[[list[str]], None]:
    """Defines the flags of a registered figure and returns what makes it of the parsed ones.

    Raises:
      InputError: there is no such figure.
    """
    define(name, FIGURES[name])
    return partial(make_asked, name, FIGURES[name])
