"""How an audit's pictures are read and its classes named: from settings, zoo entry and network."""

from __future__ import annotations

from dataclasses import replace

from tf_fragile.audit.settings import AuditSettings
from tf_fragile.backprop.network import Network
from tf_fragile.data.class_index import class_index
from tf_fragile.data.classes import Classes, numbered
from tf_fragile.data.reading import Reading
from tf_fragile.data.source import Source
from tf_fragile.errors import InputError, readable
from tf_fragile.models.zoo import ZooEntry


def reading_of(settings: AuditSettings, entry: ZooEntry) -> Reading:
    """What was asked for; else the zoo entry's own, and Keras' for model files.

    Raises:
      InputError: if a resize, interpolation or orientation is unknown or they don't go together.
    """
    own = Reading.evaluated(entry.short_side)
    if settings.resize not in (None, own.resize):
        own = Reading(settings.resize)  # type: ignore[arg-type]  # checked there
    if settings.interpolation is not None:
        if own.resize == "imagenet" and settings.interpolation != "bicubic":
            raise InputError(
                f"Pictures for {entry.name!r} are resized as ImageNet networks are evaluated, "
                f"which is bicubic; leave out --interpolation={settings.interpolation}, or choose "
                "--resize=stretch."
            )
        own = replace(own, interpolation=settings.interpolation)
    return replace(own, orientation=settings.orientation)  # type: ignore[arg-type]


def check_used(settings: AuditSettings) -> None:
    """Refuses what is said about the reading of pictures that are not read so.

    Raises:
      InputError: a resize of pictures that are drawn in the model's own size, or tags of data
        that have none.
    """
    kind = settings.data.partition(":")[0].partition("/")[0]
    for name in ("resize", "interpolation"):
        if kind == "embedded" and getattr(settings, name) is not None:
            raise InputError(
                f"--{name} is for pictures that are brought to the model's size, and "
                f"--data={readable(settings.data)} draws them in it; leave it out."
            )
    if kind != "folder" and settings.orientation != "ignore":
        raise InputError(
            f"--orientation={settings.orientation} follows tags of picture files (folder:DIR), and "
            f"--data={readable(settings.data)} has none; leave it out."
        )


def outputs_of(network: Network) -> int | None:
    """How many classes a network tells apart; `None` for numbers, or where it does not say."""
    if network.task == "regression":
        return None
    return 2 if network.units == 1 else network.units


def classes_of(settings: AuditSettings, entry: ZooEntry, network: Network) -> Classes | None:
    """What the outputs are called: as was said, else by the zoo's class index if it fits.

    Raises:
      InputError: if the file of names can't be used.
    """
    if settings.classes is not None:
        return Classes.read(settings.classes)
    if entry.class_index is None:
        return None
    known = class_index(entry.class_index)
    return known if len(known) == outputs_of(network) else None


def plan_lines(source: Source) -> list[str]:
    """How pictures are read, classes named, and what was found, for the plan."""
    return [
        *([f"pictures: {source.geometry}"] if source.geometry else []),
        *([f"classes: {classes_in_words(source)}"] if classes_in_words(source) else []),
        *(f"note: {note}" for note in source.notes),
    ]


def facts(source: Source) -> dict[str, str]:
    """The same for the report."""
    said = {
        "Pictures": source.geometry,
        "Classes": classes_in_words(source),
        "Notes": " ".join(source.notes),
    }
    return {name: text for name, text in said.items() if text}


def classes_in_words(source: Source) -> str:
    """The first classes and the last, and how their order is known; empty where it is not."""
    if not source.class_names or not source.classes_from:
        return source.classes_from  # of labels without names
    return f"{numbered(source.class_names)} ({source.classes_from})"
