"""What is compared with what: a peer's method, ours with the same conventions, ours by default."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Ours:
    """One of our explainers.

    Attributes:
      name: as registered.
      settings: by name.
    """

    name: str
    settings: dict[str, Any]

    def __str__(self) -> str:
        return " ".join([f"`{self.name}`", *(f"{n}={v!r}" for n, v in self.settings.items())])


def of(name: str, **settings: Any) -> Ours:
    """Our explainer `name` with `settings`."""
    return Ours(name, settings)


@dataclass(frozen=True, eq=False)
class Comparison:
    """One line of the page.

    Attributes:
      method: the method's name in the literature.
      peer: `library/name`, see the peers' scripts.
      ours: our explainer with the peer's conventions.
      default: with our own, where those are others.
      why: which convention differs.
      limit: the largest relative difference that passes; `None` where none is asked for.
      broken: what goes wrong in the peer, by network.
    """

    method: str
    peer: str
    ours: Ours
    default: Ours | None = None
    why: str = ""
    limit: float | None = 1e-5
    broken: dict[str, str] = field(default_factory=dict)


_ONE = "starts from 1, ours from the logit"
_PLAIN = {"mobilenet_v1": "looks for ReLU modules alone: where they are ReLU6, it is the gradient"}
_GUIDED, _DECONV, _IG = of("guided_backprop"), of("deconvnet"), of("integrated_gradients")

GRADIENTS = (
    Comparison("gradient", "captum/gradient", of("gradient")),
    Comparison("gradient", "zennit/gradient_one", of("gradient")),
    Comparison("gradient", "innvestigate/gradient", of("gradient")),
    Comparison(
        "integrated gradients",
        "captum/integrated_gradients",
        of("integrated_gradients", rule="gauss_legendre"),
        _IG,
        "Gauss-Legendre points, ours the trapezoid rule",
    ),
    Comparison(
        "integrated gradients",
        "innvestigate/integrated_gradients",
        of("integrated_gradients", rule="left"),
        _IG,
        "left Riemann sum, ours the trapezoid rule",
    ),
    Comparison(
        "guided backprop",
        "captum/guided_backprop",
        of("guided_backprop", head="one"),
        _GUIDED,
        _ONE,
        broken=_PLAIN,
    ),
    Comparison("guided backprop", "zennit/guided_backprop", _GUIDED, broken=_PLAIN),
    Comparison("guided backprop", "innvestigate/guided_backprop", _GUIDED),
    Comparison(
        "deconvnet",
        "captum/deconvnet",
        of("deconvnet", head="one"),
        _DECONV,
        _ONE,
        broken=_PLAIN,
    ),
    Comparison("deconvnet", "zennit/deconvnet", _DECONV, broken=_PLAIN),
    Comparison("deconvnet", "innvestigate/deconvnet", _DECONV),
)

_EPSILON, _ZPLUS = of("lrp_epsilon"), of("lrp_zplus")
_A1B0, _A2B1 = of("lrp_alpha_beta", alpha=1.0, beta=0.0), of("lrp_alpha_beta")
_NO_BIAS = of("lrp_alpha_beta", bias="ignore")
_FULL_BIAS = "the full bias in both denominators, ours its positive and its negative part"

RELEVANCE = (
    Comparison("LRP-0", "innvestigate/lrp_z", of("lrp_zero")),
    Comparison(
        "LRP-ε",
        "captum/lrp_epsilon",
        of("lrp_epsilon", epsilon=1e-9),
        _EPSILON,
        "ε 1e-9, ours 1e-6; adds it to what pools divide by, too, ours does not",
    ),
    Comparison("LRP-ε", "zennit/lrp_epsilon_exact_pools", _EPSILON),
    Comparison(
        "LRP-ε",
        "zennit/lrp_epsilon",
        _EPSILON,
        why="as shipped: adds 1e-6 to what average pools divide by, too, ours does not; the line "
        "above has it at 1e-30 there",
        limit=None,
    ),
    Comparison(
        "LRP-ε",
        "innvestigate/lrp_epsilon",
        of("lrp_epsilon", epsilon=1e-7),
        _EPSILON,
        "ε 1e-7, ours 1e-6",
    ),
    Comparison("z⁺", "zennit/lrp_zplus_without_bias", _ZPLUS),
    Comparison("z⁺", "innvestigate/lrp_zplus", _ZPLUS),
    Comparison(
        "z⁺",
        "zennit/lrp_zplus",
        of("lrp_alpha_beta", alpha=1.0, beta=0.0, bias="split"),
        _ZPLUS,
        "as shipped: positive biases in the denominators, ours is without bias",
    ),
    Comparison(
        "α1β0",
        "innvestigate/lrp_alpha1_beta0",
        of("lrp_alpha_beta", alpha=1.0, beta=0.0, bias="innvestigate"),
        _A1B0,
        _FULL_BIAS,
    ),
    Comparison("α2β1", "zennit/lrp_alpha2_beta1", _A2B1),
    Comparison(
        "α2β1",
        "innvestigate/lrp_alpha2_beta1",
        of("lrp_alpha_beta", bias="innvestigate"),
        _A2B1,
        _FULL_BIAS,
    ),
    Comparison("α2β1 without bias", "zennit/lrp_alpha2_beta1_without_bias", _NO_BIAS),
    Comparison("α2β1 without bias", "innvestigate/lrp_alpha2_beta1_without_bias", _NO_BIAS),
    Comparison("LRP-γ", "zennit/lrp_gamma", of("lrp_gamma")),
    Comparison("w²", "innvestigate/lrp_wsquare", of("lrp_wsquare")),
    Comparison("flat", "innvestigate/lrp_flat", of("lrp_flat")),
)

COMPOSITES = (
    Comparison("ε and α1β0", "zennit/epsilon_plus", of("lrp_epsilon_plus")),
    Comparison(
        "ε and α1β0, flat first",
        "zennit/epsilon_plus_flat",
        of("lrp_epsilon_plus", first="flat"),
        broken={
            "mobilenet_v1": "zeros are laid around the image before the first convolution and get "
            "an equal share, in ours nothing outside the image does: 4e-15 away from the border"
        },
    ),
    Comparison("ε and α2β1", "zennit/epsilon_alpha2_beta1", of("lrp_epsilon_alpha2_beta1")),
    Comparison(
        "ε and α1β0",
        "innvestigate/sequential_preset_a",
        of("lrp_cmp", epsilon=0.1),
        of("lrp_cmp"),
        "ε 0.1, ours the 1e-10 that Sixt et al. ran; no difference without dense layers",
    ),
    Comparison(
        "ε and α2β1",
        "innvestigate/sequential_preset_b",
        of("lrp_cmp", alpha=2.0, beta=1.0, epsilon=0.1),
        of("lrp_cmp", alpha=2.0, beta=1.0),
        "ε 0.1, ours the 1e-10 that Sixt et al. ran; no difference without dense layers",
    ),
    Comparison(
        "excitation backprop",
        "zennit/excitation_backprop_one",
        of("excitation_backprop"),
        broken={
            "mobilenet_v1": "what reaches a unit capped at 6 is lost (its gradient is 0), in ours "
            "it passes: 6e-15 with its Pass rule on ReLU6"
        },
    ),
    Comparison(
        "deep Taylor",
        "innvestigate/deep_taylor",
        of("lrp_zplus", head="relu", average_pool="gradient"),
        of("deep_taylor"),
        "a ReLU inside a layer lets all relevance pass, in ours every ReLU stops it where it is "
        "inactive; negative logits are explained by zero, in ours not",
        broken={"mobilenet_v1": "ReLU6 is a layer of its own here, where it does as our default"},
    ),
)

_LIFT = of("deeplift_rescale")
_OVERWRITES = "its unpooling keeps one of the entries that overlapping windows share, not their sum"
_UNKNOWN = {
    "captum": "has no rule for ReLU6: where there are no others, it is gradient x difference",
    "shap": "has no rule for ReLU6, and is not complete",
}
_BROKEN = {"squeezenet": _OVERWRITES}
_SUMMED = "the same with an unpooling that adds such entries"

DEEPLIFT = (
    Comparison(
        "DeepLIFT Rescale",
        "captum/deeplift_separate_pools",
        _LIFT,
        why="max pools read copies, so that it sees where they read the output of a ReLU",
        limit=1e-4,
        broken=_BROKEN | {"mobilenet_v1": _UNKNOWN["captum"]},
    ),
    Comparison(
        "DeepLIFT Rescale",
        "captum/deeplift_summed_pools",
        _LIFT,
        why=_SUMMED,
        limit=1e-4,
        broken={"mobilenet_v1": _UNKNOWN["captum"]},
    ),
    Comparison(
        "DeepLIFT Rescale",
        "captum/deeplift",
        of("deeplift_rescale", max_pool="gradient"),
        _LIFT,
        "as shipped: loses its cross-max rule where a max pool reads the output of a ReLU",
        limit=1e-4,
        broken=_BROKEN | {"mobilenet_v1": _UNKNOWN["captum"]},
    ),
    Comparison(
        "DeepLIFT Rescale",
        "shap_torch/deep_explainer",
        _LIFT,
        limit=1e-4,
        broken=_BROKEN | {"mobilenet_v1": _UNKNOWN["shap"]},
    ),
    Comparison(
        "DeepLIFT Rescale",
        "shap_torch/deep_explainer_summed_pools",
        _LIFT,
        None,
        _SUMMED,
        1e-4,
        {"mobilenet_v1": _UNKNOWN["shap"]},
    ),
    Comparison("DeepLIFT Rescale", "shap_tensorflow/deep_explainer", _LIFT, limit=1e-4),
)

# What is timed on SqueezeNet: one of each kind.
TIMED = (
    "captum/gradient",
    "captum/guided_backprop",
    "captum/lrp_epsilon",
    "captum/deeplift_separate_pools",
    "zennit/guided_backprop",
    "zennit/lrp_epsilon",
    "zennit/epsilon_plus",
    "zennit/lrp_alpha2_beta1",
    "shap_torch/deep_explainer",
    "shap_tensorflow/deep_explainer",
    "innvestigate/guided_backprop",
    "innvestigate/lrp_zplus",
    "innvestigate/lrp_alpha2_beta1",
)

COMPARISONS = (*GRADIENTS, *RELEVANCE, *COMPOSITES, *DEEPLIFT)
