"""What is installed is what is in the tree, and what is in the tree may be published."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import importlib.resources
import re
import subprocess
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import NoReturn

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tf_fragile import _version

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tf_fragile"
MAX_WEIGHTS_BYTES = 400_000
MACHINE_PATH = re.compile(r"(?<![\w.$~}/-])/(?:home|root|tmp|work|Users|mnt|opt)/\w[\w./-]*")


def _setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _data_patterns() -> list[str]:
    return _lines(_setup()["options.package_data"]["tf_fragile"])


@pytest.fixture(scope="module")
def published_files(missing: Callable[[str], NoReturn]) -> list[Path]:
    """The files that are in version control or would be added to it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"needs a git checkout: {error}")
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file()]


def _pins() -> dict[str, str]:
    """Canonical name -> version of every line of the constraints file."""
    pins: dict[str, str] = {}
    for line in _lines((ROOT / "constraints.txt").read_text(encoding="utf-8")):
        if not line.startswith("#"):
            name, version = line.split("==")
            pins[canonicalize_name(name)] = version
    return pins


def _machine_paths(text: str) -> list[str]:
    return MACHINE_PATH.findall(text)


def test_installed_version_is_the_one_in_the_source() -> None:
    assert importlib.metadata.version("tf_fragile") == _version.__version__


def test_version_can_be_read_without_importing_anything() -> None:
    tree = ast.parse((PACKAGE / "_version.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]


def test_console_script_leads_to_a_function() -> None:
    (script,) = importlib.metadata.entry_points(group="console_scripts", name="tf_fragile")
    assert callable(script.load())


def test_package_says_that_it_is_typed() -> None:
    assert importlib.resources.files("tf_fragile").joinpath("py.typed").is_file()


@pytest.mark.parametrize("pattern", _data_patterns())
def test_pattern_of_package_data_matches_a_file(pattern: str) -> None:
    assert list(PACKAGE.glob(pattern))


def test_every_data_file_of_the_package_is_shipped(published_files: list[Path]) -> None:
    data = {
        path.relative_to(PACKAGE).as_posix()
        for path in published_files
        if path.is_relative_to(PACKAGE) and path.suffix != ".py"
    }
    shipped = {
        path.relative_to(PACKAGE).as_posix()
        for pattern in _data_patterns()
        for path in PACKAGE.glob(pattern)
    }
    assert data <= shipped


def test_shipped_weights_stay_small() -> None:
    assert sum(path.stat().st_size for path in PACKAGE.rglob("*.npz")) <= MAX_WEIGHTS_BYTES


@pytest.mark.parametrize("section", ["install_requires", "test"])
def test_every_requirement_is_pinned_at_or_above_its_bound(section: str) -> None:
    setup = _setup()
    table = "options" if section == "install_requires" else "options.extras_require"
    pins = _pins()
    requirements = [Requirement(line) for line in _lines(setup[table][section])]
    assert requirements
    for requirement in requirements:
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)])


def test_no_published_file_names_a_path_of_somebodys_machine(published_files: list[Path]) -> None:
    found = {}
    for path in published_files:
        content = path.read_bytes()
        if b"\0" not in content and (paths := _machine_paths(content.decode("utf-8"))):
            found[path.relative_to(ROOT).as_posix()] = paths
    assert found == {}


@pytest.mark.parametrize("root", ["home", "tmp", "work"])
def test_search_for_machine_paths_finds_them(root: str) -> None:
    assert _machine_paths(f'open("/{root}/someone/file.txt")')
    assert not _machine_paths(f"docs/{root}/page.md and https://example.org/{root}/page")


def test_no_photograph_is_published(published_files: list[Path]) -> None:
    photographs = {".jpg", ".jpeg"}
    assert not [path for path in published_files if path.suffix.lower() in photographs]


@pytest.mark.parametrize("page", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_relative_links_of_a_page_lead_to_files(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / PurePosixPath(target)).exists()] == []
