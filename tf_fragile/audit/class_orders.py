"""Labels that are counted otherwise than outputs: tried on the answers at hand, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from tf_fragile.audit.alternatives import Alternative
from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source
from tf_fragile.probes.sampling import Seen

Order = npt.NDArray[np.int64]
"""The label that each output stands for."""

_MOST = 12  # so many classes are listed in a sentence where a word says the order
_WHOLE = "numpy.int64(labels)"  # bytes below 0 are large, and floats are no places
_EACH = 2  # images a class, at least, to tell an order that nobody thought of


@dataclass(frozen=True, eq=False)
class _Named:
    """An order.

    Attributes:
      name: what it is called.
      order: itself.
      expression: what to store in place of `labels`.
      is_said: whether its name says it.
    """

    name: str
    order: Order
    expression: str
    is_said: bool = True


def class_orders(source: Source, network: Network, seen: Seen) -> list[Alternative]:
    """The orders in which classes are counted by mistake: reversed, shifted by one, any other.

    Args:
      source: the data.
      network: the model.
      seen: what was seen of it; another order is told from one half of it and tried on the other.
    """
    count = np.arange(seen.classes)
    last = seen.classes - 1
    known = [_Named("the classes in reverse order", count[::-1], f"{last} - labels")]
    if seen.classes > 2:
        lower = f"({_WHOLE} - 1) % {seen.classes}"
        higher = f"({_WHOLE} + 1) % {seen.classes}"
        known.append(_Named("the labels one lower", np.roll(count, -1), lower))
        known.append(_Named("the labels one higher", np.roll(count, 1), higher))

    def tried(way: _Named) -> Alternative:
        def see(asked: Seen) -> Seen:
            return replace(asked, predicted=way.order[asked.predicted])

        return Alternative(way.name, source, network, see, _advice(source, way))

    found = [tried(way) for way in known]
    other = _another(source, network, seen)
    usual = [count.tolist(), *(way.order.tolist() for way in known)]
    return found if other is None or other[0].tolist() in usual else [*found, other[1]]


def _another(source: Source, network: Network, seen: Seen) -> tuple[Order, Alternative] | None:
    """The order that fits best, and how well the one of each half fits the other half."""
    if not 2 < seen.classes <= seen.labelled.sum() // _EACH:
        return None
    halves = np.arange(len(seen)) % 2
    orders = np.stack(
        [_fitted(seen, halves == 1), _fitted(seen, halves == 0), _fitted(seen, halves >= 0)]
    )
    half_of = dict(zip(seen.positions.tolist(), halves.tolist(), strict=True))

    def see(asked: Seen) -> Seen:
        rows = [half_of.get(position, 2) for position in asked.positions.tolist()]
        return replace(asked, predicted=orders[rows, asked.predicted])

    number = np.argsort(orders[2]).tolist()
    expression = f"numpy.array({number})[{_WHOLE}]"
    way = _Named("the classes in another order", orders[2], expression, is_said=False)
    return orders[2], Alternative(way.name, source, network, see, _advice(source, way))


def _fitted(seen: Seen, part: npt.NDArray[np.bool_]) -> Order:
    """The order in which most images are right; a class of which nothing is known stays."""
    used = part & seen.labelled
    hits = np.eye(seen.classes) / (seen.classes + 1)
    np.add.at(hits, (seen.predicted[used], seen.labels[used]), 1)
    return np.asarray(linear_sum_assignment(hits, maximize=True)[1], np.int64)


def _advice(source: Source, way: _Named) -> str:
    """What to do if an order is the right one, a clause."""
    if source.numbering == "names" and source.class_names:
        names = [source.class_names[label] for label in way.order]
        short = len(names) <= _MOST or not way.is_said
        between = "; " if any("," in name for name in names) else ", "
        return (
            "write their names in the order of the outputs, one a line, and give --classes=FILE: "
            + between.join(names if short else [*names[:3], "…", names[-1]])
        )
    hot = source.numbering == "one-hot"
    told = way.expression.replace("labels", "labels.argmax(axis=1)") if hot else way.expression
    if source.name.startswith("npz:"):
        return f"store {told}"
    return f"store the images and {told} as arrays, and open them with npz:FILE"
