"""Our side of the conversation with a peer's process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent


class PeerError(Exception):
    """What another library answered instead of a map."""


class Peer:
    """A process of a peer, which is started again after an answer that took too long."""

    def __init__(self, python: str, script: str, folder: Path, limit: float) -> None:
        """Starts it.

        Args:
          python: of the peer's environment.
          script: which of the scripts here runs in it.
          folder: where the job is.
          limit: seconds that an answer may take.

        Raises:
          PeerError: it does not start; the last line that it printed says why.
        """
        self._command = [python, str(HERE / f"{script}.py"), str(folder)]
        self._limit = limit
        self._start()

    def map(self, method: str) -> np.ndarray:
        """The maps by `method`.

        Raises:
          PeerError: the library can't, or not in time.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "map.npy"
            self._ask({"map": method, "out": str(path)})
            found: np.ndarray = np.load(path)
        return found

    def seconds(self, method: str) -> float:
        """The time of one map by `method`; the first call warms it up first.

        Raises:
          PeerError: the library can't, or not in time.
        """
        return float(self._ask({"time": method})["seconds"])

    def stop(self) -> None:
        """Ends the process."""
        self._process.kill()
        self._process.communicate()

    def _start(self) -> None:
        with tempfile.TemporaryFile("w+") as log:
            try:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                    env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
                )
            except OSError as error:
                raise PeerError(f"{self._command[0]} can't be run: {error.strerror}") from error
            hello = self._answer()
            if hello is None:
                self.stop()
                log.seek(0)
                lines = log.read().strip().splitlines() or ["it printed nothing"]
                raise PeerError(f"{Path(self._command[1]).name} does not start: {lines[-1]}")
        self.methods: tuple[str, ...] = tuple(hello["methods"])
        self.versions: dict[str, str] = hello["versions"]

    def _ask(self, request: dict[str, str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        late = Timer(self._limit, self._process.kill)
        late.start()
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._answer()
        in_time = late.is_alive()
        late.cancel()
        if answer is None:
            self.stop()
            self._start()
            raise PeerError("the process ended" if in_time else f"more than {self._limit:g} s")
        if "error" in answer:
            raise PeerError(answer["error"])
        return answer

    def _answer(self) -> dict[str, Any] | None:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else None


@contextmanager
def peer(python: str, script: str, folder: Path, limit: float) -> Iterator[Peer]:
    """A `Peer`, ended with the context."""
    other = Peer(python, script, folder, limit)
    try:
        yield other
    finally:
        other.stop()
