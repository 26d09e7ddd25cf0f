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
from tf_fragile.attacks.secant import check_symmetric
from tf_fragile.attacks.trusting import bare_layers
from tf_fragile.audit import inputs
from tf_fragile.audit.adapted import adapted
from tf_fragile.audit.alternatives import Alternative, geometries, preprocessings
from tf_fragile.audit.bands import check_bands
from tf_fragile.audit.class_orders import class_orders
from tf_fragile.audit.counts import Counts, count
from tf_fragile.audit.feeding import Feeding, judge
from tf_fragile.audit.settings import BUDGETS, SIGN_STEP, AuditSettings
from tf_fragile.audit.sizes import sizes
from tf_fragile.audit.specs import check_specs, in_need_of, methods_of, taken_from_data
from tf_fragile.audit.watched import watched
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.ranges import InputRange
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.data.sources import open_source
from tf_fragile.derivatives import Decision, trusted
from tf_fragile.derivatives.corrected import Corrected
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.needs import FromData
from tf_fragile.metrics.similarity import check_k, default_k
from tf_fragile.models import zoo
from tf_fragile.models.saved.user_code import import_code
from tf_fragile.probes.fragility.doubts import surrogate_doubt
from tf_fragile.probes.fragility.grid import finest_step, grid_doubt
from tf_fragile.probes.fragility.names import RANDOM
from tf_fragile.probes.fragility.probe import FragilityProbe
from tf_fragile.probes.sampling import Drawn, Seen, check_classifies, draw
from tf_fragile.probes.seeds import sample_seed
from tf_fragile.surrogates import beta_for

_LOOKED_AT = 64  # images whose values tell how fine the data are


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything an audit works on.

    Attributes:
      settings: what was asked for.
      model: the user's model.
      adaptation: what was put before it so that it takes pictures, a sentence; empty if nothing.
      network: its score function, of pictures.
      source: its data.
      drawn: the images of the audit; those to attack and those passed over.
      counts: how many they are.
      feeding: whether the model was fed rightly, by its answers.
      probe: what is done to them.
      k: of the top-k overlap.
      image_shape: [H, W, C].
      gate: whether the model's derivatives can be believed, and what follows.
      bare: layers that have or may have a kink and no surrogate in the attacks.
      data: gives explainers what only it can; until `filled`, their patterns are of no layer.
    """

    settings: AuditSettings
    model: keras.Model
    adaptation: str
    network: Network
    source: Source
    drawn: Drawn
    counts: Counts
    feeding: Feeding
    probe: FragilityProbe
    k: int
    image_shape: tuple[int, int, int]
    gate: Decision
    bare: tuple[str, ...]
    data: FromData

    def filled(self, *, progress: bool = True) -> Subject:
        """The same, its explainers with all they need: some take a pass over some of the data.

        Raises:
          InputError: a model of which there are no patterns.
        """
        if not in_need_of("patterns", self.settings):
            return self
        data = replace(self.data, progress=progress)
        probe = replace(self.probe, explainers=_explainers(self.settings, data))
        return replace(self, data=data, probe=probe)

    @property
    def taken(self) -> dict[str, dict[str, Any]]:
        """What explainers took from the data, by their specs, as JSON values."""
        return taken_from_data(self.settings, self.data)

    @property
    def positions(self) -> np.ndarray:
        """Of the images of the audit, ascending."""
        return self.drawn.positions

    @property
    def attacked(self) -> np.ndarray:
        """Those of them that are to be attacked."""
        return self.drawn.positions[~self.drawn.passed_over]


def open_subject(
    settings: AuditSettings, data_dir: str | None = None, *, progress: bool = True
) -> Subject:
    """Loads the model, opens the data and makes the probe.

    Args:
      settings: what was asked for.
      data_dir: where prepared TFDS data sets lie.
      progress: whether to say that images are looked at, where it takes long.

    Raises:
      InputError: anything that is wrong with them, before any work is done.
    """
    for target in settings.imports:
        import_code(target)
    check_specs(settings)
    entry = zoo.entry(settings.model)
    inputs.check_used(settings)
    reading = inputs.reading_of(settings, entry)
    model = zoo.load(
        settings.model,
        weights=settings.weights,
        unsafe=settings.unsafe_load,
        imports=settings.imports,
        file_limit=settings.file_limit,
    )
    taken = adapted(model, settings.image_size, settings.head)
    network, shape = as_network(taken.model, settings.head), taken.image_shape
    check_classifies(network)  # or what is said of the data would lead nowhere
    check_bands(settings.bands, shape[2])
    source = open_source(
        settings.data,
        preprocessing=_preprocessing(settings, entry.preprocessing),
        image_shape=shape,
        reading=reading,
        outputs=inputs.outputs_of(network),
        classes=inputs.classes_of(settings, entry, network),
        data_dir=data_dir,
        file_limit=settings.file_limit,
    )
    k = default_k(shape[0] * shape[1]) if settings.k is None else settings.k
    maps = tf.TensorShape((None, *shape[:2]))
    check_k(maps, k)
    data = FromData(source, network, settings.pattern_images, settings.seed)
    explainers = _explainers(settings, data.sketched())
    with watched(source, progress) as shown:
        drawn = draw(
            shown,
            network,
            settings.num_images,
            only_correct=settings.only_correct,
            seed=settings.seed,
        )
        feeding = judge(
            shown,
            network,
            drawn.seen,
            seed=settings.seed,
            alternatives=lambda seen: _alternatives(settings, model, shown, network, seen, reading),
        )
    beyond = ~np.isin(feeding.seen.positions, drawn.positions)
    feeding = replace(feeding, beyond=int(beyond.sum()))
    _check_any(source, drawn, feeding)
    positions, counts = drawn.positions, count(source, drawn, settings.num_images)
    network.check(tf.constant(source.load(positions[:2]).image))
    gate = trusted(network, source.load(positions[:3]).image, seed=settings.seed)
    optimizer = _optimizer(settings, gate, explainers)
    attacks = _attacks(settings, optimizer, gate, k, source.range, maps)
    bare = _bare(network, attacks, source, positions)
    probe = FragilityProbe(
        explainers=explainers,
        source=source,
        attacks=attacks,
        epsilon=settings.radii,
        limits=source.range,
        doubled=_doubled(settings, positions, counts),
        smallest=min(settings.radii) if settings.halving else None,
        only_correct=settings.only_correct,
        seed=settings.seed,
        doubts={
            "feeding": feeding.doubt,
            "derivatives": _derivatives(gate),
            "surrogate": surrogate_doubt(bare),
            "ball": _grid(settings, source, positions),
        },
    )
    return Subject(
        settings=settings,
        model=model,
        adaptation=taken.note,
        network=network,
        source=source,
        drawn=drawn,
        counts=counts,
        feeding=feeding,
        probe=probe,
        k=k,
        image_shape=shape,
        gate=gate,
        bare=bare,
        data=data,
    )


def _derivatives(gate: Decision) -> str:
    """What the derivative gate leaves in doubt."""
    report = gate.report if gate.after is None else gate.after
    second_only = gate.kind == "secant" and not report.first_wrong and not report.not_finite
    return "" if report.ok or second_only else f"derivatives can't be believed: {report.problem}"


def _grid(settings: AuditSettings, source: Source, positions: np.ndarray) -> str:
    """Why the largest ball holds no other image; radii of pictures are whole grey levels."""
    if settings.bounds is None:
        return ""
    images = source.load(positions[:_LOOKED_AT]).image
    return grid_doubt(max(settings.radii), finest_step(images, *settings.bounds))


def _bare(
    network: Network, attacks: Mapping[str, Attack], source: Source, positions: np.ndarray
) -> tuple[str, ...]:
    """Layers with a kink and without a surrogate under the attacks that take derivatives."""
    for made in attacks.values():
        if made.optimizer.cost.derivatives:
            sample = tf.constant(source.load(positions[:1]).image)
            if names := bare_layers(network, made.surrogate, sample):
                return tuple(names)
    return ()


def _explainers(settings: AuditSettings, data: FromData) -> dict[str, Explainer]:
    made = methods_of(settings, data)
    return {spec: Explainer(spec, method, data.network) for spec, method in made.items()}


def _preprocessing(settings: AuditSettings, own: str | None) -> Preprocessing:
    if settings.bounds is not None:  # such data need none, whatever the model's own is
        return PREPROCESSINGS["raw"].within(*settings.bounds)
    return PREPROCESSINGS[settings.preprocessing or own or "raw"]


def _alternatives(
    settings: AuditSettings,
    model: keras.Model,
    source: Source,
    network: Network,
    seen: Seen,
    reading: Reading,
) -> list[Alternative]:
    """Other feedings, for a model that was perhaps not fed rightly."""

    def in_geometry(reading: Reading) -> Source | None:
        return source.seen_as(reading, source.image_shape)

    def in_size(size: tuple[int, int]) -> tuple[Source | None, Network]:
        taken = adapted(model, size, settings.head)
        return source.seen_as(reading, taken.image_shape), as_network(taken.model, settings.head)

    found = [] if settings.bounds else preprocessings(source, network)
    if seen.labelled.any():
        found += class_orders(source, network, seen)
        found += geometries(source, network, reading, in_geometry, seen.positions[:4])
    if settings.image_size is not None:
        found += sizes(source.image_shape[:2], seen, in_size)
    return found


def _check_any(source: Source, drawn: Drawn, feeding: Feeding) -> None:
    """Refuses an audit of no image, with what the model's answers say of how it was fed."""
    if not drawn.passed_over.all():
        return
    why = feeding.doubt or (
        f"{feeding.text}; check --preprocessing and the labels, or set --only_correct=false"
    )
    raise InputError(
        f"None of the {len(source)} images of {source.name!r} is classified correctly, so there is "
        f"nothing to attack; {why}."
    )


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
    # An image file holds whole grey levels; data in other units are stored as they come.
    grid = 1.0 if settings.bounds is None else None
    common: dict[str, Any] = {"k": k, "rows": settings.rows_at_once, "grid": grid}
    common |= {"fixed_chunks": True, "gate": "off"}  # checked by `open_subject`
    own: dict[str, Any] = {"steps": budget.steps if settings.steps is None else settings.steps}
    if optimizer == "sign":
        size = settings.step_size or (budget.step_size or SIGN_STEP) * settings.grey_level
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


def _doubled(settings: AuditSettings, positions: np.ndarray, counts: Counts) -> frozenset[int]:
    """About `settings.plateau` of the images to attack, drawn by their index alone."""
    number = round(settings.plateau * counts.looked_at / counts.attacked)
    order = sorted(map(int, positions), key=lambda i: sample_seed(settings.seed, i))
    return frozenset(order[:number])
