"""What a model's answers tell of how it was fed, by themselves: chance, one class, saturation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source
from tf_fragile.metrics.statistics import tail
from tf_fragile.probes.sampling import Seen

SATURATED = 1 - 1e-6
"""A confidence from here on is 100 % but for the rounding of float32."""

# Chance can't be ruled out, while accuracy half way from chance to perfect can: on few images
# neither can be, and nothing is said.
_CHANCE, _HALF_WAY = 0.05, 0.15
# Of many classes a model in use has more than a tenth right, though a few are more than chance.
_USELESS, _BELOW, _MANY_CLASSES = 0.1, 0.05, 20
_OTHERS = 4  # so many images of other classes, all missed, are no accident
_UNLABELLED = 8  # so many different images without labels are not of one class without a word
_SATURATED_FROM, _SATURATED_SHARE = 4, 0.9
_ALIKE = 0.25  # difference of log odds that is none

Kind = Literal["chance", "hopeless", "one class", "blank", "saturated"]


@dataclass(frozen=True)
class Suspicion:
    """A reason to think that a model was fed wrongly.

    Attributes:
      kind: which.
      text: one clause.
    """

    kind: Kind
    text: str


def suspicions(seen: Seen, source: Source, network: Network) -> tuple[Suspicion, ...]:
    """Everything that is suspicious in answers.

    Args:
      seen: the answers.
      source: where the images came from, for names of classes and the inputs' range.
      network: the model, for its answers to blank pictures.
    """
    found = []
    if at_chance(seen):
        found.append(Suspicion("chance", "no better than chance"))
    elif is_hopeless(seen):
        found.append(Suspicion("hopeless", "hardly better than chance"))
    one = only_class(seen)
    if one is not None:
        every = f"one class, {class_name(source, one)}, is predicted for all {len(seen)} images"
        if seen.labelled.any():
            found += [Suspicion("one class", every)] if _others(seen, one) >= _OTHERS else []
        elif len(np.unique(seen.prints)) >= _UNLABELLED:
            found.append(Suspicion("one class", every))
        elif answers_blank_pictures_alike(seen, source, network):
            found.append(Suspicion("blank", f"{every}, and as surely for blank pictures"))
    if is_saturated(seen):
        sure = int((seen.confidence >= SATURATED).sum())
        of = f"all {sure}" if sure == len(seen) else f"{sure} of {len(seen)}"
        found.append(Suspicion("saturated", f"the confidence is 100 % on {of} images"))
    return tuple(found)


def at_chance(seen: Seen) -> bool:
    """Whether the accuracy is that of guessing, on images enough to tell (exact binomial tests)."""
    n, right = int(seen.labelled.sum()), int(seen.right.sum())
    if not n:
        return False
    chance = 1 / seen.classes
    guessing = tail(right, n, chance, "greater") > _CHANCE
    return guessing and tail(right, n, (1 + chance) / 2, "less") < _HALF_WAY


def is_hopeless(seen: Seen) -> bool:
    """Whether less than a tenth is right of classes so many that chance would be less still."""
    n, right = int(seen.labelled.sum()), int(seen.right.sum())
    return seen.classes >= _MANY_CLASSES and n > 0 and tail(right, n, _USELESS, "less") < _BELOW


def only_class(seen: Seen) -> int | None:
    """The class that is predicted for every image, where there is one such."""
    classes = np.unique(seen.predicted)
    return int(classes[0]) if len(classes) == 1 and classes[0] >= 0 else None


def saturated_share(seen: Seen) -> float:
    """The share of confidences that are 100 % but for rounding."""
    return float((seen.confidence >= SATURATED).mean()) if len(seen) else 0.0


def is_saturated(seen: Seen) -> bool:
    """Whether nearly all confidences are, on more than a few different images."""
    enough = len(np.unique(seen.prints)) >= _SATURATED_FROM
    return enough and saturated_share(seen) >= _SATURATED_SHARE


def answers_blank_pictures_alike(seen: Seen, source: Source, network: Network) -> bool:
    """Whether the model answers the images as it does black, grey and white pictures."""
    limits = source.range
    low, high = (np.broadcast_to(end, source.image_shape) for end in (limits.low, limits.high))
    blank = np.stack([low + share * (high - low) for share in (0, 0.5, 1)]).astype(np.float32)
    shown = source.load(seen.positions[:_UNLABELLED]).image
    answers = [network.probabilities(network.logits(tf.constant(x))) for x in (blank, shown)]
    odds = _log_odds(np.concatenate(answers).astype(np.float64))
    return not is_saturated(seen) and float(np.ptp(odds, 0).max()) < _ALIKE


def class_name(source: Source, label: int) -> str:
    """What a class is called."""
    names = source.class_names or ()
    return repr(names[label]) if label < len(names) else f"number {label}"


def _others(seen: Seen, one: int) -> int:
    return int((seen.labelled & (seen.labels != one)).sum())


def _log_odds(confidence: np.ndarray) -> np.ndarray:
    p = np.clip(confidence, 1e-7, 1 - 1e-7)
    odds: np.ndarray = np.log(p) - np.log1p(-p)
    return odds
