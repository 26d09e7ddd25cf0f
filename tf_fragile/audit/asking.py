"""The probes of an audit: those that fit its model, and why the others don't."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tf_fragile.audit.subject import Opened
from tf_fragile.errors import InputError
from tf_fragile.probes.catalog import PROBES
from tf_fragile.probes.contract import Bound


@dataclass(frozen=True, eq=False)
class Asking:
    """What is asked.

    Attributes:
      bound: probes that are ready, by name.
      refused: sentences of those that don't fit, by name.
    """

    bound: Mapping[str, Bound]
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def lines(self) -> list[str]:
        """Which probes are not asked and why, for people."""
        return [f"{name} is not asked: {why}" for name, why in self.refused.items()]


def ask(opened: Opened) -> Asking:
    """Makes the probes that are asked for, of which one that does not fit stops no other.

    Raises:
      InputError: none fits; the sentence of the first.
    """
    bound, refused = {}, {}
    for name in opened.settings.named:
        try:
            bound[name] = PROBES[name].bind(opened.settings.of(name), opened.subject)
        except InputError as error:
            if len(opened.settings.named) == 1:
                raise
            refused[name] = str(error)
    if not bound:
        raise InputError(next(iter(refused.values())))
    return Asking(bound, refused)
