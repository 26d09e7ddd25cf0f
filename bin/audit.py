"""Audits the explanations of a model: the same as `tf_fragile audit`."""

from __future__ import annotations

from tf_fragile import cli
from tf_fragile.audit import command

if __name__ == "__main__":
    command.define_flags()
    cli.run(command.main)
