"""What is audited: a model and its data, opened and looked at as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_fragile.audit import inputs
from tf_fragile.audit.adapted import adapted
from tf_fragile.audit.alternatives import Alternative, geometries, preprocessings
from tf_fragile.audit.class_orders import class_orders
from tf_fragile.audit.counts import Counts, count
from tf_fragile.audit.feeding import Feeding, judge
from tf_fragile.audit.objects import NOTHING, Objects, entry_of
from tf_fragile.audit.settings import AuditSettings
from tf_fragile.audit.sizes import sizes
from tf_fragile.audit.specs import check_specs, in_need_of, methods_of, taken_from_data
from tf_fragile.audit.watched import watched
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.data.bands import check_bands, is_picture
from tf_fragile.data.preprocessing import PREPROCESSINGS, Preprocessing
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.data.sources import open_source
from tf_fragile.errors import InputError
from tf_fragile.explainers.explainer import Explainer
from tf_fragile.explainers.needs import FromData
from tf_fragile.models import zoo
from tf_fragile.models.saved.user_code import import_code
from tf_fragile.probes.contract import About, Subject
from tf_fragile.probes.sampling import Drawn, Seen, check_classifies, draw
from tf_fragile.runs.artefacts import Store


@dataclass(frozen=True, eq=False)
class Opened:
    """Everything an audit works on.

    Attributes:
      settings: what was asked for.
      subject: model, data and explainers, for probes.
      adaptation: what was put before the model so that it takes pictures, a sentence; empty if
        nothing.
      drawn: the images of the audit; those to ask about and those passed over.
      counts: how many they are.
      feeding: whether the model was fed rightly, by its answers.
      data: gives explainers what only it can; until `filled`, their patterns are of no layer.
    """

    settings: AuditSettings
    subject: Subject
    adaptation: str
    drawn: Drawn
    counts: Counts
    feeding: Feeding
    data: FromData

    def filled(self, *, progress: bool = True) -> Opened:
        """The same, its explainers with all they need: some take a pass over some of the data.

        Raises:
          InputError: a model of which there are no patterns.
        """
        if not in_need_of("patterns", self.settings):
            return self
        data = replace(self.data, progress=progress)
        subject = replace(self.subject, explainers=_explainers(self.settings, data))
        return replace(self, data=data, subject=subject)

    @property
    def taken(self) -> dict[str, dict[str, Any]]:
        """What explainers took from the data, by their specs, as JSON values."""
        return taken_from_data(self.settings, self.data)

    @property
    def about(self) -> About:
        """What people call what records number."""
        return About(self.subject.source, self.counts.auditable, self.settings.bands)

    @property
    def doubts(self) -> dict[str, str]:
        """What makes all that is found doubtful, a clause by its kind."""
        return {"feeding": self.feeding.doubt} if self.feeding.doubt else {}


def open_subject(
    settings: AuditSettings,
    data_dir: str | None = None,
    *,
    objects: Objects = NOTHING,
    store: Store | None = None,
    progress: bool = True,
) -> Opened:
    """Loads the model, opens the data and looks at them.

    Args:
      settings: what was asked for.
      data_dir: where prepared TFDS data sets lie.
      objects: a model or data that were given as such, in place of what settings name.
      store: where artefacts are kept; those of explainers are made for this call where `None`.
      progress: whether to say that images are looked at, where it takes long.

    Raises:
      InputError: anything that is wrong with them, before any work is done.
    """
    for target in settings.imports:
        import_code(target)
    check_specs(settings)
    entry = zoo.entry(settings.model) if objects.model is None else entry_of(objects.model)
    inputs.check_used(settings)
    reading = inputs.reading_of(settings, entry)
    model = objects.model or zoo.load(
        settings.model,
        weights=settings.weights,
        unsafe=settings.unsafe_load,
        imports=settings.imports,
        file_limit=settings.file_limit,
    )
    taken = adapted(model, settings.image_size, settings.head)
    network, shape = as_network(taken.model, settings.head), taken.image_shape
    check_classifies(network)  # or what is said of the data would lead nowhere
    if is_picture(shape):
        check_bands(settings.bands, shape[2])
    source = objects.source(shape, taken.parts, inputs.outputs_of(network)) or open_source(
        settings.data,
        preprocessing=_preprocessing(settings, entry.preprocessing),
        image_shape=shape,
        parts=taken.parts,
        reading=reading,
        outputs=inputs.outputs_of(network),
        classes=inputs.classes_of(settings, entry, network),
        data_dir=data_dir,
        file_limit=settings.file_limit,
    )
    data = FromData(source, network, settings.pattern_images, settings.seed, store=store)
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
    return Opened(
        settings=settings,
        subject=Subject(
            model=model,
            network=network,
            source=source,
            explainers=explainers,
            positions=positions,
            passed_over=drawn.passed_over,
            there=counts.auditable,
            seed=settings.seed,
            budget=settings.budget,
            size=settings.shard_size,
            rows=settings.rows,
            only_correct=settings.only_correct,
            store=store,
        ),
        adaptation=taken.note,
        drawn=drawn,
        counts=counts,
        feeding=feeding,
        data=data,
    )


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
        return source.seen_as(reading, source.picture_shape)

    def in_size(size: tuple[int, int]) -> tuple[Source | None, Network]:
        taken = adapted(model, size, settings.head)
        height, width, channels = taken.image_shape
        seen = source.seen_as(reading, (height, width, channels))
        return seen, as_network(taken.model, settings.head)

    pictures = is_picture(source.image_shape)
    found = preprocessings(source, network) if pictures and not source.is_bounded else []
    if seen.labelled.any():
        found += class_orders(source, network, seen)
    if seen.labelled.any() and pictures:
        found += geometries(source, network, reading, in_geometry, seen.positions[:4])
    if settings.image_size is not None:
        found += sizes(source.picture_shape[:2], seen, in_size)
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
        f"nothing to audit; {why}."
    )
