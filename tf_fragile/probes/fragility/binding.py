"""The fragility probe of a subject: attacks that fit its model, and what to say of them first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import tensorflow as tf

from tf_fragile.attacks.attack import Attack
from tf_fragile.attacks.factory import attack
from tf_fragile.attacks.objectives import OBJECTIVES
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.trusting import bare_layers, unfollowed
from tf_fragile.data.bands import is_picture
from tf_fragile.derivatives import Decision
from tf_fragile.derivatives.corrected import Corrected
from tf_fragile.errors import InputError
from tf_fragile.metrics.catalog import METRICS
from tf_fragile.metrics.similarity import check_k, default_k
from tf_fragile.probes.contract import Bound, Subject
from tf_fragile.probes.fragility import family, radii
from tf_fragile.probes.fragility.doubts import surrogate_doubt
from tf_fragile.probes.fragility.grid import finest_step, grid_doubt
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe, map_shape
from tf_fragile.probes.fragility.settings import (
    SIGN_STEP,
    SPENT,
    FragilitySettings,
    check_used,
)
from tf_fragile.probes.fragility.work import padding
from tf_fragile.probes.parts import own_parts
from tf_fragile.probes.seeds import sample_seed
from tf_fragile.runs.tasks import cut
from tf_fragile.surrogates import beta_for

_LOOKED_AT = 64  # images whose values tell how fine the data are


def bind(settings: FragilitySettings, subject: Subject) -> Bound:
    """The probe of a subject.

    Raises:
      InputError: a map too small for k, an objective or optimiser that does not fit.
    """
    check_used(settings, subject.budget, subject.bounds)  # of data that were given as such
    maps = map_shape(subject.source, settings.readout)
    places = maps[1:].num_elements() or 1
    what = "pixels" if is_picture(subject.source.image_shape) else "places"
    k = default_k(places) if settings.k is None else settings.k
    check_k(maps, k)
    epsilon = radii.resolved(settings.epsilon, subject.bounds)
    gate = subject.derivatives
    rows = min(subject.rows, subject.size * len(epsilon))  # a chunk that is filled up costs in full
    attacks = attacks_of(settings, subject, k, rows)
    bare, sentences = without_surrogate(subject, attacks)
    probe = FragilityProbe(
        explainers=subject.explainers,
        source=subject.source,
        attacks=attacks,
        epsilon=epsilon,
        limits=subject.source.range,
        doubled=_doubled(settings, subject),
        smallest=min(epsilon) if settings.halving else None,
        only_correct=subject.only_correct,
        seed=subject.seed,
        doubts={
            "derivatives": _unbelieved(gate),
            "surrogate": surrogate_doubt(bare),
            "ball": grid(subject, max(epsilon)),
        },
    )
    count = len(subject.explainers) * len(settings.attacks)
    return Bound(
        probe=probe,
        decides=_decides(settings, k, epsilon),
        lines=(
            *([f"radii: {_in_words(settings, subject)}"] if subject.bounds else []),
            f"maps: top {k} of {places} {what}",
        ),
        notes=_notes(subject, sentences, count, len(epsilon), rows),
        facts={
            "Attacks": "; ".join(
                f"{name}: {made.optimizer}, surrogate {made.surrogate}"
                for name, made in attacks.items()
                if name in settings.attacks
            ),
            "Radii": f"{_in_words(settings, subject)} (L-infinity)",
            "Words": family.in_words(count),
            "Overlap": f"top {k} {what}; chance {k / places:.3f}",
        },
    )


def attacks_of(
    settings: FragilitySettings, subject: Subject, k: int, rows: int
) -> dict[str, Attack]:
    """The attacks by their names in the records, the random control first.

    Args:
      settings: what was asked for.
      subject: what is attacked.
      k: of the top-k overlap.
      rows: images times radii in a chunk.

    Raises:
      InputError: the secant does not fit one of the explainers, or an objective the maps.
    """
    spent, bounds, gate = SPENT[subject.budget], subject.bounds, subject.derivatives
    optimizer = _optimizer(settings, subject)
    # An image file holds whole grey levels; data in other units are stored as they come.
    common: dict[str, Any] = {"k": k, "rows": rows, "grid": 1.0 if bounds is None else None}
    common |= {"readout": settings.readout}
    common |= {"fixed_chunks": True, "gate": "off"}  # checked once, as `subject.derivatives`
    own: dict[str, Any] = {"steps": spent.steps if settings.steps is None else settings.steps}
    if optimizer == "sign":
        step = (spent.step_size or SIGN_STEP) * radii.grey_level(bounds)
        beta = beta_for(subject.source.range) if settings.beta is None else settings.beta
        own |= {"step_size": settings.step_size or step, "beta": beta}
    attacks = {RANDOM: attack("top_k", optimizer="random_sign", **common)}
    for name in settings.attacks:
        made = attack(name, optimizer=optimizer, **own, **common)
        if gate.kind == "corrected":
            made = replace(made, surrogate=Corrected(made.surrogate))
        attacks[name] = made
    maps = map_shape(subject.source, settings.readout)
    for made in attacks.values():
        made.objective.check(maps)
    return attacks


def without_surrogate(
    subject: Subject, attacks: Mapping[str, Attack]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Layers with a kink and no surrogate under attacks that take derivatives, and sentences."""
    for made in attacks.values():
        if made.optimizer.cost.derivatives:
            sample = tf.constant(subject.source.load(subject.positions[:1]).image)
            if names := bare_layers(subject.network, made.surrogate, sample):
                return tuple(names), tuple(unfollowed(subject.network, made.surrogate, sample))
    return (), ()


def grid(subject: Subject, radius: float) -> str:
    """Why a ball holds no other image; radii of pictures are whole grey levels."""
    if subject.bounds is None:
        return ""
    images = subject.source.load(subject.positions[:_LOOKED_AT]).image
    return grid_doubt(radius, finest_step(images, *subject.bounds))


def _decides(settings: FragilitySettings, k: int, epsilon: tuple[float, ...]) -> dict[str, Any]:
    asked = dataclasses.asdict(settings) | {"k": k, "epsilon": epsilon}
    parts = own_parts(OBJECTIVES, settings.attacks, lambda make: make)
    parts |= own_parts(METRICS, METRICS.registered(), lambda metric: metric.of)
    return asked | ({"parts": parts} if parts else {})


def _in_words(settings: FragilitySettings, subject: Subject) -> str:
    epsilon = radii.resolved(settings.epsilon, subject.bounds)
    return radii.in_words(epsilon, subject.bounds, settings.epsilon is not None)


def _notes(
    subject: Subject, sentences: tuple[str, ...], count: int, levels: int, rows: int
) -> tuple[str, ...]:
    short = family.too_few(len(subject.kept), count, there=subject.there)
    tasks = cut(subject.positions, subject.size)
    filled = share(padding(tasks, levels, rows))
    return (
        *sentences,
        *([short] if short else []),
        f"chunks of {rows} rows (an image at a radius), {filled} of them padding",
    )


def share(part: float) -> str:
    """A share of a whole, in words."""
    return f"{100 * part:.0f} %" if part else "none"


def _unbelieved(gate: Decision) -> str:
    """What the derivative gate leaves in doubt."""
    report = gate.report if gate.after is None else gate.after
    second_only = gate.kind == "secant" and not report.first_wrong and not report.not_finite
    return "" if report.ok or second_only else f"derivatives can't be believed: {report.problem}"


def _optimizer(settings: FragilitySettings, subject: Subject) -> str:
    """The optimiser asked for, or the secant where second derivatives can't be believed.

    Raises:
      InputError: the secant does not fit one of the explainers.
    """
    asked, gate = settings.optimizer or SPENT[subject.budget].optimizer, subject.derivatives
    if gate.kind != "secant":
        return asked
    for name, explainer in subject.explainers.items():
        try:
            check_symmetric(name, explainer.method)
        except InputError:
            raise InputError(
                f"{name} has no map with a symmetric Jacobian, which the secant optimizer needs, "
                f"and no other can be used here ({gate.text.rstrip('.')}); leave {name} out of "
                "--explainers."
            ) from None
    return "secant"


def _doubled(settings: FragilitySettings, subject: Subject) -> frozenset[int]:
    """About `settings.plateau` of the images to attack, drawn by their index alone."""
    number = round(settings.plateau * len(subject.positions) / max(1, len(subject.kept)))
    order = sorted(map(int, subject.positions), key=lambda i: sample_seed(subject.seed, i))
    return frozenset(order[:number])
