"""From what data call their classes to the outputs of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tf_fragile.data.class_index import imagenet
from tf_fragile.data.classes import Classes, listed
from tf_fragile.errors import InputError, readable

_NUMBERED = re.compile(r"([^0-9]*)([0-9]+)")
_FOREIGN = "name the class of each output, in their order, with --classes=FILE, one a line"


@dataclass(frozen=True)
class Labelling:
    """Which output stands for each class of the data.

    Attributes:
      outputs: of each class, in the order that they were given in.
      names: of each output, where known.
      origin: how it is known, a clause; empty where it is not, or nobody said how many outputs
        there are.
      notes: sentences for people.
    """

    outputs: tuple[int, ...] = ()
    names: tuple[str, ...] | None = None
    origin: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Named:
    """Classes as a data set has them.

    Attributes:
      where: the data set, e.g. `"The folder 'photos'"`.
      noun: what its classes are, e.g. `"class folder"`.
      names: theirs, in the data set's order.
      order: which that is, a clause; empty where it says nothing of outputs.
      movable: whether a class can be renamed or taken out.
    """

    where: str
    noun: str
    names: tuple[str, ...]
    order: str
    movable: bool = True

    @property
    def nouns(self) -> str:
        """The noun in the plural."""
        return self.noun + ("es" if self.noun.endswith("s") else "s")

    @property
    def listed(self) -> str:
        """The first classes, on one line."""
        return listed([readable(name) for name in self.names])

    @property
    def counted(self) -> str:
        """How many classes there are, in words."""
        return f"{len(self.names)} {self.noun if len(self.names) == 1 else self.nouns}"


def assign(found: Named, *, outputs: int | None, classes: Classes | None) -> Labelling:
    """Gives each class of the data its output, by one rule.

    Names that were given, or that the model is known by, win; ImageNet's WordNet ids (or all
    names from there) come next where the model has 1000 outputs, or nobody said how many; else
    classes are numbered in their own order, provided that it has a meaning and there are as many
    as outputs.

    Raises:
      InputError: if the numbers don't agree or a class has no output.
    """
    if classes is not None:
        check_count(classes, outputs)
        return _by_name(found, classes, outputs)
    if outputs in (None, len(imagenet())) and _speaks_imagenet(found.names, outputs):
        return _by_name(found, imagenet(), outputs)
    if outputs is not None and len(found.names) != outputs:
        advice = _FOREIGN
        if len(found.names) > outputs and found.movable:
            advice += f", and move the other {found.nouns} away"
        elif len(found.names) > outputs:
            advice = "choose a model or data with the other's classes"
        raise InputError(
            f"{found.where} has {found.counted} ({found.listed}), but the model tells "
            f"{outputs} classes apart; {advice}."
        )
    if not found.order:
        raise InputError(
            f"{found.where} has {found.counted} ({found.listed}), and nothing says which "
            f"output each of them is; {_FOREIGN}."
        )
    origin = "" if outputs is None else found.order
    names = tuple(range(len(found.names)))
    return Labelling(names, _spoken(found.names), origin, _lexical(found))


def unlabelled(*, outputs: int | None, classes: Classes | None) -> Labelling:
    """Names of outputs for data whose classes are not known.

    Raises:
      InputError: if there are not as many names as outputs.
    """
    if classes is None:
        return Labelling()
    check_count(classes, outputs)
    return Labelling(names=classes.names, origin=classes.origin)


def check_count(classes: Classes, outputs: int | None) -> None:
    """Refuses names that are not as many as the outputs."""
    if outputs is None or len(classes) == outputs:
        return
    first = classes.names[0]
    hint = "give one name for each output, in their order"
    if len(classes) == outputs + 1 and first.lower() in (
        *("background", "dummy", "name", "class", "label", "classes", "labels"),
    ):
        hint = f"its first line {first!r} names no output: leave it out"
    raise InputError(
        f"{classes.origin} names {len(classes)} class{'es' * (len(classes) != 1)}, but the model "
        f"tells {outputs} classes apart; {hint}."
    )


def called(name: str, classes: Classes) -> tuple[int, ...]:
    """The outputs of a class called so: its key, its name, or its WordNet id for its name."""
    return classes.find(name) or classes.find(_spoken((name,))[0])


def _by_name(found: Named, classes: Classes, outputs: int | None) -> Labelling:
    taken: dict[int, str] = {}
    for name in found.names:
        hits = called(name, classes)
        if not hits:
            raise InputError(
                f"{found.where} has a {found.noun} {name!r}, which is no class of "
                f"{classes.origin} ({listed(classes.names)}); "
                f"{'rename it or move it away, or ' * found.movable}{_FOREIGN}."
            )
        if len(hits) > 1:
            by = f"by its id ({' or '.join(classes.keys[h] for h in hits)})" if classes.keys else ""
            raise InputError(
                f"{found.where} has a {found.noun} {name!r}, but {classes.origin} has that name "
                f"for the outputs {' and '.join(map(str, hits))}; "
                f"name it {by or 'so that each name occurs once'}."
            )
        if hits[0] in taken:
            raise InputError(
                f"{found.where} has the {found.nouns} {taken[hits[0]]!r} and {name!r}, which both "
                f"name output {hits[0]} of {classes.origin}; put them together."
            )
        taken[hits[0]] = name
    origin = "" if outputs is None else f"by name, from {classes.origin}"
    return Labelling(tuple(taken), classes.names, origin)


def _speaks_imagenet(names: Sequence[str], outputs: int | None) -> bool:
    """Whether one is a WordNet id of ImageNet; for 1000 outputs, or all are names from there."""
    keys = imagenet().keys or ()
    if any(name in keys for name in names):
        return True
    return outputs is not None and all(imagenet().find(name) for name in names)


def _spoken(names: tuple[str, ...]) -> tuple[str, ...]:
    """Names for people: in place of WordNet ids, where all are some."""
    table = dict(zip(imagenet().keys or (), imagenet().names, strict=True))
    known = all(name in table for name in names)
    return tuple(table[name] for name in names) if known else names


def _lexical(found: Named) -> tuple[str, ...]:
    """A word on names that begin alike, go on with a number, and are sorted as text."""
    parts = [_NUMBERED.match(name) for name in found.names]
    numbers = [(match[1], int(match[2])) for match in parts if match is not None]
    alike = len(numbers) == len(found.names) and len({begin for begin, _ in numbers}) == 1
    if not alike or list(found.names) != sorted(found.names) or numbers == sorted(numbers):
        return ()
    by_number = [found.names[i] for i in sorted(range(len(numbers)), key=numbers.__getitem__)]
    output = next(i for i, name in enumerate(found.names) if name != by_number[i])
    return (
        f"The {found.nouns} are numbered, but sorted as text, as Keras does: "
        f"{found.names[output]!r} is output {output}. If their numbers are the order of the "
        "outputs, list them so in --classes=FILE.",
    )
