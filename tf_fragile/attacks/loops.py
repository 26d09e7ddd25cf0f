"""Compiled loops, kept while they may be of use again, and no longer."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from weakref import WeakKeyDictionary, ref

from tf_fragile.attacks.loop import Loop
from tf_fragile.explainers.explainer import Explainer

_PLACE = "_attack_loops"


class Loops:
    """The loops of one attack, the least recently used forgotten.

    A loop holds its explainer's model, so whoever holds the loop keeps the model alive. It is
    therefore the explainer that holds it, under the weakly held name of the attack's `Loops`: a
    loop goes with either of the two. `dataclasses.replace` copies neither.
    """

    def __init__(self, most: int = 8) -> None:
        self._most = most
        self._used: OrderedDict[tuple[int, int], ref[Explainer]] = OrderedDict()

    def get(self, explainer: Explainer, k: int, make: Callable[[], Loop]) -> Loop:
        """The loop for `explainer` and `k`, made where there is none."""
        held = self._of(explainer)
        if k not in held:
            held[k] = make()
        self._used[id(explainer), k] = ref(explainer)
        self._used.move_to_end((id(explainer), k))
        while len(self._used) > self._most:
            (_, forgotten), owner = self._used.popitem(last=False)
            if (old := owner()) is not None:
                self._of(old).pop(forgotten, None)
        return held[k]

    def _of(self, explainer: Explainer) -> dict[int, Loop]:
        # As `functools.cached_property` does it: a frozen dataclass still has a namespace.
        place: WeakKeyDictionary[Loops, dict[int, Loop]]
        place = vars(explainer).setdefault(_PLACE, WeakKeyDictionary())
        return place.setdefault(self, {})
