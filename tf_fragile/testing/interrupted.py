"""Stopping a task in the middle, as Ctrl-C, SIGTERM and errors do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock

import keras

from tf_fragile.data.source import Sample, Source


class StoppedError(Exception):
    """An error in the middle of a task that nobody foresaw."""


class Trip:
    """Counts how often it is passed, and raises an error at one of the times.

    Attributes:
      passed: how often, since it was last armed.
    """

    def __init__(self) -> None:
        self.passed = 0
        self._at: int | None = None
        self._error: type[BaseException] = StoppedError

    def armed(self, at: int | None, error: type[BaseException] = StoppedError) -> Trip:
        """Itself, to raise at the time `at`, from 1, or never."""
        self.passed, self._at, self._error = 0, at, error
        return self

    def __call__(self, *told: Any) -> None:
        """Passes it, whatever it is told.

        Raises:
          BaseException: that which it was armed with, at its time.
        """
        self.passed += 1
        if self.passed == self._at:
            raise self._error


def watched(source: Source, trip: Trip) -> Source:
    """A source that passes `trip` before each sample it reads."""

    def read(position: int) -> Sample:
        trip()
        return source.read(position)

    return replace(source, read=read)


@contextmanager
def changes_watched(model: keras.Model, trip: Trip) -> Iterator[None]:
    """A context in which `trip` is passed after each change of one of a model's weights."""
    own = {id(variable) for variable in model.variables}
    assign = keras.Variable.assign

    def watched_assign(variable: Any, value: Any) -> Any:
        result = assign(variable, value)
        if id(variable) in own:
            trip()
        return result

    with mock.patch.object(keras.Variable, "assign", watched_assign):
        yield
