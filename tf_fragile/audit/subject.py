"""What is audited: a model, its data and the probe, made from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.factory import attack
from tf_fragile.attacks.surrogates import beta_for
from tf_fragile.audit.settings import BUDGETS, AuditSettings
from tf_fragile.audit.specs import make_method
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.source import Source
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.metrics.similarity import check_k, default_k
from tf_fragile.models import zoo
from tf_fragile.probes.fragility import FragilityProbe
from tf_fragile.probes.sampling import sample_positions

RANDOM = "random_sign"


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything an audit works on.

    Attributes:
      settings: what was asked for.
      model: the user's model.
      network: its score function.
      source: its data.
      positions: the images looked at; those to attack and those passed over.
      probe: what is done to them.
      k: of the top-k overlap.
      image_shape: [H, W, C].
    """

    settings: AuditSettings
    model: keras.Model
    network: Network
    source: Source
    positions: np.ndarray
    probe: FragilityProbe
    k: int
    image_shape: tuple[int, int, int]


def open_subject(settings: AuditSettings, data_dir: str | None = None) -> Subject:
    """Loads the model, opens the data and makes the probe.

    Raises:
      InputError: anything that is wrong with them, before any work is done.
    """
    entry = zoo.entry(settings.model)
    model = zoo.load(settings.model, weights=settings.weights)
    network = as_network(model)
    shape = _image_shape(model)
    preprocessing = _preprocessing(settings, entry.preprocessing)
    source = open_source(
        settings.data, preprocessing=preprocessing, image_shape=shape, data_dir=data_dir
    )
    k = default_k(shape[0] * shape[1]) if settings.k is None else settings.k
    maps = tf.TensorShape((None, *shape[:2]))
    check_k(maps, k)
    probe = FragilityProbe(
        explainers=_explainers(settings, network),
        attacks=_attacks(settings, k, source.range, maps),
        epsilon=settings.epsilon,
        limits=source.range,
        only_correct=settings.only_correct,
        seed=settings.seed,
    )
    positions = sample_positions(
        source,
        network,
        settings.num_images,
        only_correct=settings.only_correct,
        seed=settings.seed,
    )
    return Subject(settings, model, network, source, positions, probe, k, shape)


def _image_shape(model: keras.Model) -> tuple[int, int, int]:
    shapes = [tuple(t.shape[1:]) for t in getattr(model, "inputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) != 3 or None in shapes[0]:
        raise InputError(
            f"An audit needs a model of one image of fixed size, but {model.name!r} takes inputs "
            f"of shape {shapes or 'unknown'}; use the Python interface for other models."
        )
    height, width, channels = shapes[0]
    return int(height), int(width), int(channels)


def _preprocessing(settings: AuditSettings, own: str | None) -> Preprocessing:
    return PREPROCESSINGS[settings.preprocessing or own or "raw"]


def _explainers(settings: AuditSettings, network: Network) -> Mapping[str, Explainer]:
    defaults = BUDGETS[settings.budget].explainers
    return {
        spec: Explainer(spec, make_method(spec, defaults), network) for spec in settings.explainers
    }


def _attacks(
    settings: AuditSettings, k: int, limits: InputRange, maps: tf.TensorShape
) -> Mapping[str, Attack]:
    budget = BUDGETS[settings.budget]
    steps = budget.steps if settings.steps is None else settings.steps
    step_size = budget.step_size if settings.step_size is None else settings.step_size
    common: dict[str, Any] = {"k": k, "rows": settings.rows}
    if RANDOM in settings.attacks:
        raise InputError("The random control always runs; leave random_sign out of --attacks.")
    beta = beta_for(limits) if settings.beta is None else settings.beta
    attacks = {RANDOM: attack("top_k", optimizer="random_sign", **common)}
    for name in settings.attacks:
        attacks[name] = attack(name, steps=steps, step_size=step_size, beta=beta, **common)
    for made in attacks.values():
        made.objective.check(maps)
    return attacks
