"""Looking at images is announced once it takes long, and only then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from feeding_nets import source

from tf_fragile.audit import watched as module
from tf_fragile.audit.watched import watched
from tf_fragile.data.reading import Reading


@pytest.mark.parametrize(
    ("delay", "progress", "said"), [(0, True, True), (60, True, False), (0, False, False)]
)
def test_images_are_counted_where_it_takes_long_in_every_geometry(
    monkeypatch, capsys, delay, progress, said
) -> None:
    monkeypatch.setattr(module, "QUIET_FOR", delay)
    plain = replace(data := source(n=6), reader=lambda reading, shape: data.read)
    with watched(plain, progress) as shown:
        shown.load(range(6))
        shown.seen_as(Reading("crop"), shown.image_shape).load([0])
    assert ("looking at images" in capsys.readouterr().err) is said
    shown.load([0])  # what was judged may be asked again later
