"""Running a command: one sentence for bad input, and the exit codes people can rely on.

0 finished, 1 a gate failed, 2 bad input, 3 a gate is inconclusive, 70 a fault of ours, 130
interrupted, 141 the reader of the output went away, 143 terminated.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import shlex
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, replace
from typing import Any, NoReturn

from absl import app, flags

from tf_fragile.errors import InputError
from tf_fragile.errors import shown as told
from tf_fragile.settings import WHOLE, Setting, described
from tf_fragile.signals import Terminated, as_exceptions

BAD_INPUT = 2
FAULT = 70
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
    errno.ENAMETOOLONG: "the name is too long",
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

    Bad input (`InputError`, wrong flags, a place that can't be written to, too little memory) ends
    in one sentence on stderr and code 2, with a traceback only at `--verbosity=1`; Ctrl-C in one
    line and 130, SIGTERM in one line and 143. Anything else is a fault of ours: code 70, and a file
    with the traceback and the command line, to be reported.

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
    except MemoryError as error:
        return _bad_input(f"{_memory(error)}{_LESS}")
    except OSError as error:
        if error.errno not in _PLACE_ERRORS:
            return _fault(error)
        where = told(error.filename) if error.filename else "the output"
        return _bad_input(
            f"Can't write or read {where}: {_PLACE_ERRORS[error.errno]}; choose another place."
        )
    except Exception as error:
        # TensorFlow's, known by its name: this module does without TensorFlow.
        if any(kind.__name__ == "ResourceExhaustedError" for kind in type(error).__mro__):
            return _bad_input(f"{_memory(error)}{_LESS}")
        return _fault(error)


_LESS = "; lower --rows, or choose smaller images or a smaller model."


def _memory(error: BaseException) -> str:
    """Where memory ran out, as far as is known."""
    first = next(iter(str(error).splitlines()), "")[:200]
    return "The work does not fit into memory" + (f" ({first})" if first else "")


def _fault(error: BaseException) -> int:
    """A sentence for what nobody foresaw, with a file to report."""
    if flags.FLAGS.verbosity >= 1:
        traceback.print_exc()
    first = next(iter(str(error).splitlines()), "")[:200]
    what = f"{type(error).__name__}{': ' if first else ''}{first}"
    _say(
        f"error: This is a fault of tf_fragile ({what}), not of what you gave; please report it "
        f"with {_report_file()}."
    )
    return FAULT


def _report_file() -> str:
    """Where the traceback and the command line are; on stderr where no file can be written."""
    text = f"{shlex.join(map(shown, sys.argv))}\n\n{traceback.format_exc()}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="tf_fragile-fault-", suffix=".txt", delete=False, encoding="utf-8",
            errors="backslashreplace",
        ) as file:  # fmt: skip
            file.write(text)
        return f"the file {file.name}"
    except OSError:
        _say(text)
        return "the lines above"


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


def refuse(error: InputError) -> NoReturn:
    """Ends a command whose flags can't even be known, as `run` does for bad input."""
    _say(f"error: {error}")
    sys.exit(BAD_INPUT)


def define_dotted() -> None:
    """Lets the command line hold `--NAME.SETTING=value`, of which `dotted` tells.

    For settings of parts that are known only when the user's own code has been run.
    """
    flags.DEFINE_multi_string(
        _DOTTED, [], "NAME.SETTING=value, a setting of one probe; --NAME.SETTING=value for short."
    )


def dotted() -> list[tuple[str, str, str]]:
    """Name, setting and text of each argument `--NAME.SETTING=value`, in order.

    Raises:
      InputError: one is not of this form.
    """
    found = []
    for argument in flags.FLAGS[_DOTTED].value or ():
        parts = _IS_DOTTED.fullmatch(f"--{argument}")
        if parts is None or parts[3] is None:
            raise InputError(f"--{argument} has no value; write --NAME.SETTING=VALUE.")
        found.append((parts[1], parts[2], parts[3]))
    return found


_DOTTED = "set"
_IS_DOTTED = re.compile(r"--?([A-Za-z_]\w*)\.([A-Za-z_]\w*)(?:=(.*))?", re.DOTALL)


def _spelt_out(argv: list[str]) -> list[str]:
    """The arguments with dotted ones as values of a flag, where the command has it."""
    if _DOTTED not in flags.FLAGS:
        return argv
    return [
        f"--{_DOTTED}={argument.lstrip('-')}" if _IS_DOTTED.fullmatch(argument) else argument
        for argument in argv
    ]


def _parse(argv: list[str]) -> list[str]:
    try:
        return list(flags.FLAGS(_spelt_out(argv)))
    except flags.Error as error:
        ours = error.__context__  # of a flag that has a description
        sentence = f"{' '.join(str(error).split())} See --help."
        _say(f"error: {ours if isinstance(ours, InputError) else sentence}")
        sys.exit(BAD_INPUT)


def _say(line: str) -> None:
    sys.stderr.write(f"{shown(line)}\n")


class _Reader(flags.ArgumentParser[Any]):
    """Reads a flag by its setting's description; tables that cost an import are left to `check`."""

    def __init__(self, setting: Setting) -> None:
        self.setting = replace(setting, choices=()) if callable(setting.choices) else setting

    def parse(self, argument: Any) -> Any:
        """The value of a text; a default is one already."""
        if not isinstance(argument, str) or argument == self.setting.default:
            return argument
        return self.setting.from_text(argument, f"--{self.setting.name}")

    def flag_type(self) -> str:
        """For absl's own help."""
        return self.setting.kind


class _Writer(flags.ArgumentSerializer[Any]):
    def serialize(self, value: Any) -> str:
        return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def define_settings(
    settings: type,
    *,
    leave_out: Sequence[str] = (),
    as_text: Sequence[str] = (),
    defaults: bool = True,
) -> None:
    """Defines a flag for each field of a dataclass of settings, by its description.

    Args:
      settings: the dataclass.
      leave_out: fields without a flag.
      as_text: fields whose flag is a list of texts, which the command reads itself.
      defaults: whether flags have the fields' defaults, or none.
    """
    for name, one in described(settings).items():
        if name in leave_out:
            continue
        asked = one.kind not in ("text", "part") and one.kind != "bool" and one.read is None
        said = f"{one.help[:-1]}; {one.asked}." if asked and one.help else one.help
        default = one.default if defaults and one.default is not MISSING else None
        if name in as_text:
            texts = [str(one) for one in default] if isinstance(default, tuple) else default
            flags.DEFINE_list(name, texts, said)
        elif one.kind == "bool":
            flags.DEFINE_bool(name, default, said)
        else:
            _define(one, default, said)


def given_settings(settings: type, *, leave_out: Sequence[str] = ()) -> dict[str, Any]:
    """What the parsed flags of `define_settings` say, by field."""
    names = [name for name in described(settings) if name not in leave_out]
    return {name: flags.FLAGS[name].value for name in names}


def define_seed(text: str) -> None:
    """Defines `--seed`, which is 0 unless given; `text` says what it decides."""
    _define(Setting("seed", "int", 0, low=0, high=WHOLE), 0, text)


def define_cache() -> None:
    """Defines `--cache`, for commands that build what other runs can use, too."""
    flags.DEFINE_string(
        "cache",
        None,
        "Directory of what runs share, as patterns and trained networks, built once and then "
        "read; the platform's cache by default. Deleting it costs time and changes nothing.",
    )


def define_width(default: float | None, text: str) -> None:
    """Defines `--width`, a factor on the channels of a network; `text` says of which."""
    _define(Setting("width", "float", default, optional=True, low=1e-3, high=16), default, text)


def _define(setting: Setting, default: Any, text: str) -> None:
    known = setting.choices if isinstance(setting.choices, tuple) else ()
    words = f"<{'|'.join(known)}>: " if known else ""
    flags.DEFINE(_Reader(setting), setting.name, default, words + text, serializer=_Writer())


def define_model_code() -> None:
    """Defines `--import` and `--unsafe_load`, for every command that loads a user's model file.

    Without them no code of the user's or the file's is run.
    """
    define_import()
    flags.DEFINE_bool(
        "unsafe_load", False, "Run the code in the model file, as that of Lambda layers."
    )


def define_import() -> None:
    """Defines `--import`, for code of the user's that is run first."""
    flags.DEFINE_multi_string(
        "import",
        [],
        "A .py file or module to run first, which defines the model's own layers, or registers "
        "explainers, metrics and attacks of your own; may be repeated.",
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
