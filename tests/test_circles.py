"""No module of the package imports itself by way of others, wherever the import stands."""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest


def imports(package: str) -> dict[str, set[str]]:
    """The modules that each module imports: at its top, in functions, for types alone."""
    graph = grimp.build_graph(package, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


@pytest.fixture
def circle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package whose two modules need each other, one of them inside a function."""
    package = tmp_path / "circular_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "a.py").write_text("from circular_package import b\n")
    (package / "b.py").write_text("def f():\n    from circular_package import a\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield package.name


def test_no_module_imports_itself_by_way_of_others() -> None:
    TopologicalSorter(imports("tf_fragile")).prepare()


def test_an_import_inside_a_function_closes_a_circle_too(circle: str) -> None:
    with pytest.raises(CycleError, match="circular_package"):
        TopologicalSorter(imports(circle)).prepare()
