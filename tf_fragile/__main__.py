"""The command line: `tf_fragile COMMAND --flag=value ...`."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import NoReturn

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import unknown_name
from tf_fragile.registry import Registry


@dataclass(frozen=True)
class Command:
    """A command.

    Attributes:
      module: its `define_flags` and `main`; imported when it is asked for.
      text: what it does, in a line.
      arguments: what follows its name besides flags.
    """

    module: str
    text: str
    arguments: str = ""


COMMANDS: Registry[Command] = Registry("command", Command)
COMMANDS.register(
    "audit",
    Command(
        "tf_fragile.audit.command",
        "how far the explanations of a model can be changed by perturbations nobody sees",
    ),
)
COMMANDS.register(
    "list",
    Command(
        "tf_fragile.listing",
        "the explainers, probes, attacks, metrics or figures there are, with what each costs",
        "explainers|probes|attacks|metrics|figures ",
    ),
)
COMMANDS.register(
    "figure",
    Command(
        "tf_fragile.experiments.command",
        "a figure or table of a paper, or of a file of yours, made again",
        "NAME ",
    ),
)


def usage() -> str:
    """What there is to be run."""
    lines = [f"  {name:7s} {COMMANDS[name].text}" for name in COMMANDS]
    return "\n".join(
        [
            "usage: tf_fragile COMMAND [--flag=value ...]",
            "",
            *lines,
            "",
            "tf_fragile COMMAND --help lists the flags of a command.",
        ]
    )


def main() -> NoReturn:
    """Runs the command named first on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help", "help"):
        print(usage())
        sys.exit(0)
    if name not in COMMANDS:
        print(f"error: {unknown_name('command', name, COMMANDS)}\n\n{usage()}", file=sys.stderr)
        sys.exit(cli.BAD_INPUT)
    command = importlib.import_module(COMMANDS[name].module)
    command.define_flags()
    if {"--help", "-h", "-help"} & set(sys.argv[2:]):
        # absl lists the flags of the main module only, and a console script has none.
        print(f"usage: tf_fragile {name} {COMMANDS[name].arguments}[--flag=value ...]")
        print(flags.FLAGS.module_help(command))
        sys.exit(0)
    sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    cli.run(command.main)


if __name__ == "__main__":
    main()
