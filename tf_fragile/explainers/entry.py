"""What is known of a registered explainer, in one place: the entry of its table.

    EXPLAINERS.register("mine", Entry(Mine, Price(map=3.5, derivative=9.8)))

Attacks, audits, figures, benchmarks and tests ask entries, never for a name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from tf_fragile.errors import InputError, shown
from tf_fragile.explainers.contract import Method
from tf_fragile.settings import described

Control = Literal["random", "edge", "constant", "center_prior", "oracle"]


class Price(NamedTuple):
    """What one evaluation takes for one image, in forward passes of the model.

    Attributes:
      map: an attribution map of the true network.
      derivative: that of an objective of the map.
    """

    map: float
    derivative: float


GRADIENT = Price(map=2.05, derivative=5.7)
"""Of a gradient; measured on SqueezeNet, as all prices, see `docs/results/performance.md`."""


@dataclass(frozen=True)
class Need:
    """Settings that an explainer can't do without and only the data can give.

    Attributes:
      what: `"patterns"`, estimated from some of the images, or `"range"`, the valid one of inputs.
      settings: where they go.
      where: setting and value by which the explainer has the need; always where empty.
    """

    what: Literal["patterns", "range"]
    settings: tuple[str, ...]
    where: tuple[str, str] | None = None


PATTERNS = Need("patterns", ("patterns",))
BOX = Need("range", ("low", "high"), where=("first", "box"))


@dataclass(frozen=True)
class Points:
    """How an explainer that averages is told over how much.

    Attributes:
      setting: that says how many.
      others: settings by which few of them do.
    """

    setting: str
    others: tuple[tuple[str, Any], ...] = ()

    def few(self, number: int) -> dict[str, Any]:
        """Settings for an average of `number`."""
        return {self.setting: number, **dict(self.others)}


@dataclass(frozen=True)
class Entry:
    """A registered explainer.

    Attributes:
      make: from settings to a method; its parameters describe them.
      price: of one evaluation; a gradient's for what is made of gradients and was not measured.
      text: what it is, one line; the first of the docstring of `make` where empty.
      needs: what the data have to give.
      points: for one that averages.
      constant_in_pieces: whether its map is, on a ReLU network, so that an attack has to follow
        another network's.
      graph: whether it walks the recorded graph, which subclassed models don't have.
      images_only: whether it explains one image only, [H, W, C].
      ordinal: whether its map hinges on which units are largest or active, and not on by how much.
      conserves: whether its `gap` is what keeps its sum from what theory asks for.
      control: what it is to be told from, for an explainer that explains nothing; such are not in
        `tff.explainers()`.
    """

    make: Callable[..., Method]
    price: Price = GRADIENT
    text: str = ""
    needs: tuple[Need, ...] = ()
    points: Points | None = None
    constant_in_pieces: bool = True
    graph: bool = False
    images_only: bool = False
    ordinal: bool = False
    conserves: bool = True
    control: Control | None = None

    def __post_init__(self) -> None:
        if not callable(self.make):
            raise InputError(
                f"make of an Entry is {shown(self.make)}; give the class of the method, or a "
                "function from settings to a method."
            )
        if not isinstance(self.price, Price):
            raise InputError(
                f"price of an Entry is {shown(self.price)}; give Price(map=..., derivative=...), "
                "in forward passes."
            )

    @property
    def line(self) -> str:
        """What it is, one line."""
        return self.text or first_line(self.make)

    @property
    def preconditions(self) -> str:
        """What it can't do without, in words; empty for what explains any model."""
        always = [need for need in self.needs if self._has(need, {})]
        words = [f"{need.what} of the data" for need in always]
        words += ["recorded graph"] * self.graph + ["one image"] * self.images_only
        for need in self.needs:
            if need.where is not None and need not in always:
                words.append(f"{need.what} of the data where {'='.join(need.where)}")
        return ", ".join(words)

    def few(self, number: int) -> dict[str, Any]:
        """Settings for an average of `number`; none for one that does not average."""
        return {} if self.points is None else self.points.few(number)

    def unmet(self, settings: Mapping[str, Any]) -> tuple[Need, ...]:
        """What the data still have to give where `settings` are given."""
        return tuple(need for need in self.needs if self._is_unmet(need, settings))

    def _is_unmet(self, need: Need, settings: Mapping[str, Any]) -> bool:
        has = self._has(need, settings)
        return has and any(settings.get(name) is None for name in need.settings)

    def _has(self, need: Need, settings: Mapping[str, Any]) -> bool:
        if need.where is None:
            return True
        name, value = need.where
        return bool(settings.get(name, described(self.make)[name].default) == value)


def first_line(item: Any) -> str:
    """The first line of a docstring, without a source; empty where there is none."""
    text = inspect.getdoc(getattr(item, "func", item)) or ""
    return text.splitlines()[0].partition(" Source:")[0] if text else ""
