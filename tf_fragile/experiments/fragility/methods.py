"""The explainers of a figure: what each needs of the data and of a surrogate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf_fragile.experiments.frame import probing as frame
from tf_fragile.experiments.frame.probing import Explained
from tf_fragile.experiments.frame.subject import Subject
from tf_fragile.explainers.catalog import EXPLAINERS, settings_of
from tf_fragile.explainers.explainer import Explainer


def explainer_of(subject: Subject, name: str, settings: Mapping[str, Any]) -> Explainer:
    """An explainer on the subject's network.

    Args:
      subject: network and data.
      name: a registered explainer.
      settings: its settings; those it does not have are left out, those that only the data can
        give and are not here are taken from them.
    """
    known = settings_of(name)
    own = {key: value for key, value in settings.items() if key in known}
    return frame.explainer_of(subject, Explained(name, own))


def surrogate_of(name: str) -> str:
    """On which network the paper's attack takes its derivative of an explainer's map.

    `"softplus"` for maps made of gradients, which are constant in pieces on a ReLU network;
    `"none"` for propagation rules, which the paper attacks on the network itself.
    """
    return "softplus" if EXPLAINERS[name].constant_in_pieces else "none"
