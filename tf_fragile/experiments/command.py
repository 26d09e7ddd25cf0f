"""`tf_fragile figure NAME`: any registered figure, those of the user's own files among them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import InputError
from tf_fragile.experiments.catalog import FIGURES
from tf_fragile.experiments.frame.asking import make_asked
from tf_fragile.experiments.frame.flags import define

_IMPORT = "import"


def define_flags() -> None:
    """Defines the command's flags: those of the figure that the command line names first.

    A figure of the user's own has none before its file is run, so `--import` is obeyed here.
    """
    cli.define_import()
    flags.declare_key_flag(_IMPORT)
    name, *words = [*sys.argv[2:], ""]
    try:
        if name in ("-h", "-help", "--help"):
            return
        if not name or name.startswith("-"):
            raise _no_name()
        if name not in FIGURES:
            _run(_imports(words))
        define(name, FIGURES[name])
    except InputError as error:
        cli.refuse(error)
    for flag in flags.FLAGS.get_key_flags_for_module(sys.argv[0]):
        flags.declare_key_flag(flag.name)


def main(argv: list[str]) -> None:
    """Makes the figure that `argv` names."""
    program, name, *rest = argv
    targets = flags.FLAGS[_IMPORT].value or ()
    if targets:
        _run(targets)
    make_asked(name, FIGURES[name], [program, *rest])


def _no_name() -> InputError:
    return InputError(
        f"Say which figure, one of {', '.join(FIGURES)}: tf_fragile figure NAME --flag=value."
    )


def _imports(words: Sequence[str]) -> list[str]:
    """What `--import` names, read before flags can be."""
    found = []
    for word, following in pairwise(words):
        flag, equals, value = word.partition("=")
        if flag in ("--import", "-import"):
            found.append(value if equals else following)
    return found


def _run(targets: Sequence[str]) -> None:
    with cli.quiet_start():
        from tf_fragile.models.saved.user_code import import_code
    for target in targets:  # what ran already is not run again
        import_code(target)
