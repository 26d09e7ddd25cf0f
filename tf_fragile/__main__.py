"""The command line: `tf_fragile COMMAND --flag=value ...`."""

from __future__ import annotations

import sys
from typing import NoReturn

from absl import flags

from tf_fragile import cli
from tf_fragile.errors import unknown_name

USAGE = """usage: tf_fragile COMMAND [--flag=value ...]

  audit   how far the explanations of a model can be changed by perturbations nobody sees

tf_fragile COMMAND --help lists the flags of a command."""


def main() -> NoReturn:
    """Runs the command named first on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if name in ("-h", "--help", "help"):
        print(USAGE)
        sys.exit(0)
    if name != "audit":
        print(f"error: {unknown_name('command', name, ['audit'])}\n\n{USAGE}", file=sys.stderr)
        sys.exit(cli.BAD_INPUT)
    from tf_fragile.audit import command

    command.define_flags()
    if {"--help", "-h", "-help"} & set(sys.argv[2:]):
        # absl lists the flags of the main module only, and a console script has none.
        print(f"usage: tf_fragile {name} [--flag=value ...]")
        print(flags.FLAGS.module_help(command))
        sys.exit(0)
    sys.argv = [f"{sys.argv[0]} {name}", *sys.argv[2:]]
    cli.run(command.main)


if __name__ == "__main__":
    main()
