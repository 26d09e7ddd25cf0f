"""Deep Taylor decomposition and excitation backprop: the z⁺ rule with their own surroundings."""

from __future__ import annotations

from typing import Any

from tf_fragile.backprop.rules import AlphaBeta, Contrast
from tf_fragile.backprop.rules.alpha_beta import Bias
from tf_fragile.explainers.conventions import Conventions, with_conventions
from tf_fragile.explainers.relevance import Relevance


@with_conventions(AlphaBeta, residual="copy", average_pool="gradient", batch_norm="pass")
def deep_taylor(bias: Bias = "ignore", *, conventions: Conventions) -> Relevance:
    """Deep Taylor decomposition of a ReLU network.

    z⁺ on every weighted layer; the bounded form of the paper has `first="box"` with the bounds of
    the input, the unbounded one `first="wsquare"`. `head="relu"` explains negative logits by zero.

    Source: Montavon et al. 2017; Sixt et al. 2020 ran `bias="innvestigate"`, `first="box"`.

    Args:
      bias: see `rules.AlphaBeta`.
    """
    rule = AlphaBeta(1.0, 0.0, bias)
    return Relevance("deep_taylor", rule, masked=True, conventions=conventions)


@with_conventions(head="one")
def excitation_backprop(contrastive: bool = False, *, conventions: Conventions) -> Relevance:
    """Marginal winning probabilities: z⁺ without bias from a probability of one.

    Source: Zhang et al. 2016. Inputs of both signs share by their positive products.

    Args:
      contrastive: whether the top layer subtracts the dual unit's probability; the map is then
        signed and sums to zero.
    """
    rule = AlphaBeta(1.0, 0.0, "ignore")
    top: Any = Contrast(rule) if contrastive else None
    kept = 0.0 if contrastive else 1.0
    return Relevance("excitation_backprop", rule, top=top, conventions=conventions, conserved=kept)
