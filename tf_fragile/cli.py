"""Running a command: one sentence for bad input, and the exit codes people can rely on.

0 finished, 1 a gate failed, 2 bad input, 3 a gate is inconclusive, 130 interrupted, 141 the
reader of the output went away, 143 terminated.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from typing import NoReturn

from absl import app, flags

from tf_fragile.errors import InputError
from tf_fragile.signals import Terminated, as_exceptions

BAD_INPUT = 2
INTERRUPTED = 130
CLOSED = 141
TERMINATED = 143
RESUMABLE = "interrupted; run the same command again to resume"

# Faults of the place a command writes to, not of the command.
_PLACE_ERRORS = {
    errno.ENOSPC: "there is no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
    errno.EROFS: "the file system is read-only",
}


def shown(text: str) -> str:
    """Text as it can be shown anywhere: characters that show nothing, or move others, as escapes.

    Names of files may hold what moves a terminal's cursor, and bytes that are no text in the
    locale's encoding, which no UTF-8 file can hold. Line ends and tabs stay.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")  # bytes that the locale could not read
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "backslashreplace")
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode()
        for c in raw.decode("utf-8", "backslashreplace")
    )


def say(line: str) -> None:
    """Prints a line for people, whatever is in it and whatever the terminal can show."""
    sys.stdout.write(f"{shown(line)}\n")
    sys.stdout.flush()


def run(main: Callable[[list[str]], int | None], *, interrupted: str = RESUMABLE) -> NoReturn:
    """Parses the flags, runs `main` and exits with its code; the last line of a binary.

    Bad input (`InputError`, wrong flags, a place that can't be written to) ends in one sentence
    on stderr and code 2, with a traceback only at `--verbosity=1`; Ctrl-C in one line and 130,
    SIGTERM in one line and 143.

    Args:
      main: gets what is left of the command line, the program's name first; returns the exit
        code, `None` for 0.
      interrupted: the line for Ctrl-C, which begins with "terminated" for SIGTERM.
    """
    app.run(lambda argv: _guarded(main, argv, interrupted), flags_parser=_parse)
    raise AssertionError("absl.app.run returned")


def _guarded(main: Callable[[list[str]], int | None], argv: list[str], interrupted: str) -> int:
    _never_fail_on_a_letter()
    logging.getLogger("tensorflow").addFilter(_is_not_about_retracing)
    try:
        with as_exceptions():
            return main(argv) or 0
    except Terminated:
        _say(interrupted.replace("interrupted", "terminated", 1))
        return TERMINATED
    except KeyboardInterrupt:
        _say(interrupted)
        return INTERRUPTED
    except InputError as error:
        return _bad_input(str(error))
    except app.UsageError as error:
        return _bad_input(str(error))
    except BrokenPipeError:  # whoever read the output has enough of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
        return CLOSED
    except OSError as error:
        if error.errno not in _PLACE_ERRORS:
            raise
        where = f"{error.filename!r}" if error.filename else "the output"
        return _bad_input(
            f"Can't write or read {where}: {_PLACE_ERRORS[error.errno]}; choose another place."
        )


def _never_fail_on_a_letter() -> None:
    # In a locale that lacks a letter, the default is to end the program over it.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _is_not_about_retracing(record: logging.LogRecord) -> bool:
    # Every attack has a compiled loop of its own, which TensorFlow takes for one traced too often.
    return "triggered tf.function retracing" not in record.getMessage()


def _bad_input(sentence: str) -> int:
    if flags.FLAGS.verbosity >= 1:
        traceback.print_exc()
    _say(f"error: {sentence}")
    return BAD_INPUT


def _parse(argv: list[str]) -> list[str]:
    try:
        return list(flags.FLAGS(argv))
    except flags.Error as error:
        sentence = " ".join(str(error).split())
        _say(f"error: {sentence} See --help.")
        sys.exit(BAD_INPUT)


def _say(line: str) -> None:
    sys.stderr.write(f"{shown(line)}\n")


def define_model_code() -> None:
    """Defines `--import` and `--unsafe_load`, for every command that loads a user's model file.

    Without them no code of the user's or the file's is run.
    """
    flags.DEFINE_multi_string(
        "import",
        [],
        "A .py file or module to run first, which defines the model's own layers; may be repeated.",
    )
    flags.DEFINE_bool(
        "unsafe_load", False, "Run the code in the model file, as that of Lambda layers."
    )


@contextlib.contextmanager
def quiet_start() -> Iterator[None]:
    """Holds back what C++ code writes to stderr, and shows it only if the block fails.

    TensorFlow logs its build options before any log level can reach it, and those lines would
    stand between a command and its first word.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        original = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except KeyboardInterrupt:  # ends in one line
            raise
        except BaseException:
            held.seek(0)
            os.write(original, held.read())
            raise
        finally:
            os.dup2(original, 2)
            os.close(original)
