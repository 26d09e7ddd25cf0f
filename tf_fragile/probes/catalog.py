"""The table of probes."""

from __future__ import annotations

from tf_fragile.probes.curvature.settings import CurvatureSettings
from tf_fragile.probes.entry import Entry
from tf_fragile.probes.fragility import radii
from tf_fragile.probes.fragility.settings import FragilitySettings, check_used
from tf_fragile.registry import Registry, later

PROBES: Registry[Entry] = Registry("probe", Entry)

DEFAULT = ("fragility",)
"""What an audit asks where nothing is said."""

PROBES.register(
    "fragility",
    Entry(
        question="How far do perturbations that nobody sees move a map and keep the label?",
        settings=FragilitySettings,
        bind=later("tf_fragile.probes.fragility.binding:bind"),
        view=later("tf_fragile.probes.fragility.view:FragilityView"),
        check=check_used,
        understood=radii.understood,
        as_text=("epsilon",),
        bare=True,
    ),
)
PROBES.register(
    "curvature",
    Entry(
        question="How fast does the gradient turn in its most fragile direction?",
        settings=CurvatureSettings,
        bind=later("tf_fragile.probes.curvature.binding:bind"),
        view=later("tf_fragile.probes.curvature.view:CurvatureView"),
    ),
)
