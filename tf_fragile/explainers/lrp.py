"""Layer-wise relevance propagation: each rule as an explainer, and the usual composites of them."""

from __future__ import annotations

from tf_fragile.backprop.rules import AlphaBeta, Epsilon, Gamma, flat, wsquare
from tf_fragile.backprop.rules.alpha_beta import Bias
from tf_fragile.explainers.conventions import Conventions, with_conventions
from tf_fragile.explainers.relevance import Relevance


@with_conventions(Epsilon, batch_norm="zformula")
def lrp_zero(bias: bool = True, *, conventions: Conventions) -> Relevance:
    """LRP-0 (LRP-z); on ReLU networks the gradient times the input.

    Source: Bach et al. 2015, eq. 56.

    Args:
      bias: whether the denominators include the bias.
    """
    return Relevance("lrp_zero", Epsilon(0.0, bias), conventions=conventions)


@with_conventions(Epsilon)
def lrp_epsilon(epsilon: float = 1e-6, bias: bool = True, *, conventions: Conventions) -> Relevance:
    """LRP-ε. Source: Bach et al. 2015, eq. 58.

    Args:
      epsilon: the stabiliser; 1e-6 as Zennit, 1e-7 is iNNvestigate's, 1e-9 Captum's.
      bias: whether the denominators include the bias.
    """
    return Relevance("lrp_epsilon", Epsilon(epsilon, bias), conventions=conventions)


@with_conventions(Gamma)
def lrp_gamma(gamma: float = 0.25, bias: bool = True, *, conventions: Conventions) -> Relevance:
    """LRP-γ, generalised to inputs and pre-activations of both signs.

    Source: Montavon et al. 2019.

    Args:
      gamma: how much positive contributions are favoured, at least 0.
      bias: whether the denominators include the bias.
    """
    return Relevance("lrp_gamma", Gamma(gamma, bias), conventions=conventions)


@with_conventions(AlphaBeta)
def lrp_alpha_beta(
    alpha: float = 2.0, beta: float = 1.0, bias: Bias = "split", *, conventions: Conventions
) -> Relevance:
    """LRP-αβ. Source: Bach et al. 2015, eq. 60.

    Args:
      alpha: weight of positive products.
      beta: weight of negative ones, `alpha - 1`.
      bias: `"split"`, `"innvestigate"` or `"ignore"`, see `rules.AlphaBeta`.
    """
    rule = AlphaBeta(alpha, beta, bias)
    return Relevance("lrp_alpha_beta", rule, conventions=conventions)


@with_conventions()
def lrp_zplus(*, conventions: Conventions) -> Relevance:
    """The z⁺ rule everywhere: α1β0 without bias. Source: Montavon et al. 2017, eq. 10."""
    return Relevance("lrp_zplus", AlphaBeta(1.0, 0.0, "ignore"), conventions=conventions)


@with_conventions()
def lrp_wsquare(*, conventions: Conventions) -> Relevance:
    """The w² rule everywhere. Source: Montavon et al. 2017, eq. 9."""
    return Relevance("lrp_wsquare", wsquare, conventions=conventions)


@with_conventions()
def lrp_flat(*, conventions: Conventions) -> Relevance:
    """The flat rule everywhere. Source: Lapuschkin et al. 2017."""
    return Relevance("lrp_flat", flat, conventions=conventions)


@with_conventions(first="box")
def lrp_zbox(*, conventions: Conventions) -> Relevance:
    """z⁺ with z^B next to the input, whose range is from `low` to `high`.

    Source: Montavon et al. 2017, eq. 11.
    """
    return Relevance("lrp_zbox", AlphaBeta(1.0, 0.0, "ignore"), conventions=conventions)


@with_conventions(Epsilon, AlphaBeta)
def lrp_epsilon_plus(
    epsilon: float = 1e-6, bias: Bias = "split", *, conventions: Conventions
) -> Relevance:
    """ε on dense layers, α1β0 (z⁺) on convolutions; Zennit's EpsilonPlus.

    With `first="flat"` EpsilonPlusFlat, with `first="box"` EpsilonPlusBox.

    Args:
      epsilon: the stabiliser of the dense layers.
      bias: of the convolutions, see `rules.AlphaBeta`.
    """
    return _sequential("lrp_epsilon_plus", epsilon, AlphaBeta(1.0, 0.0, bias), conventions)


@with_conventions(Epsilon, AlphaBeta)
def lrp_epsilon_alpha2_beta1(
    epsilon: float = 1e-6, bias: Bias = "split", *, conventions: Conventions
) -> Relevance:
    """ε on dense layers, α2β1 on convolutions; Zennit's EpsilonAlpha2Beta1.

    With `first="flat"` EpsilonAlpha2Beta1Flat, with `first="box"` its z^B form.

    Args:
      epsilon: the stabiliser of the dense layers.
      bias: of the convolutions, see `rules.AlphaBeta`.
    """
    rule = AlphaBeta(2.0, 1.0, bias)
    return _sequential("lrp_epsilon_alpha2_beta1", epsilon, rule, conventions)


@with_conventions(Epsilon, AlphaBeta, residual="alpha_beta", add_clip=True, batch_norm="depthwise")
def lrp_cmp(
    alpha: float = 1.0, beta: float = 0.0, epsilon: float = 1e-10, *, conventions: Conventions
) -> Relevance:
    """LRP CMP as Sixt et al. 2020 ran it: ε on dense layers, αβ on convolutions.

    The full bias is in both denominators of αβ, batch norms are depthwise convolutions, residual
    shares are clipped to [0, 1000].

    Args:
      alpha: weight of positive products; 1 and 2 were run.
      beta: weight of negative ones, `alpha - 1`.
      epsilon: the stabiliser of the dense layers; iNNvestigate's preset has 0.1.
    """
    rule = AlphaBeta(alpha, beta, "innvestigate")
    return _sequential("lrp_cmp", epsilon, rule, conventions)


def _sequential(name: str, epsilon: float, rule: AlphaBeta, conventions: Conventions) -> Relevance:
    return Relevance(name, rule, dense=Epsilon(epsilon, True), conventions=conventions)
