"""From parsed flags to the figure that they ask for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.experiments.frame.figure import Figure
from tf_fragile.experiments.frame.flags import asked, output


def make_asked(name: str, figure: Figure, argv: Sequence[str]) -> None:
    """Makes the figure that the parsed flags ask for.

    Args:
      name: of the figure.
      figure: it.
      argv: what is left of the command line, the program's name first.

    Raises:
      InputError: anything that is wrong with the flags or what they name.
    """
    if len(argv) > 1:
        raise InputError(f"The argument {argv[1]!r} is not understood; write --name=value.")
    given = flags.FLAGS
    wanted = asked(name, figure, given)
    # TensorFlow takes seconds to import: wrong flags and --help should answer at once.
    with cli.quiet_start():
        from tf_fragile.experiments.frame.place import Place
        from tf_fragile.experiments.frame.running import make
        from tf_fragile.runs.artefacts import Store
        from tf_fragile.runs.cache import cache_directory

    out = output(figure, given)
    store = None
    if figure.images is not None:
        store = Store(cache_directory(given.cache, otherwise=out / "cache"))
    command = (Path(sys.argv[0]).name, *sys.argv[1:])
    place = Place(out, given.seed, command, say=cli.say, store=store)
    make(figure.prepare(wanted, place), place)
