"""Clean maps that are no explanation, counted over the images of an audit."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from tf_fragile.probes.fragility.names import ODD_MAP


def odd_maps(records: pd.DataFrame) -> Mapping[str, str]:
    """By explainer, one clause on its clean maps that are no explanation; only where there are any.

    Args:
      records: the probe's.
    """
    odd = records[records["metric"] == ODD_MAP].drop_duplicates(["explainer", "sample"])
    return {
        str(explainer): f"the clean map of {len(own)} images is none to go by, the first "
        f"{own['note'].iloc[0]}"
        for explainer, own in odd.groupby("explainer", sort=False)
    }
