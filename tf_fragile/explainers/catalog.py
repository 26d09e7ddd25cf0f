"""The registered explainers and how to make one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import keras

from tf_fragile.backprop.head import SAID
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError, shown, unknown_name
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.deep_taylor import deep_taylor, excitation_backprop
from tf_fragile.explainers.deeplift import DeepLIFT
from tf_fragile.explainers.entry import BOX, PATTERNS, Entry, Points, Price
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.grad_cam import GradCAM, guided_grad_cam
from tf_fragile.explainers.gradient import Gradient, GradientXInput
from tf_fragile.explainers.integrated_gradients import IntegratedGradients
from tf_fragile.explainers.lrp import (
    lrp_alpha_beta,
    lrp_cmp,
    lrp_epsilon,
    lrp_epsilon_alpha2_beta1,
    lrp_epsilon_plus,
    lrp_flat,
    lrp_gamma,
    lrp_wsquare,
    lrp_zbox,
    lrp_zero,
    lrp_zplus,
)
from tf_fragile.explainers.pattern import PatternBackprop
from tf_fragile.explainers.rectified import Deconvnet, GuidedBackprop, RectGrad
from tf_fragile.explainers.smoothgrad import SmoothGrad
from tf_fragile.registry import Registry
from tf_fragile.settings import Setting, described

EXPLAINERS: Registry[Entry] = Registry("explainer", Entry)

# Prices are measured on SqueezeNet by `bench/explainers.py --derivatives`; guided Grad-CAM's is one
# of its two evaluations.
_PATH = Points("steps", (("rule", "gauss_legendre"),))
_DRAWS = Points("samples")
# Backward passes that decide at each unit what goes on; on ReLU networks constant in pieces.
_walk = partial(Entry, graph=True)
# Relevance divides by activations, so its map follows the input on a ReLU network, too.
_relevance = partial(Entry, graph=True, constant_in_pieces=False, needs=(BOX,))
_lift = partial(Entry, graph=True, constant_in_pieces=False)

EXPLAINERS.register(
    "deeplift_rescale",
    _lift(partial(DeepLIFT, rule="rescale"), Price(3.6, 9.4), "DeepLIFT by the rescale rule."),
)
EXPLAINERS.register(
    "deeplift_reveal_cancel",
    _lift(
        partial(DeepLIFT, rule="reveal_cancel"),
        Price(13.3, 33.2),
        "DeepLIFT by the RevealCancel rule.",
    ),
)
EXPLAINERS.register(
    "deeplift_ablation",
    _lift(
        partial(DeepLIFT, rule="ablation"),
        Price(6.9, 16.2),
        "DeepLIFT by an ablation of the rescale rule.",
        conserves=False,  # its gap says how far from DeepLIFT it went
    ),
)
EXPLAINERS.register(
    "grad_cam",
    _lift(
        GradCAM,
        Price(1.1, 4.3),
        "Grad-CAM: channels of a layer, weighted by the mean gradient of the logit, summed.",
        images_only=True,
    ),
)
EXPLAINERS.register("gradient", Entry(Gradient))
EXPLAINERS.register("gradient_x_input", Entry(GradientXInput))
EXPLAINERS.register(
    "integrated_gradients",
    Entry(
        IntegratedGradients,
        text="Integrated gradients along the straight path from a baseline.",
        points=_PATH,
    ),
)
EXPLAINERS.register(
    "pattern_attribution",
    _walk(
        partial(PatternBackprop, attribution=True),
        Price(3.5, 12.3),
        "PatternAttribution: a backward pass with patterns times kernels.",
        needs=(PATTERNS,),
    ),
)
EXPLAINERS.register(
    "pattern_net",
    _walk(
        PatternBackprop,
        Price(3.5, 12.0),
        "PatternNet: a backward pass with patterns for kernels.",
        needs=(PATTERNS,),
    ),
)
EXPLAINERS.register(
    "smoothgrad",
    Entry(SmoothGrad, text="The mean of maps under Gaussian noise on the input.", points=_DRAWS),
)
EXPLAINERS.register(
    "smoothgrad_squared",
    Entry(
        partial(SmoothGrad, statistic="mean_square"),
        text="The mean square of maps under Gaussian noise on the input.",
        points=_DRAWS,
    ),
)
EXPLAINERS.register(
    "vargrad",
    Entry(
        partial(SmoothGrad, statistic="variance"),
        text="The variance of maps under Gaussian noise on the input.",
        points=_DRAWS,
    ),
)
EXPLAINERS.register("guided_backprop", _walk(GuidedBackprop, Price(2.2, 6.1)))
EXPLAINERS.register("guided_grad_cam", _walk(guided_grad_cam, Price(1.5, 4.9), images_only=True))
EXPLAINERS.register("deconvnet", _walk(Deconvnet, Price(2.2, 6.6), ordinal=True))
EXPLAINERS.register("rectgrad", _walk(RectGrad, Price(4.3, 9.4), ordinal=True))
EXPLAINERS.register("lrp_zero", _relevance(lrp_zero, Price(2.9, 9.0)))
EXPLAINERS.register("lrp_epsilon", _relevance(lrp_epsilon, Price(2.8, 9.3)))
EXPLAINERS.register("lrp_gamma", _relevance(lrp_gamma, Price(4.0, 16.2)))
EXPLAINERS.register("lrp_alpha_beta", _relevance(lrp_alpha_beta, Price(6.3, 15.3)))
EXPLAINERS.register("lrp_zplus", _relevance(lrp_zplus, Price(3.5, 9.8)))
EXPLAINERS.register("lrp_wsquare", _relevance(lrp_wsquare, Price(2.4, 7.1)))
EXPLAINERS.register("lrp_flat", _relevance(lrp_flat, Price(2.3, 7.1)))
EXPLAINERS.register("lrp_zbox", _relevance(lrp_zbox, Price(3.4, 9.3)))
EXPLAINERS.register("lrp_epsilon_plus", _relevance(lrp_epsilon_plus, Price(3.6, 10.1)))
EXPLAINERS.register(
    "lrp_epsilon_alpha2_beta1", _relevance(lrp_epsilon_alpha2_beta1, Price(6.1, 15.4))
)
EXPLAINERS.register("lrp_cmp", _relevance(lrp_cmp, Price(3.9, 10.1)))
EXPLAINERS.register("deep_taylor", _relevance(deep_taylor, Price(3.6, 10.4)))
EXPLAINERS.register("excitation_backprop", _relevance(excitation_backprop, Price(3.6, 9.9)))


def names() -> tuple[str, ...]:
    """The registered explainers, sorted; without those that are there to be told from them."""
    return tuple(name for name, entry in EXPLAINERS.items() if entry.control is None)


def entry_of(spec: str) -> Entry | None:
    """The entry of an explainer, with or without `:setting=value` behind its name.

    `None` for one that is not registered.
    """
    name = spec.partition(":")[0]
    if name not in EXPLAINERS:
        return None
    return EXPLAINERS[name]


def method(name: str, **settings: Any) -> Method:
    """The method called `name` with `settings`.

    `base`, for methods that average another one, may be a name or a method.

    Raises:
      InputError: unknown name or setting (the nearest are suggested), or a value out of range; an
        explainer of somebody's that makes no method.
    """
    if isinstance(settings.get("base"), str):
        settings["base"] = method(settings["base"])
    checked = {
        key: setting_of(name, key).checked(value, f"{key} of {name}")
        for key, value in settings.items()
    }
    made = EXPLAINERS[name].make(**checked)
    if not isinstance(made, Method):
        raise InputError(
            f"The explainer {name!r}, registered in {EXPLAINERS.place(name)}, makes "
            f"{shown(made)}, which lacks attribute(network, x, target, seed) or evaluations; give "
            "it both."
        )
    return made


def settings_of(name: str) -> Mapping[str, Setting]:
    """What may be set of the explainer called `name`."""
    return described(EXPLAINERS[name].make)


def setting_of(name: str, key: str) -> Setting:
    """The setting `key` of the explainer called `name`.

    Raises:
      InputError: it has none such; the nearest are suggested.
    """
    known = settings_of(name)
    if not known:
        raise InputError(f"Explainer {name!r} has no settings; {key!r} was given.")
    if key not in known:
        raise unknown_name(f"setting of explainer {name!r}", key, known)
    return known[key]


def explain(name: str, model: keras.Model | Network, **settings: Any) -> Explainer:
    """An explainer of `model`.

    Args:
      name: one of `tff.explainers()`.
      model: a Keras model, or a `Network` made from one.
      **settings: the method's settings, e.g. `steps=64` for `"integrated_gradients"`; and for every
        method `head="logits"`, `"probabilities"` or `"regression"`, what the model's outputs are
        where its operations don't tell. (Methods that start at the output have a `head` of their
        own, with other words.)

    Raises:
      InputError: unknown name or setting, or a model that can't be explained.
    """
    head = settings.get("head")
    said = head if isinstance(head, str) and head in SAID else None
    if said is not None:
        settings.pop("head")
    elif "head" in settings and "head" not in settings_of(name):
        raise unknown_name("head", str(head), SAID)
    made = method(name, **settings)
    return Explainer(name, made, as_network(model, said))
