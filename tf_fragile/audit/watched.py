"""A word to who waits while images are looked at, before there is a plan."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace

from tqdm import tqdm

from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Read, Sample, Source

QUIET_FOR = 3.0
"""Seconds without a word."""


@contextlib.contextmanager
def watched(source: Source, progress: bool) -> Iterator[Source]:
    """The same data, counted as they are read: a line once it takes longer than a moment.

    Args:
      source: the data.
      progress: whether anything is to be said.
    """
    every = 0.1 if sys.stderr.isatty() else 30.0
    with tqdm(
        desc="looking at images",
        unit="image",
        delay=QUIET_FOR,
        mininterval=every,
        maxinterval=2 * every + 10,
        disable=not progress,
        leave=False,
    ) as bar:

        def counted(read: Read) -> Read:
            def reading(position: int) -> Sample:
                bar.update()
                return read(position)

            return reading

        def reader(reading: Reading, image_shape: tuple[int, int, int]) -> Read:
            assert source.reader is not None
            return counted(source.reader(reading, image_shape))

        yield replace(
            source, read=counted(source.read), reader=None if source.reader is None else reader
        )
