"""Ctrl-C and SIGTERM, which schedulers and containers send, as exceptions that end a command."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

_CLEARING_UP = 5.0  # seconds after a signal during which another adds nothing


class Terminated(KeyboardInterrupt):
    """SIGTERM was received; whatever lets Ctrl-C through lets it through, too."""


@contextlib.contextmanager
def as_exceptions() -> Iterator[None]:
    """A context in which SIGINT raises `KeyboardInterrupt` and SIGTERM `Terminated`, once.

    What was ignored before, as SIGINT is in a background job of a shell, is ignored still. Python
    raises when it regains control: a step that runs in C++ is ended first. Another signal while
    files and leases are given back adds nothing, unless that takes longer than five seconds. After
    the context both are ignored if one was received, so that last words and the exit code are not
    cut off. Outside the main thread, where Python allows none of this, nothing is changed.

    Raises:
      KeyboardInterrupt: a signal was received, and the context ended early, with whichever
        exception: code of others may have made another one of the signal's.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[tuple[int, float]] = []

    def stop(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if received and now - received[-1][1] < _CLEARING_UP:
            return
        received.append((number, now))
        raise _exception(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # `None` is a handler that was not set from Python, and could not be set again.
    heard = [n for n, handler in before.items() if handler not in (signal.SIG_IGN, None)]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield
    except BaseException as error:
        if received and not isinstance(error, KeyboardInterrupt):
            raise _exception(received[-1][0]) from error
        raise
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_IGN if received else before[number])


def _exception(number: int) -> KeyboardInterrupt:
    return Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
