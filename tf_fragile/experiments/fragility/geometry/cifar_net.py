"""The table of the CIFAR-10 network: layers, shapes and parameters, built and as published.

Source: Ghorbani et al. 2019, appendix A.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from tf_fragile.errors import InputError
from tf_fragile.experiments.fragility.geometry.settings import NetTable
from tf_fragile.experiments.frame.asked import Asked
from tf_fragile.experiments.frame.job import Drawn, Found, Job, Table
from tf_fragile.experiments.frame.place import Place
from tf_fragile.experiments.frame.subject import Subject, open_subject
from tf_fragile.models.fingerprint import fingerprint
from tf_fragile.models.zoo.cifar import build_cifar10_fragility
from tf_fragile.surrogates import Softplus

MEASURED = "measured"
NAME = "tab_cifar_net"
_BATCH = 100


@dataclass(frozen=True)
class Published:
    """A row of the appendix; shapes and counts follow from its layers and 'same' padding."""

    layer: str
    shape: tuple[int, ...]
    parameters: int


PUBLISHED = (
    Published("conv 3x3, 96, ReLU", (32, 32, 96), 2_688),
    Published("conv 3x3, 96, ReLU", (32, 32, 96), 83_040),
    Published("conv 3x3, 96, ReLU, stride 2", (16, 16, 96), 83_040),
    Published("conv 3x3, 192, ReLU", (16, 16, 192), 166_080),
    Published("conv 3x3, 192, ReLU", (16, 16, 192), 331_968),
    Published("conv 3x3, 192, ReLU, stride 2", (8, 8, 192), 331_968),
    Published("dense 1024, ReLU", (1024,), 12_583_936),
    Published("dense 10", (10,), 10_250),
)
PUBLISHED_TOTAL = 13_592_970
PUBLISHED_ACCURACY = {"relu": 0.73, "softplus": 0.73}


def prepare(asked: Asked, place: Place) -> Job:
    """The table that the flags ask for; opens the first of the weights, if there are any."""
    given = asked.given
    weights = [Path(text) for text in given.weights or ()]
    subject = None
    if weights:
        subject = open_subject(
            asked.model,
            weights=str(weights[0]),
            data=given.data,
            data_dir=given.data_dir,
            width=asked.more.width,
        )
    return tab_cifar_net(asked.settings, place.seed, subject=subject, weights=weights)


def tab_cifar_net(
    settings: NetTable,
    seed: int = 0,
    *,
    subject: Subject | None = None,
    weights: Sequence[Path] = (),
) -> Job:
    """The table: one row a layer, see `layers_table`; .md has accuracies, too.

    Args:
      settings: on how many test images the trained network is measured.
      seed: which ones.
      subject: a trained network with its test images, if there is one.
      weights: files of trained weights; the manifests beside them are read.

    Raises:
      InputError: a manifest beside weights is damaged.
    """
    trained = [facts for facts in map(training_facts, weights) if facts]
    built = Table("layers", {}, lambda: layers_table(build_cifar10_fragility()))
    tables = [built]
    if subject is not None:
        about = {"model": fingerprint(subject.model), "data": subject.source.fingerprint()}
        measured = partial(_measured, subject, settings.num_images, seed)
        tables.append(Table(MEASURED, asdict(settings) | about, measured))
    facts = {"settings": asdict(settings), "published_parameters": PUBLISHED_TOTAL}
    return Job(NAME, partial(_drawn, trained), tables=tables, facts=facts)


def _drawn(trained: Sequence[Mapping[str, Any]], found: Found) -> Drawn:
    table = found.tables["layers"]
    rows = found.tables[MEASURED].to_dict("records") if MEASURED in found.tables else [{}]
    text = markdown(table, trained, rows[0])
    facts = {
        "parameters": int(table["parameters"].sum()),
        "trained": list(trained),
        "measured": rows[0],
    }
    return Drawn({".csv": table}, texts={".md": text}, told=text, facts=facts)


def layers_table(model: keras.Model) -> pd.DataFrame:
    """The layers with weights of a built model beside the published ones.

    Returns:
      One row a layer: its description, output shape and parameters as built, the published ones,
      and whether they agree.

    Raises:
      InputError: there are more layers, or fewer.
    """
    built = [layer for layer in model.layers if layer.weights]
    if len(built) != len(PUBLISHED):
        raise InputError(
            f"Model {model.name!r} has {len(built)} layers with weights, the published network "
            f"{len(PUBLISHED)}; give the CIFAR-10 network."
        )
    rows = []
    for number, (layer, published) in enumerate(zip(built, PUBLISHED, strict=True), start=1):
        shape = tuple(int(n) for n in layer.output.shape[1:])
        parameters = int(layer.count_params())
        rows.append(
            {
                "number": number,
                "name": layer.name,
                "layer": describe(layer),
                "shape": _shape(shape),
                "parameters": parameters,
                "published_layer": published.layer,
                "published_shape": _shape(published.shape),
                "published_parameters": published.parameters,
                "agrees": (describe(layer), shape, parameters)
                == (published.layer, published.shape, published.parameters),
            }
        )
    return pd.DataFrame(rows)


def describe(layer: keras.Layer) -> str:
    """A convolution or dense layer in words, e.g. `conv 3x3, 96, ReLU, stride 2`."""
    config = layer.get_config()
    activation = {"relu": ", ReLU", "linear": ""}.get(
        config["activation"], f", {config['activation']}"
    )
    if isinstance(layer, keras.layers.Dense):
        return f"dense {config['units']}{activation}"
    height, width = config["kernel_size"]
    stride = config["strides"][0]
    wide = f", stride {stride}" if stride > 1 else ""
    return f"conv {height}x{width}, {config['filters']}{activation}{wide}"


def training_facts(weights: Path) -> dict[str, Any]:
    """What the manifest beside a file of weights says; empty where there is none.

    Raises:
      InputError: it is there but is no manifest of a training.
    """
    path = weights.with_name(f"{weights.stem}.manifest.json")
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        kept = ("options", "steps_taken", "accuracy", "seed")
        return {"file": weights.name} | {key: content[key] for key in kept}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the manifest of a training; delete it or train again."
        ) from error


def accuracies(subject: Subject, num: int, seed: int) -> dict[str, Any]:
    """Accuracy of a network as trained and with softplus for ReLU, on images drawn from `seed`.

    Args:
      subject: network and test images.
      num: how many images, at most as many as there are.
      seed: which ones.
    """
    order = np.random.default_rng(seed).permutation(len(subject.source))[:num]
    smooth = Softplus(1.0).apply(subject.network)
    networks = {"as trained": subject.network, "softplus, not fine-tuned": smooth}
    right = dict.fromkeys(networks, 0)
    for start in range(0, len(order), _BATCH):
        batch = subject.source.load(order[start : start + _BATCH])
        for name, network in networks.items():
            labels = np.argmax(np.asarray(network.logits(batch.image)), axis=1)
            right[name] += int((labels == batch.label).sum())
    return {"images": len(order)} | {name: count / len(order) for name, count in right.items()}


def _measured(subject: Subject, num: int, seed: int) -> pd.DataFrame:
    return pd.DataFrame([accuracies(subject, num, seed)])


def markdown(
    table: pd.DataFrame, trained: Sequence[Mapping[str, Any]], measured: Mapping[str, Any]
) -> str:
    """The table for a page, with totals, and accuracies where there are any."""
    lines = [
        "| # | layer | output | parameters | published | agrees |",
        "|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        lines.append(
            f"| {row['number']} | {row['layer']} | {row['shape']} | {row['parameters']:,} | "
            f"{row['published_parameters']:,} | {'yes' if row['agrees'] else 'no'} |"
        )
    total = int(table["parameters"].sum())
    agrees = "yes" if total == PUBLISHED_TOTAL else "no"
    lines.append(f"| | total | | {total:,} | {PUBLISHED_TOTAL:,} | {agrees} |")
    relu, softplus = (f"{PUBLISHED_ACCURACY[kind]:.0%}" for kind in ("relu", "softplus"))
    lines += ["", f"Test accuracy, published: {relu}, with softplus (fine-tuned) {softplus}."]
    for facts in trained:
        said = ", ".join(f"{role} {value:.1%}" for role, value in facts["accuracy"].items())
        options = ", ".join(f"{key} {value}" for key, value in facts["options"].items())
        lines.append(f"\nTrained here ({options}, {facts['steps_taken']} steps): {said}.")
    if measured:
        shares = ", ".join(f"{k} {v:.1%}" for k, v in measured.items() if k != "images")
        lines.append(f"\nMeasured on {measured['images']:,} test images: {shares}.")
    return "\n".join(lines) + "\n"


def _shape(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
