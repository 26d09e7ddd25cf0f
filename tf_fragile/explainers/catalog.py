"""The registered explainers and how to make one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import keras

from tf_fragile.backprop.head import SAID
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.errors import InputError, unknown_name
from tf_fragile.explainers.contract import Method
from tf_fragile.explainers.deep_taylor import deep_taylor, excitation_backprop
from tf_fragile.explainers.deeplift import DeepLIFT
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

EXPLAINERS: Registry[Callable[..., Method]] = Registry("explainer")
EXPLAINERS.register("deeplift_rescale", partial(DeepLIFT, rule="rescale"))
EXPLAINERS.register("deeplift_reveal_cancel", partial(DeepLIFT, rule="reveal_cancel"))
EXPLAINERS.register("deeplift_ablation", partial(DeepLIFT, rule="ablation"))
EXPLAINERS.register("grad_cam", GradCAM)
EXPLAINERS.register("gradient", Gradient)
EXPLAINERS.register("gradient_x_input", GradientXInput)
EXPLAINERS.register("integrated_gradients", IntegratedGradients)
EXPLAINERS.register("pattern_attribution", partial(PatternBackprop, attribution=True))
EXPLAINERS.register("pattern_net", PatternBackprop)
EXPLAINERS.register("smoothgrad", SmoothGrad)
EXPLAINERS.register("smoothgrad_squared", partial(SmoothGrad, statistic="mean_square"))
EXPLAINERS.register("vargrad", partial(SmoothGrad, statistic="variance"))
EXPLAINERS.register("guided_backprop", GuidedBackprop)
EXPLAINERS.register("guided_grad_cam", guided_grad_cam)
EXPLAINERS.register("deconvnet", Deconvnet)
EXPLAINERS.register("rectgrad", RectGrad)
EXPLAINERS.register("lrp_zero", lrp_zero)
EXPLAINERS.register("lrp_epsilon", lrp_epsilon)
EXPLAINERS.register("lrp_gamma", lrp_gamma)
EXPLAINERS.register("lrp_alpha_beta", lrp_alpha_beta)
EXPLAINERS.register("lrp_zplus", lrp_zplus)
EXPLAINERS.register("lrp_wsquare", lrp_wsquare)
EXPLAINERS.register("lrp_flat", lrp_flat)
EXPLAINERS.register("lrp_zbox", lrp_zbox)
EXPLAINERS.register("lrp_epsilon_plus", lrp_epsilon_plus)
EXPLAINERS.register("lrp_epsilon_alpha2_beta1", lrp_epsilon_alpha2_beta1)
EXPLAINERS.register("lrp_cmp", lrp_cmp)
EXPLAINERS.register("deep_taylor", deep_taylor)
EXPLAINERS.register("excitation_backprop", excitation_backprop)


def names() -> tuple[str, ...]:
    """The registered explainers, sorted."""
    return tuple(EXPLAINERS)


def method(name: str, **settings: Any) -> Method:
    """The method called `name` with `settings`.

    `base`, for methods that average another one, may be a name or a method.

    Raises:
      InputError: unknown name or setting (the nearest are suggested), or a value out of range.
    """
    if isinstance(settings.get("base"), str):
        settings["base"] = method(settings["base"])
    checked = {
        key: setting_of(name, key).checked(value, f"{key} of {name}")
        for key, value in settings.items()
    }
    return EXPLAINERS[name](**checked)


def settings_of(name: str) -> Mapping[str, Setting]:
    """What may be set of the explainer called `name`."""
    return described(EXPLAINERS[name])


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
