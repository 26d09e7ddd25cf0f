"""How much work a ranking of explainers is, by name, and what each explainer is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tf_fragile.experiments.frame.presets import overridden
from tf_fragile.registry import Registry
from tf_fragile.settings import MOST, MOST_ROWS, SMALL, WHOLE, check, names_in, setting

if TYPE_CHECKING:
    from tf_fragile.attacks.attack import Attack

# TensorFlow takes seconds to import, and the flags are made from these settings: so some imports
# are inside functions.

ATTACK = "annealed_momentum"


@dataclass(frozen=True)
class Ranking:
    """What decides a ranking, besides model, data and seed.

    Attributes:
      num_images: correctly classified images, the same for every explainer.
      methods: registered explainers; all of them where empty.
      steps: of the attack, annealed momentum.
      epsilon: radius in grey levels.
      k: of the top-k attack and of the overlap.
      points: of the path of integrated gradients, by Gauss-Legendre.
      samples: noise draws of the SmoothGrad family.
      pattern_images: from how many images patterns are estimated.
      shard_size: images written together.
      rows: images in memory at once.
    """

    num_images: int = setting(low=1, high=WHOLE, help="Correctly classified images.")
    methods: tuple[str, ...] = setting(
        (),
        choices=names_in("tf_fragile.explainers.catalog:EXPLAINERS"),
        named="explainer",
        distinct=True,
        help="Registered explainers; all of them if none.",
    )
    steps: int = setting(10, low=1, high=MOST, help="Steps of the attack.")
    epsilon: float = setting(2.0, low=SMALL, high=255, help="Radius in grey levels.")
    k: int = setting(1000, low=1, high=WHOLE, help="Of the attack and of the overlap.")
    points: int = setting(6, low=1, high=1000, help="Path points of integrated gradients.")
    samples: int = setting(4, low=1, high=MOST, help="Noise draws of the SmoothGrad family.")
    pattern_images: int = setting(
        16, low=1, high=WHOLE, help="Images from which patterns are estimated."
    )
    shard_size: int = setting(4, low=1, high=MOST_ROWS, help="Images written together.")
    rows: int = setting(4, low=1, high=MOST_ROWS, help="Images in memory at once.")

    def __post_init__(self) -> None:
        check(self, "--{}")

    def explainers(self) -> tuple[str, ...]:
        """The explainers that are ranked, by name."""
        from tf_fragile.explainers.catalog import names

        return self.methods or names()

    def attacks(self) -> dict[str, Attack]:
        """The attack and its control; both keep the images that a file can hold."""
        from tf_fragile.attacks.factory import attack
        from tf_fragile.probes.fragility.names import RANDOM

        common: dict[str, Any] = {"k": self.k, "rows": self.rows, "grid": 1.0}
        return {
            RANDOM: attack("top_k", optimizer="random_sign", **common),
            ATTACK: attack("top_k", optimizer="annealed_momentum", steps=self.steps, **common),
        }

    def settings(self, name: str) -> dict[str, Any]:
        """The settings of an explainer, as JSON values; bounds and patterns come from the data."""
        from tf_fragile.explainers.catalog import EXPLAINERS

        points = EXPLAINERS[name].points
        return {} if points is None else points.few(self._counts[points.setting])

    @property
    def _counts(self) -> dict[str, int]:
        """Over how much is averaged, by the setting that says it."""
        return {"steps": self.points, "samples": self.samples}

    def takes_patterns(self, name: str) -> bool:
        """Whether an explainer's patterns are estimated from the data."""
        from tf_fragile.explainers.catalog import EXPLAINERS

        return any(need.what == "patterns" for need in EXPLAINERS[name].needs)


RANKINGS: Registry[Ranking] = Registry("preset")
RANKINGS.register("quick", Ranking(1, steps=2, points=2, samples=2, pattern_images=4))
RANKINGS.register("cpu", Ranking(4))
# The paper has no such figure; this one has the size of its others.
RANKINGS.register(
    "paper", Ranking(512, points=50, samples=50, pattern_images=512, shard_size=16, rows=64)
)


def ranking(preset: str, **overrides: Any) -> Ranking:
    """A ranking with some of its fields replaced; `None` keeps the preset's.

    Raises:
      InputError: an unknown preset, setting or explainer, or a value out of range.
    """
    return overridden(RANKINGS, preset, **overrides)
