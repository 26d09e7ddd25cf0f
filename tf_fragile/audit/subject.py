"""What is audited: a model, its data and the probe, made from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.factory import attack
from tf_fragile.attacks.gate import Decision, trusted
from tf_fragile.attacks.gate.corrected import Corrected
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.surrogates import beta_for
from tf_fragile.audit import inputs
from tf_fragile.audit.settings import BUDGETS, SIGN_STEP, AuditSettings
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
from tf_fragile.probes.fragility import FragilityProbe, sample_seed
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
      gate: whether the model's derivatives can be believed, and what follows.
    """

    settings: AuditSettings
    model: keras.Model
    network: Network
    source: Source
    positions: np.ndarray
    probe: FragilityProbe
    k: int
    image_shape: tuple[int, int, int]
    gate: Decision


def open_subject(settings: AuditSettings, data_dir: str | None = None) -> Subject:
    """Loads the model, opens the data and makes the probe.

    Raises:
      InputError: anything that is wrong with them, before any work is done.
    """
    entry = zoo.entry(settings.model)
    model = zoo.load(
        settings.model,
        weights=settings.weights,
        unsafe=settings.unsafe_load,
        imports=settings.imports,
    )
    network = as_network(model, settings.head)
    shape = _image_shape(model)
    preprocessing = _preprocessing(settings, entry.preprocessing)
    source = open_source(
        settings.data,
        preprocessing=preprocessing,
        image_shape=shape,
        reading=inputs.reading_of(settings, entry),
        outputs=inputs.outputs_of(network),
        classes=inputs.classes_of(settings, entry, network),
        data_dir=data_dir,
    )
    k = default_k(shape[0] * shape[1]) if settings.k is None else settings.k
    maps = tf.TensorShape((None, *shape[:2]))
    check_k(maps, k)
    explainers = _explainers(settings, network)
    positions = sample_positions(
        source,
        network,
        settings.num_images,
        only_correct=settings.only_correct,
        seed=settings.seed,
    )
    network.check(tf.constant(source.load(positions[:2]).image))
    gate = trusted(network, source.load(positions[:3]).image, seed=settings.seed)
    optimizer = _optimizer(settings, gate, explainers)
    probe = FragilityProbe(
        explainers=explainers,
        attacks=_attacks(settings, optimizer, gate, k, source.range, maps),
        epsilon=settings.epsilon,
        limits=source.range,
        doubled=_doubled(settings, positions),
        smallest=min(settings.epsilon) if settings.halving else None,
        only_correct=settings.only_correct,
        seed=settings.seed,
    )
    return Subject(settings, model, network, source, positions, probe, k, shape, gate)


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


def _optimizer(settings: AuditSettings, gate: Decision, explainers: Mapping[str, Explainer]) -> str:
    """The optimiser asked for, or the secant where second derivatives can't be believed.

    Raises:
      InputError: the secant does not fit one of the explainers.
    """
    asked = settings.optimizer or BUDGETS[settings.budget].optimizer
    if gate.kind != "secant":
        return asked
    for name, explainer in explainers.items():
        try:
            check_symmetric(name, explainer.method)
        except InputError:
            raise InputError(
                f"{name} has no map with a symmetric Jacobian, which the secant optimizer needs, "
                f"and no other can be used here ({gate.text.rstrip('.')}); leave {name} out of "
                "--explainers."
            ) from None
    return "secant"


def _attacks(
    settings: AuditSettings,
    optimizer: str,
    gate: Decision,
    k: int,
    limits: InputRange,
    maps: tf.TensorShape,
) -> Mapping[str, Attack]:
    budget = BUDGETS[settings.budget]
    common: dict[str, Any] = {"k": k, "rows": settings.rows_at_once, "grid": 1.0}
    common |= {"fixed_chunks": True, "gate": "off"}  # checked by `open_subject`
    if RANDOM in settings.attacks:
        raise InputError("The random control always runs; leave random_sign out of --attacks.")
    own: dict[str, Any] = {"steps": budget.steps if settings.steps is None else settings.steps}
    if optimizer == "sign":
        size = settings.step_size or budget.step_size or SIGN_STEP
        beta = beta_for(limits) if settings.beta is None else settings.beta
        own |= {"step_size": size, "beta": beta}
    attacks = {RANDOM: attack("top_k", optimizer="random_sign", **common)}
    for name in settings.attacks:
        made = attack(name, optimizer=optimizer, **own, **common)
        if gate.kind == "corrected":
            made = replace(made, surrogate=Corrected(made.surrogate))
        attacks[name] = made
    for made in attacks.values():
        made.objective.check(maps)
    return attacks


def _doubled(settings: AuditSettings, positions: np.ndarray) -> frozenset[int]:
    """About `settings.plateau` of the images to attack, drawn by their index alone."""
    attacked = settings.num_images or len(positions)
    count = round(settings.plateau * len(positions) / attacked)
    order = sorted(map(int, positions), key=lambda i: sample_seed(settings.seed, i))
    return frozenset(order[:count])
