"""Running one input under a time limit, and what came of it."""

from __future__ import annotations

import contextlib
import io
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

ACCEPTED, REFUSED = "accepted", "refused in a sentence"
FAULTS = (
    "raw exception",
    "hang",
    "silent acceptance",
    "refused though it has a meaning",
    "sentence without the setting's name",
    "result without a meaning",
)
RAW, HANG, SILENT, TOO_STRICT, UNNAMED, EMPTY = FAULTS


class TooLong(BaseException):
    """Raised where an input takes longer than its limit; no `except Exception` catches it."""


@dataclass(frozen=True)
class Outcome:
    """What came of one input.

    Attributes:
      what: what was given, in a line.
      verdict: one of the words above.
      detail: the sentence, or the exception.
      seconds: how long it took.
    """

    what: str
    verdict: str
    detail: str = ""
    seconds: float = 0.0

    @property
    def is_fault(self) -> bool:
        return self.verdict in FAULTS


@contextlib.contextmanager
def limit(seconds: float) -> Iterator[None]:
    """Ends what takes longer, as far as Python is asked in between."""

    def ring(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def judged(
    what: str,
    call: Callable[[], Any],
    refusal: type[Exception],
    names: tuple[str, ...],
    means: bool | None,
    seconds: float,
) -> Outcome:
    """Calls and judges.

    Args:
      what: in a line.
      call: does it, and returns why the result means nothing, or an empty text.
      refusal: the class of sentences for people.
      names: of which a sentence has to have one, in any case of letters.
      means: whether the input has a meaning; `None` where the oracle has no opinion.
      seconds: the limit.
    """
    start = time.monotonic()
    verdict, detail = ACCEPTED, ""
    try:
        with limit(seconds), warnings.catch_warnings(), _silence():
            warnings.simplefilter("ignore")
            found = call()
        if means is False:
            verdict = SILENT
        elif found:
            verdict, detail = EMPTY, found
    except refusal as error:
        detail = str(error)
        said = _bare(detail)
        verdict = REFUSED
        if means is True:
            verdict = TOO_STRICT
        elif not any(_bare(name) in said for name in names) or "\n" in detail:
            verdict = UNNAMED
    except TooLong:
        verdict = HANG
    except Exception as error:
        verdict, detail = RAW, f"{type(error).__name__}: {str(error)[:80]}"
    return Outcome(what, verdict, detail, time.monotonic() - start)


def _bare(text: str) -> str:
    """`average-pool` is `average_pool`."""
    return text.lower().replace("_", " ").replace("-", " ")


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def told(value: Any) -> str:
    """A value for a table, whatever it is."""
    try:
        text = repr(value)
    except Exception:
        text = type(value).__name__
    return " ".join(text.split())[:40]
