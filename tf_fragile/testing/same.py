"""Comparing what came out twice, to the bit, and saying in words where it differs."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tf_fragile.errors import shown


def demand(holds: bool, sentence: str) -> None:
    """Fails with a sentence where something does not hold.

    Raises:
      AssertionError: with the sentence.
    """
    if not holds:
        raise AssertionError(sentence)


def difference(first: Any, second: Any, where: str = "it") -> str:
    """Where two values differ, a clause; empty where they are equal. NaN equals NaN.

    Args:
      first: tables, arrays, dataclasses, mappings, sequences, or anything with `==`.
      second: likewise.
      where: what they are called in the clause.
    """
    if type(first) is not type(second):
        return f"{where} is of type {type(first).__name__} and then {type(second).__name__}"
    if isinstance(first, pd.DataFrame):
        return _of_tables(first, second, where)
    if isinstance(first, np.ndarray):
        return _of_arrays(first, second, where)
    if dataclasses.is_dataclass(first):
        pairs = [(field.name, f"{where}.{field.name}") for field in dataclasses.fields(first)]
        return _first(
            difference(getattr(first, name), getattr(second, name), said) for name, said in pairs
        )
    if isinstance(first, Mapping):
        if list(first) != list(second):
            return f"{where} has the keys {shown(list(first))} and then {shown(list(second))}"
        return _first(difference(first[key], second[key], f"{where}[{key!r}]") for key in first)
    if isinstance(first, Sequence) and not isinstance(first, str | bytes):
        if len(first) != len(second):
            return f"{where} has {len(first)} entries and then {len(second)}"
        places = range(len(first))
        return _first(difference(first[i], second[i], f"{where}[{i}]") for i in places)
    if isinstance(first, float) and math.isnan(first) and math.isnan(second):
        return ""
    return "" if first == second else f"{where} is {shown(first)} and then {shown(second)}"


def _of_tables(first: pd.DataFrame, second: pd.DataFrame, where: str) -> str:
    if list(first.columns) != list(second.columns):
        return f"{where} has other columns"
    if len(first) != len(second):
        return f"{where} has {len(first)} rows and then {len(second)}"
    return _first(
        _of_arrays(first[name].to_numpy(), second[name].to_numpy(), f"{where}, column {name!r},")
        for name in first.columns
    )


def _of_arrays(first: Any, second: Any, where: str) -> str:
    if first.dtype != second.dtype or first.shape != second.shape:
        return f"{where} is of another dtype or shape"
    unequal = first != second
    if first.dtype.kind in "fc":
        unequal &= ~(np.isnan(first) & np.isnan(second))
    at = np.argwhere(unequal)
    if not len(at):
        return ""
    place = tuple(at[0].tolist())
    told = place[0] if len(place) == 1 else place
    return f"{where} at {told} is {shown(first[place])} and then {shown(second[place])}"


def _first(clauses: Any) -> str:
    return next((clause for clause in clauses if clause), "")
