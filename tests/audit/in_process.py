"""The command of an audit, run in the process of the tests: its words and its exit code."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

from absl import flags

from tf_fragile import cli
from tf_fragile.audit import command
from tf_fragile.audit.settings import AuditSettings


@dataclass(frozen=True)
class Answer:
    """What a command left.

    Attributes:
      code: of its exit.
      out: what it printed.
      sentence: its one sentence for bad input, empty where it had none.
      settings: what it was understood to ask for; `None` where it was not.
    """

    code: int
    out: str
    sentence: str
    settings: AuditSettings | None = None


def audit(*arguments: str) -> Answer:
    """A whole audit."""
    return _answer(arguments)


def understood(*arguments: str) -> Answer:
    """The command up to its settings: nothing is opened."""
    asked: list[AuditSettings] = []

    def noted(settings: AuditSettings, *_: Any, **__: Any) -> None:
        asked.append(settings)

    with mock.patch("tf_fragile.audit.run.run_audit", noted):
        answer = _answer(arguments)
    return Answer(answer.code, answer.out, answer.sentence, asked[0] if asked else None)


def _answer(arguments: Sequence[str]) -> Answer:
    argv = ["tf_fragile audit", *arguments]
    said, complained = io.StringIO(), io.StringIO()
    with (
        _defined(),
        mock.patch.object(sys, "argv", argv),
        mock.patch("tf_fragile.cli.quiet_start", contextlib.nullcontext),
        mock.patch.dict("os.environ"),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(complained),
    ):
        try:
            code = cli._guarded(command.main, cli._parse(argv), "interrupted")
        except SystemExit as end:
            code = int(end.code or 0)
    told = re.search(r"^error: (.*)", complained.getvalue(), re.MULTILINE)
    return Answer(code, said.getvalue(), told[1] if told else "")


@contextlib.contextmanager
def _defined() -> Iterator[None]:
    """The command's flags, which no other code of this process sees."""
    before = set(flags.FLAGS)
    command.define_flags()
    flags.FLAGS.unparse_flags()
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    try:
        yield
    finally:
        for name in set(flags.FLAGS) - before:
            delattr(flags.FLAGS, name)
