"""Was the model fed rightly? What its answers tell before the work starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tf_fragile.audit.alternatives import Alternative
from tf_fragile.audit.contest import FEW, SOME, Contest, Trial, accuracy, contest
from tf_fragile.audit.suspicion import Suspicion, class_name, saturated_share, suspicions
from tf_fragile.backprop.network import Network
from tf_fragile.data.source import Source
from tf_fragile.metrics.statistics import Interval, sign_test
from tf_fragile.probes.sampling import Seen, drawing_order, joined, look

_UNSATURATED = 0.1  # a share of saturated confidences up to here is nothing to suspect
_AS_GOOD = 0.9  # a share of the largest lead from which on another feeding may be the right one
_OF_ACCURACY = ("chance", "hopeless")  # suspicions that are said with the accuracy
_BEHIND = 0.05  # p value of being behind, and another feeding is not as good


@dataclass(frozen=True, eq=False)
class Feeding:
    """What is known of how a model was fed.

    Attributes:
      seen: its answers with the feeding in use.
      task: what the model predicts, as `Network.task`.
      suspicions: what is odd about them by themselves.
      contest: other feedings on the same images; `None` where there was nothing to suspect.
      cure: the one to recommend, where the feeding in use is in doubt and one is known.
      commonest: what the commonest prediction is called.
      beyond: how many of `seen` are not among the images of the audit, which are counted elsewhere.
    """

    seen: Seen
    task: str
    suspicions: tuple[Suspicion, ...] = ()
    contest: Contest | None = None
    cure: Trial | None = None
    commonest: str = ""
    beyond: int = 0

    @property
    def in_doubt(self) -> bool:
        """Whether nothing may be concluded."""
        return bool(self.suspicions or (self.contest and self.contest.better))

    @property
    def accuracy(self) -> Interval | None:
        """On what was looked at; `None` without labels."""
        return accuracy(self.seen) if self.seen.labelled.any() else None

    @property
    def commonest_share(self) -> float:
        """The share of the commonest prediction."""
        return float(np.unique(self.seen.predicted, return_counts=True)[1].max() / len(self.seen))

    @property
    def doubt(self) -> str:
        """Why nothing may be concluded, one clause; empty where the feeding is not in doubt."""
        if not self.in_doubt:
            return ""
        odd = [
            suspicion.text for suspicion in self.suspicions if suspicion.kind not in _OF_ACCURACY
        ]
        said = [*([self._accuracy_in_words()] if self.accuracy else []), *odd]
        return f"the model seems to be fed wrongly: {', and '.join(said)}; {self._cure_in_words()}"

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything, for people."""
        lines = [f"feeding: {self.text}"]
        if self.tried:
            lines.append(f"feeding, otherwise: {self.tried}")
        if self.in_doubt:
            lines.append(f"DOUBT: {self.doubt}")
        return tuple(lines)

    @property
    def facts(self) -> dict[str, str]:
        """The same for a report, name to value."""
        facts = {"Feeding": self.text}
        facts |= {"Other ways of feeding": self.tried} if self.tried else {}
        return facts | ({"Feeding in doubt": self.doubt} if self.in_doubt else {})

    @property
    def text(self) -> str:
        """What was seen, one line."""
        inputs = f"inputs run from {self.seen.low:.4g} to {self.seen.high:.4g}"
        if self.task != "classes":
            return f"no labels to compare, the model gives {_GIVEN[self.task]}; {inputs}"
        labels = f"no labels to compare on {len(self.seen)} images, {self.seen.classes} outputs"
        more = f"; {self.beyond} of these images were looked at for this alone"
        return (
            f"{self._accuracy_in_words() if self.accuracy else labels}; the commonest prediction, "
            f"{self.commonest}, is {_percent(self.commonest_share)} of them; {inputs}; "
            f"{_percent(saturated_share(self.seen))} of the confidences are saturated"
            + more
            * bool(self.beyond)
        )

    @property
    def tried(self) -> str:
        """The other feedings that were tried, each with its accuracy; empty where none was."""
        if self.contest is None or not self.contest.trials or not self.accuracy:
            return ""
        sizes = sorted({trial.accuracy.n for trial in self.contest.trials}, reverse=True)
        return "; ".join(
            f"on {n} images {_listed([t for t in self.contest.trials if t.accuracy.n == n])}"
            for n in sizes
        )

    def _accuracy_in_words(self) -> str:
        found = accuracy(self.seen)
        chance = 1 / self.seen.classes
        odd = [f"{odd.text}, " for odd in self.suspicions if odd.kind in _OF_ACCURACY]
        beside = odd[0] if odd else "chance "
        return (
            f"accuracy {_in_words(found)} on {found.n} images "
            f"({beside}{_percent(chance)}, {self.seen.classes} outputs)"
        )

    def _cure_in_words(self) -> str:
        if self.cure is None:
            tried = self.contest.trials if self.contest else ()
            sizes = any("--image_size" in trial.alternative.name for trial in tried)
            others, size = f"none of {len(tried)} other ways", ", --image_size" * sizes
            if not self.accuracy:
                return (
                    f"{others} of feeding tells more; check --preprocessing{size}, or give labels"
                )
            return (
                f"{others} of feeding does better; check the pictures, --preprocessing{size} and "
                "the labels (--classes)"
            )
        other = self.cure.alternative
        advice = f" ({other.advice})" if other.advice else ""
        if not self.accuracy:
            kinds, sure = len(np.unique(self.cure.seen.predicted)), self.cure.seen.confidence.mean()
            return (
                f"with {other.name} there are {kinds} different predictions, mean confidence "
                f"{_percent(float(sure))}{advice}; labels would tell"
            )
        found = self.cure.accuracy
        on = "" if found.n == accuracy(self.seen).n else f" on {found.n} of them"
        if {suspicion.kind for suspicion in self.suspicions} == {"saturated"}:
            on += f", and on {_percent(saturated_share(self.cure.seen))} of the images 100 % sure"
        return f"with {other.name} it is {_in_words(found)}{on}{advice}"


_GIVEN = {"labels": "a set of labels", "regression": "numbers"}


def judge(
    source: Source,
    network: Network,
    seen: Seen,
    *,
    seed: int,
    alternatives: Callable[[Seen], Sequence[Alternative]],
) -> Feeding:
    """Looks at enough images, and where anything is suspicious, at other feedings.

    Args:
      source: the data as they are fed.
      network: the model.
      seen: what was looked at already, in random order.
      seed: of the order in which more is looked at.
      alternatives: makes the other feedings, given what was seen; called only where needed.
    """
    order = drawing_order(source, seed)

    def grow(have: Seen, images: int) -> Seen:
        fresh = order[~np.isin(order, have.positions)][: max(0, images - len(have))]
        return joined([have, look(source, network, fresh)]) if len(fresh) else have

    seen = grow(seen, FEW)
    if network.task != "classes":
        return Feeding(seen, network.task)
    odd = suspicions(seen, source, network)
    if odd or not seen.right[seen.labelled].all():
        seen = grow(seen, SOME)
        odd = suspicions(seen, source, network)
    missed = not seen.right[seen.labelled].all()
    found = contest(seen, alternatives(seen), grow) if odd or missed else None
    if found is not None and len(found.own) > len(seen):
        seen = found.own
        odd = suspicions(seen, source, network)
    cure = _cure(found, odd) if found else None
    if cure is None and seen.labelled.any() and (not missed or saturated_share(seen) < 1):
        # A model may be as sure as that; another feeding in which it is as good would tell.
        odd = tuple(suspicion for suspicion in odd if suspicion.kind != "saturated")
    values, counts = np.unique(seen.predicted, return_counts=True)
    name = class_name(source, int(values[counts.argmax()]))
    return Feeding(seen, network.task, odd, found, cure, name)


def _cure(found: Contest, odd: tuple[Suspicion, ...]) -> Trial | None:
    """The feeding to recommend: significantly better, or at least not odd where this one is."""

    def is_sane(trial: Trial) -> bool:
        other = trial.alternative
        return not suspicions(trial.seen, other.source, other.network)

    if found.better:
        leading = [t for t in found.better if t.lead >= _AS_GOOD * found.better[0].lead]
        return next(filter(is_sane, leading), leading[0])
    if not odd:
        return None
    sane = list(filter(is_sane, found.trials))
    unsaturated = [trial for trial in sane if saturated_share(trial.seen) <= _UNSATURATED]
    if not found.own.labelled.any():
        return max(unsaturated, key=_tells_apart, default=None)
    if {suspicion.kind for suspicion in odd} == {"saturated"}:
        as_good = (t for t in unsaturated if sign_test(t.losses, t.wins) > _BEHIND)
        return next(as_good, None)  # the likeliest: accuracy does not tell them apart
    return max((trial for trial in sane if trial.lead > 0), key=lambda t: t.lead, default=None)


def _tells_apart(trial: Trial) -> float:
    """Without labels: how varied predictions are (their entropy), and how sure (as a factor)."""
    shares = np.unique(trial.seen.predicted, return_counts=True)[1] / len(trial.seen)
    return float(-(shares * np.log(shares)).sum() * trial.seen.confidence.mean())


def _listed(trials: Sequence[Trial]) -> str:
    """Names with accuracies; a flag is not repeated."""
    said, last = [], ""
    for trial in trials:
        flag, equals, value = trial.alternative.name.rpartition("=")
        name = value if equals and flag == last else trial.alternative.name
        said.append(f"{name} {_percent(trial.accuracy.mean)}")
        last = flag
    return ", ".join(said)


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if 0 < share < 0.01 else f"{100 * share:.0f} %"


def _in_words(interval: Interval) -> str:
    return f"{_percent(interval.mean)} [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"
