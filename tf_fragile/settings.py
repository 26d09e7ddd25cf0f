"""What a setting may be, said once on its dataclass field: checked, read and explained from there.

    steps: int = setting(50, low=1, high=100_000, help="Gradient evaluations.")

The field's type says the kind: `bool`, `int`, `float`, `str`, a `Literal`, a tuple of one of these,
each maybe `| None`; anything else is a part that checks itself. Numbers are finite.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import math
import operator
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from tf_fragile.errors import InputError, shown, unknown_name

Choices = tuple[str, ...] | Callable[[], Iterable[str]]
Kind = Literal["bool", "int", "float", "text", "part"]

LARGEST = 3.4e38
"""Of float32, in which models and maps compute."""
MOST = 100_000
"""Steps, points or draws of one thing: beyond, no error is left to be averaged away."""
MOST_ROWS = 65_536
"""Images times radii in memory at once."""
SMALL, LARGE = 1e-30, 1e30
"""A length and its inverse, in any units: what float32 holds with room for a product."""
WHOLE = 2**31 - 1
"""The largest whole number of TensorFlow's loops and seeds."""
_INT64 = 2**63 - 1
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0")
_KINDS: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}


def setting(
    default: Any = MISSING,
    *,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Choices = (),
    named: str = "",
    values: bool = False,
    distinct: bool = False,
    read: Callable[[str], Any] | None = None,
    unit: str = "",
    help: str = "",
) -> Any:
    """A dataclass field that says what it may be.

    Args:
      default: as of `dataclasses.field`; none where it has to be given.
      low: the smallest number.
      high: the largest number.
      above: what a number has to be larger than.
      below: what it has to be smaller than.
      choices: the words that are known, or a function that looks them up; a `Literal` has its own.
      named: what those words name, for messages, such as `"quadrature rule"`; the field's name.
      values: whether it holds numbers in an array or a nesting of arrays.
      distinct: whether a tuple may not hold one twice.
      read: from the text of a command line, where it is not written as its kind is.
      unit: of the number, in words such as `"in input units"`.
      help: one line for people.
    """
    said = {
        "low": low, "high": high, "above": above, "below": below, "choices": choices,
        "named": named, "values": values, "distinct": distinct, "read": read, "unit": unit,
        "help": help,
    }  # fmt: skip
    return dataclasses.field(default=default, metadata=said)


@dataclass(frozen=True)
class Setting:
    """The description of one setting; see `setting` for what is not said here.

    Attributes:
      name: of the field.
      kind: of the value, or of each in a tuple.
      default: `MISSING` where it has to be given.
      optional: whether it may be `None`.
      several: whether it is a tuple.
      count: how many are in it; any number where `None`.
    """

    name: str
    kind: Kind
    default: Any = MISSING
    optional: bool = False
    several: bool = False
    count: int | None = None
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    choices: Choices = ()
    named: str = ""
    values: bool = False
    distinct: bool = False
    read: Callable[[str], Any] | None = None
    unit: str = ""
    help: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        """The words it may be; none where any will do."""
        return tuple(self.choices() if callable(self.choices) else self.choices)

    @property
    def asked(self) -> str:
        """What to give, in words: `a whole number from 1 to 9`."""
        if self.values:
            return "finite numbers"
        if self.kind == "bool":
            one = "True or False"
        elif self.kind == "text":
            one = f"one of {', '.join(self.known)}" if self.choices else "a text"
        else:
            whole = "a whole number" if self.kind == "int" else "a finite number"
            one = " ".join(filter(None, (whole, self._range, self.unit)))
        number = "" if self.count is None else f"{self.count} "
        return f"{number}values, each {one}" if self.several else one

    @property
    def _range(self) -> str:
        if self.low is not None and self.high is not None:
            return f"from {_said(self.low)} to {_said(self.high)}"
        ends = (
            ("at least", self.low), ("above", self.above),
            ("at most", self.high), ("below", self.below),
        )  # fmt: skip
        said = " and ".join(f"{words} {_said(end)}" for words, end in ends if end is not None)
        return f"of {said}" if said.startswith("at") else said

    def checked(self, value: Any, said: str) -> Any:
        """`value` if it may be, NumPy's scalars as Python's.

        Args:
          value: what was given.
          said: what people call the setting, such as `"--steps"`.

        Raises:
          InputError: a sentence that names it and says what to give.
        """
        if value is None and self.optional:
            return None
        if self.values:
            if not is_numeric(value):
                raise self._refusal(value, said)
            return value
        if not self.several:
            return self._one(value, said)
        if not isinstance(value, (tuple, list)):
            raise self._refusal(value, said)
        if not value and self.default != ():
            raise InputError(f"{said} is empty; give at least one.")
        if self.count not in (None, len(value)):
            raise self._refusal(value, said)
        several = tuple(self._one(one, said) for one in value)
        if self.distinct and len(set(several)) != len(several):
            raise InputError(f"{said} names one twice: {_listed(several)}; give each once.")
        return several

    def from_text(self, text: str, said: str) -> Any:
        """What `text` on a command line stands for.

        Raises:
          InputError: it is none that may be.
        """
        if self.read is not None:
            return self.checked(self.read(text), said)
        if self.several:
            parts = text.split(",") if text.strip() else []
            return self.checked(tuple(self._parsed(part.strip()) for part in parts), said)
        if self.optional and text.lower() == "none" and (self.kind != "text" or self.choices):
            return None
        return self.checked(self._parsed(text), said)

    def _one(self, value: Any, said: str) -> Any:
        if self.kind == "part":
            return value
        plain = _plain(value, self.kind)
        if plain is None or not self._fits(plain):
            raise self._refusal(value, said)
        if self.kind == "text" and self.choices and plain not in self.known:
            raise unknown_name(self.named or self.name, plain, self.known)
        return value if type(value) in _KINDS else plain

    def _fits(self, value: Any) -> bool:
        if self.kind == "text":
            return bool(value.strip())
        if self.kind not in ("int", "float"):
            return True
        largest = LARGEST if self.kind == "float" else _INT64
        return (
            -largest <= value <= largest
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def _parsed(self, text: str) -> Any:
        """The text as the kind has it, or as it is, which is refused then."""
        if self.kind == "bool":
            word = text.lower()
            return True if word in _TRUE else False if word in _FALSE else text
        if self.kind == "text":
            return text
        for number in (int,) if self.kind == "int" else (int, float):
            try:
                return number(text)
            except ValueError:
                continue
        return text

    def _refusal(self, value: Any, said: str) -> InputError:
        given = "empty" if isinstance(value, str) and not value.strip() else shown(value)
        either = ", or None" if self.optional and not self.several else ""
        return InputError(f"{said} is {given}; give {self.asked}{either}.")


def check(settings: Any, said: str = "") -> None:
    """Checks every field of a dataclass by its description; the first line of `__post_init__`.

    Args:
      settings: the dataclass. NumPy's scalars in it become Python's.
      said: how people call a field, with `{}` for its name: `"--{}"`; `"{} of Class"` where empty.

    Raises:
      InputError: names the first field at fault.
    """
    said = said or f"{{}} of {type(settings).__name__}"
    for name, one in described(type(settings)).items():
        value = getattr(settings, name)
        kept = one.checked(value, said.format(name))
        if kept is not value:
            object.__setattr__(settings, name, kept)


def is_default(settings: Any, name: str) -> bool:
    """Whether a field of a dataclass has its default, for settings that another makes useless."""
    value, default = getattr(settings, name), described(type(settings))[name].default
    return type(value) in (*_KINDS, type(None)) and value == default


def described(make: Callable[..., Any]) -> Mapping[str, Setting]:
    """The settings of a dataclass, or of a function that makes one, by name.

    A function's are described by the types of its parameters, or by its `__described__`.
    """
    if isinstance(make, functools.partial):
        own = described(make.func)
        fixed = {name: make.keywords[name] for name in own if name in make.keywords}
        return {**own, **{n: dataclasses.replace(own[n], default=v) for n, v in fixed.items()}}
    given: Mapping[str, Setting] | None = getattr(make, "__described__", None)
    return _described(make) if given is None else given


@functools.cache
def _described(make: Callable[..., Any]) -> Mapping[str, Setting]:
    hints = get_type_hints(make)
    if dataclasses.is_dataclass(make):
        fields = [f for f in dataclasses.fields(make) if f.init]
        return {f.name: _from(f.name, hints[f.name], f.default, f.metadata) for f in fields}
    return {
        name: _from(name, hints.get(name), _default(parameter), {})
        for name, parameter in inspect.signature(make).parameters.items()
    }


def _from(name: str, hint: Any, default: Any, said: Mapping[str, Any]) -> Setting:
    optional, several, count = False, False, None
    if get_origin(hint) in (Union, types.UnionType):
        others = [one for one in get_args(hint) if one is not type(None)]
        optional = len(others) < len(get_args(hint))
        hint = others[0] if len(others) == 1 else Any
    if get_origin(hint) is tuple:
        several, parts = True, get_args(hint)
        count = None if parts[-1] is Ellipsis else len(parts)
        hint = parts[0]
    optional = optional or default is None
    more = {key: value for key, value in said.items() if key in _DESCRIPTION}
    if get_origin(hint) is Literal:
        hint, more["choices"] = str, get_args(hint)
    kind = _KINDS.get(hint, "part")
    return Setting(name, kind, default, optional, several, count, **more)


def _default(parameter: inspect.Parameter) -> Any:
    return MISSING if parameter.default is inspect.Parameter.empty else parameter.default


_DESCRIPTION = {f.name for f in dataclasses.fields(Setting)} - {"name", "kind", "default"}


def names_in(table: str) -> Callable[[], Iterable[str]]:
    """The names in `package.module:TABLE`, which is imported when a name is looked up.

    For tables behind TensorFlow, whose import takes seconds that `--help` should not.
    """
    module, _, name = table.partition(":")
    return lambda: tuple(getattr(importlib.import_module(module), name))


def leaves(value: Any) -> list[Any]:
    """What is in a nesting of dicts, lists and tuples."""
    if isinstance(value, Mapping):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, (list, tuple)):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]


def _plain(value: Any, kind: Kind) -> Any:
    """The value as Python's own `kind`; `None` where it is none."""
    own = _KINDS.get(type(value))
    if own == kind and kind != "float":
        return value
    if kind == "text":
        return str(value) if isinstance(value, str) else None
    if getattr(value, "shape", ()) != ():
        return None
    dtype = str(getattr(value, "dtype", ""))
    is_bool = isinstance(value, bool) or "bool" in dtype
    if is_bool or kind == "bool":
        return bool(value) if is_bool and kind == "bool" else None
    try:
        return operator.index(value)
    except TypeError:
        pass
    if kind == "int" or "complex" in dtype or not hasattr(value, "__float__"):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def is_numeric(value: Any) -> bool:
    """Whether a number, an array or a nesting of them holds finite numbers of float32, and any.

    Arrays may be of truth values. Symbolic tensors, which have no values yet, may be anything.
    """
    import numpy as np

    found = leaves(value)
    for leaf in found:
        if hasattr(leaf, "dtype") and hasattr(leaf, "graph") and not hasattr(leaf, "numpy"):
            continue
        try:
            array = np.asarray(leaf)
        except Exception:  # somebody else's type
            return False
        kinds = "iufb" if array.ndim else "iuf"
        if array.dtype.kind not in kinds and array.dtype.name != "bfloat16":
            return False
        with np.errstate(all="ignore"):
            if not np.isfinite(array.astype(np.float32)).all():
                return False
    return bool(found)


def _said(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(f"{one:g}" if isinstance(one, float) else str(one) for one in values)
