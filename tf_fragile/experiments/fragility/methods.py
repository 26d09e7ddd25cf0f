"""The explainers of a figure: what each needs of the data and of a surrogate."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tf_fragile.experiments.fragility.subject import Subject
from tf_fragile.explainers.catalog import EXPLAINERS, explain
from tf_fragile.explainers.explainer import Explainer

# Relevance divides by activations, so its map follows the input on a ReLU network, too.
_FOLLOW_THE_INPUT = ("deeplift_", "lrp_", "deep_taylor", "excitation_backprop", "grad_cam")


def explainer_of(subject: Subject, name: str, settings: Mapping[str, Any]) -> Explainer:
    """An explainer on the subject's network.

    Args:
      subject: network and data.
      name: a registered explainer.
      settings: its settings; those it does not have are left out. Where the rule of the first
        layer is `"box"` and no bounds are given, they are those of the data.
    """
    known = inspect.signature(EXPLAINERS[name]).parameters
    own = {key: value for key, value in settings.items() if key in known}
    first = own.get("first", known["first"].default if "first" in known else None)
    if first == "box":
        limits = subject.source.range
        own = {"low": limits.low, "high": limits.high, **own}
    return explain(name, subject.network, **own)


def surrogate_of(name: str) -> str:
    """On which network the paper's attack takes its derivative of an explainer's map.

    `"softplus"` for maps made of gradients, which are constant in pieces on a ReLU network;
    `"none"` for propagation rules, which the paper attacks on the network itself.
    """
    return "none" if name.startswith(_FOLLOW_THE_INPUT) else "softplus"
