"""What a file may take up in memory, in numbers and words."""

from __future__ import annotations

import zipfile

import pytest

from tf_fragile.errors import InputError
from tf_fragile.limits import check_archive, size_in_words, too_large


@pytest.mark.parametrize(
    ("claimed", "stored", "limit", "said"),
    [
        (1.2e9, 10, 1.2, ""),
        (4e9, 1e9, 1.2, ""),  # as large as it looks
        (28e9, 246, 1.2, "246 bytes that take 28 GB in memory, more than the 1.2 GB"),
        (28e9, 246, 28, ""),
        (5e6, 1e4, 1e-3, "10 kB that take 5 MB in memory, more than the 0.001 GB"),
    ],
)
def test_what_is_compressed_may_expand_to_the_limit_and_no_further(
    claimed, stored, limit, said
) -> None:
    found = too_large(claimed, stored, limit)
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize("claimed", [1.23456e9, 9.99e9, 2.8e10, 4e12])
def test_the_limit_that_is_advised_is_enough(claimed) -> None:
    advised = float(too_large(claimed, 1).rpartition("--file_limit=")[2])
    assert claimed <= advised * 1e9 <= 1.2 * claimed
    assert not too_large(claimed, 1, advised)


def test_a_part_of_an_archive_is_named(tmp_path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("small", "x")
        archive.writestr("large", bytes(200_000))
    check_archive(path)
    with pytest.raises(InputError, match=r"^'large' in '.*bomb\.zip' has 2\d\d bytes that"):
        check_archive(path, 1e-4)


def test_sizes_are_said_with_three_digits() -> None:
    sizes = (246, 12_345, 6_000_000, 1.234e9)
    assert [size_in_words(s) for s in sizes] == ["246 bytes", "12.3 kB", "6 MB", "1.23 GB"]
