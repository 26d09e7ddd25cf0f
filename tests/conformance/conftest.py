"""Tiny models that between them have every wiring an explainer must survive."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import pytest

from tf_fragile.testing.models import WIRINGS, Tiny, tiny


@lru_cache(maxsize=2 * len(WIRINGS))
def made_once(wiring: str, activation: str = "relu", dtype: str = "float32") -> Tiny:
    """For all explainers, which is safe since none touches it: that is among the promises."""
    return tiny(wiring, activation, dtype)


@pytest.fixture(scope="session")
def subject() -> Callable[..., Tiny]:
    """The maker of subjects."""
    return made_once


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = metafunc.definition.iter_markers("parametrize")
    names = [mark.args[0] for mark in marks]
    chosen = {part for name in names for part in ((name,) if isinstance(name, str) else name)}
    if "wiring" in metafunc.fixturenames and "wiring" not in chosen:
        metafunc.parametrize("wiring", sorted(WIRINGS))
