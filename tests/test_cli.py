from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from tf_fragile.cli import shown
from tf_fragile.signals import as_exceptions

PRELUDE = """
import errno, os, signal
from absl import app, flags
from tf_fragile import cli
from tf_fragile.errors import InputError
EPSILON = flags.DEFINE_float("epsilon", 1.0, "Budget.")
flags.DEFINE_enum("kind", "a", ["a", "b"], "Kind.")
"""


def run(
    body: str, *args: str, before: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    main = "def main(argv):\n" + textwrap.indent(body, "    ") + "\ncli.run(main)\n"
    return subprocess.run(
        [sys.executable, "-c", before + PRELUDE + main, *args],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=60,
        env={**os.environ, "PYTHONSAFEPATH": "1", **environment},
        preexec_fn=default_signals,
    )


def default_signals() -> None:
    """In a child: what a shell's background job ignores, a program in the foreground hears."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_exit_code_is_what_main_returns(code: int) -> None:
    assert run(f"return {code}").returncode == code


def test_main_without_result_exits_with_zero_and_sees_its_flags() -> None:
    done = run("print(EPSILON.value, argv[1:])", "--epsilon=2.5", "rest")
    assert (done.returncode, done.stdout) == (0, "2.5 ['rest']\n")


def test_bad_input_is_one_line_without_traceback() -> None:
    done = run("raise InputError('The map is flat; give another.')")
    assert done.returncode == 2
    assert done.stderr == "error: The map is flat; give another.\n"


def test_verbosity_shows_the_traceback_of_bad_input() -> None:
    done = run("raise InputError('The map is flat.')", "--verbosity=1")
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("error: The map is flat.\n")


def fault_of(done: subprocess.CompletedProcess[str]) -> Path:
    """The file to report, after checks that one sentence names it."""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    said = re.fullmatch(
        r"error: This is a fault of tf_fragile \((.*)\), not of what you gave; please report it "
        r"with the file (\S+)\.",
        line,
    )
    assert said and said[1] == "ZeroDivisionError: integer division or modulo by zero"
    return Path(said[2])


def test_a_fault_of_ours_is_one_sentence_with_a_file_to_report_and_code_70(tmp_path) -> None:
    done = run("return 1 // 0", "--epsilon=2", "an \x1b[1m argument", TMPDIR=str(tmp_path))
    assert done.returncode == 70
    assert done.stderr.count("\n") == 1
    text = fault_of(done).read_text("utf-8")
    assert text.splitlines()[0] == r"-c --epsilon=2 'an \x1b[1m argument'"
    assert "Traceback (most recent call last)" in text
    assert text.endswith("ZeroDivisionError: integer division or modulo by zero\n")


def test_verbosity_shows_the_traceback_of_a_fault_too(tmp_path) -> None:
    done = run("return 1 // 0", "--verbosity=1", TMPDIR=str(tmp_path))
    assert done.returncode == 70
    assert "Traceback" in done.stderr and fault_of(done).parent == tmp_path


def test_a_fault_is_told_on_the_terminal_where_no_file_can_be_written() -> None:
    body = "import tempfile\ndef no(*_, **__): raise OSError(28, 'full')\n"
    done = run(body + "tempfile.NamedTemporaryFile = no\nreturn 1 // 0")
    assert done.returncode == 70
    assert "Traceback" in done.stderr
    assert done.stderr.endswith("please report it with the lines above.\n")


def test_a_name_that_no_file_can_have_is_bad_input() -> None:
    done = run("open('x' * 5000)")
    assert done.returncode == 2
    assert done.stderr.endswith("x...: the name is too long; choose another place.\n")


def test_a_file_that_fails_in_an_unforeseen_way_is_a_fault_not_a_failed_gate() -> None:
    assert run("raise OSError(5, 'Input/output error')").returncode == 70


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ("raise MemoryError", ""),
        ("raise MemoryError('Unable to allocate 29.8 GiB')", " (Unable to allocate 29.8 GiB)"),
        (
            "class ResourceExhaustedError(Exception): pass\n"
            "raise ResourceExhaustedError('OOM when allocating\\nsecond line')",
            " (OOM when allocating)",
        ),
    ],
)
def test_too_little_memory_says_what_to_lower(body: str, known: str) -> None:
    done = run(body)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: The work does not fit into memory{known}; lower --rows, or choose smaller images "
        "or a smaller model.\n"
    )


def test_unknown_flag_suggests_the_nearest_and_exits_with_two() -> None:
    done = run("return 0", "--epsilom=3")
    assert done.returncode == 2
    assert "epsilom" in done.stderr and "Did you mean: epsilon" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("flag", ["--epsilon=many", "--kind=c"])
def test_wrong_flag_value_exits_with_two_and_names_the_flag(flag: str) -> None:
    done = run("return 0", flag)
    assert done.returncode == 2
    assert flag[2:].partition("=")[0] in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unwanted_argument_exits_with_two() -> None:
    done = run("raise app.UsageError('Too many arguments.')")
    assert (done.returncode, done.stderr) == (2, "error: Too many arguments.\n")


@pytest.mark.parametrize(
    ("number", "said"),
    [("ENOSPC", "no space left"), ("EACCES", "permission is denied"), ("EROFS", "read-only")],
)
def test_a_place_that_takes_no_files_is_one_line(number: str, said: str) -> None:
    done = run(f"raise OSError(errno.{number}, 'x', '/there/report.html')")
    assert done.returncode == 2
    assert said in done.stderr and "/there/report.html" in done.stderr
    assert len(done.stderr.splitlines()) == 1


STOPPED = {
    "SIGINT": (130, "interrupted; run the same command again to resume\n"),
    "SIGTERM": (143, "terminated; run the same command again to resume\n"),
}
SEND = "os.kill(os.getpid(), signal.{name})\nsignal.pause()"


@pytest.mark.parametrize("name", STOPPED)
def test_a_signal_ends_in_one_line_that_says_how_to_go_on_and_128_more_than_it(name: str) -> None:
    done = run(SEND.format(name=name))
    assert (done.returncode, done.stderr) == STOPPED[name]


@pytest.mark.parametrize("name", STOPPED)
def test_a_second_signal_does_not_cut_off_what_the_first_one_clears_up(name: str) -> None:
    body = f"""
    def stop():
        os.kill(os.getpid(), signal.{name})
    try:
        stop()
        signal.pause()
    finally:
        stop()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGTERM)
        print("cleared up")
    """
    done = run(textwrap.dedent(body))
    assert done.stdout == "cleared up\n"
    assert (done.returncode, done.stderr) == STOPPED[name]


@pytest.mark.parametrize("raised", ["ValueError('x')", "InputError('x')", "SystemExit(5)"])
def test_a_signal_whose_exception_code_of_others_replaced_is_no_other_fault(raised: str) -> None:
    body = f"""
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()
    except BaseException as error:
        raise {raised} from error
    """
    done = run(textwrap.dedent(body))
    assert (done.returncode, done.stderr) == STOPPED["SIGTERM"]


def test_what_the_parent_ignores_is_ignored_as_in_a_background_job_of_a_shell() -> None:
    body = "os.kill(os.getpid(), signal.SIGINT)\nprint('went on')"
    before = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    done = run(body, before=before)
    assert (done.returncode, done.stdout, done.stderr) == (0, "went on\n", "")


def test_signals_are_as_before_where_a_command_runs_inside_another_program() -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with as_exceptions():
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    thread = threading.Thread(target=lambda: as_exceptions().__enter__())
    thread.start()
    thread.join()
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_reader_who_goes_away_ends_the_command_quietly() -> None:
    read, write = os.pipe()
    os.close(read)
    body = "def main(argv):\n    cli.say('a line')\n    print('never')\ncli.run(main)\n"
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + body], stdout=write, stderr=subprocess.PIPE, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def test_warnings_about_retracing_are_left_out_and_others_are_not() -> None:
    body = """
    import logging
    log = logging.getLogger("tensorflow")
    log.warning("5 out of the last 5 calls to f triggered tf.function retracing.")
    log.warning("disk on fire")
    """
    done = run(textwrap.dedent(body))
    assert "retracing" not in done.stderr
    assert "disk on fire" in done.stderr


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("caf\u00e9 \u00d7 \u732b", "caf\u00e9 \u00d7 \u732b"),
        ("a\x1b[31m\x00\r\x9b", r"a\x1b[31m\x00\r\x9b"),
        ("two\n\tlines", "two\n\tlines"),
        ("caf\udcc3\udca9", "caf\u00e9"),  # UTF-8 that an ASCII locale could not read
        ("caf\udce9", r"caf\xe9"),  # a name in Latin-1
        ("half a \ud83d pair", r"half a \ud83d pair"),
        ("a\\b", "a\\b"),
    ],
)
def test_control_characters_and_bytes_that_are_no_text_are_escaped(text: str, escaped: str) -> None:
    assert shown(text) == escaped
    shown(text).encode()


@pytest.mark.parametrize(
    ("locale", "encoding"),
    [("C", ""), ("POSIX", ""), ("C", "ascii"), ("C.UTF-8", "latin-1"), ("C.UTF-8", "utf-8")],
)
@pytest.mark.parametrize("stream", ["out", "err"])
def test_no_locale_lacks_a_letter(locale: str, encoding: str, stream: str) -> None:
    text = r"'na\u00efve \u732b \x1b[1m'"  # spelt in ASCII, or the command line would fail
    body = f"cli.say({text})" if stream == "out" else f"raise InputError({text})"
    settings = {"LC_ALL": locale, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = run(body, **settings, PYTHONCOERCECLOCALE="0")
    assert done.returncode == (0 if stream == "out" else 2)
    said = done.stdout if stream == "out" else done.stderr
    assert said.startswith("na" if stream == "out" else "error: na")
    assert said.endswith(" \\x1b[1m\n")
    assert "Traceback" not in done.stderr
