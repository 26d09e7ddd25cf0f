"""Tables of names: an order, places of registrations, and what they refuse."""

from __future__ import annotations

import re

import pytest

from tf_fragile.errors import InputError
from tf_fragile.registry import Place, Registry


def test_names_are_sorted_and_kept_in_the_order_of_their_registration_too() -> None:
    table: Registry[int] = Registry("thing")
    table.register("b", 1)
    table.register("a", 2)
    assert list(table) == ["a", "b"] and table.registered() == ("b", "a")


def test_a_registration_knows_its_place() -> None:
    table: Registry[int] = Registry("thing")
    line = _register(table)
    assert table.place("one") == Place(__file__, line)
    assert str(table.place("one")) == f"{__file__}, line {line}"
    with pytest.raises(InputError, match="Unknown thing 'two'"):
        table.place("two")


def _register(table: Registry[int]) -> int:
    table.register("one", 1)
    return _register.__code__.co_firstlineno + 1


def test_two_of_one_name_are_refused_with_both_places() -> None:
    table: Registry[int] = Registry("thing")
    first = _register(table)
    with pytest.raises(InputError) as error:
        table.register("one", 2)
    said = re.fullmatch(
        r"The thing 'one' is registered twice, in (.*), line (\d+) and in (.*), line (\d+); give "
        r"one of them another name\.",
        str(error.value),
    )
    assert said and said[1] == said[3] == __file__
    assert int(said[2]) == first != int(said[4])
    assert table["one"] == 1


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a=b"])
def test_a_name_that_no_command_line_can_say_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="has no name that a command line can say; give a text w"):
        Registry("thing").register(name, 1)


def test_an_entry_of_another_class_is_refused_with_what_to_write() -> None:
    table: Registry[Place] = Registry("thing", Place)
    with pytest.raises(InputError) as error:
        table.register("one", 3)  # type: ignore[arg-type]
    assert str(error.value) == (
        "The thing 'one' is registered as 3; give its Place: register('one', Place(...))."
    )
