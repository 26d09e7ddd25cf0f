"""What may be said of the records of attacks: table, curves, gallery, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pandas as pd

from tf_fragile.probes.contract import About
from tf_fragile.probes.fragility import family, radii
from tf_fragile.probes.fragility import verdict as verdicts_of
from tf_fragile.probes.fragility.cards import HOW_DRAWN, gallery_of
from tf_fragile.probes.fragility.curves import plots
from tf_fragile.probes.fragility.examples import examples
from tf_fragile.probes.fragility.odd_maps import odd_maps
from tf_fragile.probes.fragility.pictures import kept
from tf_fragile.probes.fragility.shown import Shown, choose_shown
from tf_fragile.probes.fragility.smallest import halvings
from tf_fragile.probes.fragility.summary import chance, successes, summarize, without_extras
from tf_fragile.probes.fragility.table import table_of
from tf_fragile.report.blocks import Facts, Prose, Section
from tf_fragile.report.verdict import Verdict
from tf_fragile.runs.records import MEASURED
from tf_fragile.runs.tasks import Arrays

_READ = "Overlap and correlation are 1 where the explanation did not change."
_CURVES = (
    "Each point is a mean over images, each band its interval. Where the attack falls well below "
    "random noise of the same size, it is the explanation that gives way, not the image."
)


@dataclass(frozen=True, eq=False)
class FragilityView:
    """What attacks did to maps.

    Attributes:
      about: what samples and classes are called, and how many there are.
    """

    name: ClassVar[str] = "fragility"

    about: About = field(default_factory=About)

    def summary(self, records: pd.DataFrame) -> pd.DataFrame:
        """Means of each metric by explainer, attack and radius, of the attacks proper."""
        return summarize(without_extras(records))

    def verdicts(self, records: pd.DataFrame, summary: pd.DataFrame) -> Sequence[Verdict]:
        """PASS, FRAGILE or INCONCLUSIVE for each explainer and attack."""
        return verdicts_of.verdicts(summary, records, there=self.about.there)

    def sentence(self, verdict: Verdict) -> str:
        """A verdict in words."""
        return verdicts_of.sentence(verdict)

    def words(self, verdicts: Sequence[Verdict]) -> str:
        """Which tests the words take."""
        return family.in_words(len(verdicts))

    def chosen(self, records: pd.DataFrame, count: int) -> Sequence[int]:
        """The worst, the median and the best, of every class."""
        return [place.sample for place in _shown(records, count).places]

    def sections(
        self, records: pd.DataFrame, summary: pd.DataFrame, pictures: Arrays
    ) -> Sequence[Section]:
        """A table, curves, and the gallery where there are pictures."""
        level = chance(records)
        curves = [
            Section(str(explainer), tuple(plots(summary, explainer, level)))
            for explainer in summary["explainer"].unique()
        ]
        sections = [Section("Numbers", (table_of(summary), Facts(self._facts(records))))]
        if any(curve.blocks for curve in curves):
            sections.append(Section("How far, at which ε", (Prose((_CURVES, _READ)), *curves)))
        shown = _shown(records, len(kept(pictures)))
        found = examples(pictures, records, self.about, shown.places)
        if found:
            gallery = gallery_of(found, shown.text)
            sections.append(Section("See for yourself", (gallery, Prose((HOW_DRAWN,)))))
        return sections

    def _facts(self, records: pd.DataFrame) -> dict[str, str]:
        """What a table has no place for."""
        facts, level = {}, chance(records)
        if self.about.bounds is not None:
            epsilon = sorted(successes(without_extras(records))["epsilon"].unique())
            facts["eps"] = radii.in_words(epsilon, self.about.bounds)
        if level is not None:
            facts["Chance level of the overlap"] = f"{level:.3f}"
        gaps = records[records["metric"] == "gap"].groupby("explainer", sort=False)["value"]
        if len(gaps):
            facts["Completeness gap"] = "; ".join(
                f"{name}: mean |gap| {group.abs().mean():.3g} logits" for name, group in gaps
            )
        facts |= dict(odd_maps(records))
        return facts | {name: found.text for name, found in halvings(records).items()}


def _shown(records: pd.DataFrame, count: int) -> Shown:
    """Who is shown, by the first explainer and attack of the records."""
    attacked = without_extras(records)
    first = attacked[(attacked["role"] == MEASURED) & (attacked["attack"] != "")].head(1)
    if not len(first):
        return Shown()
    explainer, attack = (str(first[column].iloc[0]) for column in ("explainer", "attack"))
    return choose_shown(attacked, count, explainer, attack)
