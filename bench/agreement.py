"""Our maps against those of Captum, Zennit, SHAP and iNNvestigate, and the time that each takes.

    python bench/agreement.py --torch_python=.../bin/python --innvestigate_python=.../bin/python \
        --weights=$TF_FRAGILE_DATA/squeezenet_v1.0_imagenet.npz --out=docs/results/agreement.md

Every peer runs in a process and an environment of its own (see `docs/results/agreement.md` for
how to make them) and rebuilds the same networks from a description and the weights. One without an
environment is left out, and the page says so. `--time` adds what a map costs on SqueezeNet, in
turns in one run, in multiples of our TensorFlow forward pass. The exit code is 1 if a difference
is above its limit.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from absl import flags
from agreement_job import job_of, our_model
from agreement_page import About, Cost, Result, difference, page
from peers.client import Peer, PeerError, peer
from peers.comparisons import COMPARISONS, TIMED, Comparison, Ours
from peers.nets import NETS
from peers.worker import Job, write_job
from timing import in_turns
from tqdm import tqdm

import tf_fragile as tff
from tf_fragile import cli
from tf_fragile.backprop.network import Network, as_network
from tf_fragile.explainers.catalog import settings_of
from tf_fragile.explainers.noise import sample_seeds

TORCH = flags.DEFINE_string("torch_python", "", "Python with torch, captum, zennit and shap.")
INNVESTIGATE = flags.DEFINE_string("innvestigate_python", "", "Python with innvestigate and shap.")
_DATA = os.environ.get("TF_FRAGILE_DATA", "")
WEIGHTS = flags.DEFINE_string(
    "weights",
    f"{_DATA}/squeezenet_v1.0_imagenet.npz" if _DATA else "random",
    "SqueezeNet's weights.",
)
MOBILENET = flags.DEFINE_string(
    "mobilenet_weights",
    f"{_DATA}/mobilenet_v1_1.0_224_imagenet.npz" if _DATA else "random",
    "MobileNet v1's weights.",
)
OUT = flags.DEFINE_string("out", "", "Where the page is written; standard output where empty.")
STEPS = flags.DEFINE_integer("steps", 16, "Points of integrated gradients.", lower_bound=2)
TIME = flags.DEFINE_bool("time", False, "Time SqueezeNet's maps, too.")
BATCH = flags.DEFINE_integer("batch", 16, "Images at once when timing.", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds of timing that count.", lower_bound=1)
THREADS = flags.DEFINE_integer(
    "threads",
    1,
    "Threads of every process. PyTorch waits for the slowest of its threads, so time several on an "
    "idle machine only: other work would count against it.",
    lower_bound=1,
)
LIMIT = flags.DEFINE_float("limit", 600, "Seconds that a peer may take for one answer.")
ONLY_NETS = flags.DEFINE_multi_enum(
    "nets",
    ["small", "squeezenet"],
    list(NETS),
    "Networks to compare on. Not every peer has rules for the ReLU6 of mobilenet_v1.",
)

# The libraries that a script serves, and what the page calls them.
SCRIPTS = {
    "torch_peers": {"captum": "Captum", "zennit": "Zennit", "shap_torch": "SHAP for PyTorch"},
    "innvestigate_peer": {"innvestigate": "iNNvestigate"},
    "shap_peer": {"shap_tensorflow": "SHAP for TensorFlow"},
}
LIBRARIES = {name: title for served in SCRIPTS.values() for name, title in served.items()}
ONLY_PEERS = flags.DEFINE_multi_enum("peers", list(LIBRARIES), list(LIBRARIES), "Peers to run.")


def explainer(ours: Ours, network: Network, job: Job) -> tff.explainers.Explainer:
    """Ours, with the job's reference and number of points where the method takes them."""
    given = {"baseline": job.reference, "reference": job.reference, "steps": job.steps}
    common: dict[str, Any] = {n: given[n] for n in given.keys() & settings_of(ours.name).keys()}
    return tff.explain(ours.name, network, **common, **ours.settings)


def scripts() -> dict[str, str]:
    """The environments given, by the script that runs in each."""
    given = {"torch_peers": TORCH, "innvestigate_peer": INNVESTIGATE, "shap_peer": INNVESTIGATE}
    wanted = {*ONLY_PEERS.value}
    return {s: flag.value for s, flag in given.items() if flag.value and wanted & {*SCRIPTS[s]}}


def chosen(other: Peer) -> list[Comparison]:
    """The comparisons asked for that `other` serves."""
    served = [item for item in COMPARISONS if item.peer in other.methods]
    return [item for item in served if item.peer.split("/")[0] in ONLY_PEERS.value]


def compare(net: str, dtype: str, progress: tqdm) -> tuple[list[Result], dict[str, str]]:
    """All comparisons on one network, and the versions of the libraries."""
    weights = MOBILENET.value if net == "mobilenet_v1" else WEIGHTS.value
    model, batch = our_model(net, weights, dtype), 4 if net == "small" else 2
    job = job_of(net, model, batch, dtype, STEPS.value, THREADS.value)
    network = as_network(model)
    results: list[Result] = []
    versions: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        write_job(Path(folder), job)
        for script, python in scripts().items():
            with peer(python, script, Path(folder), LIMIT.value) as other:
                versions |= other.versions
                for item in chosen(other):
                    progress.set_description(f"{net} {dtype} {item.peer}")
                    results.append(_compared(item, net, other, network, job))
                    progress.update()
    return results, versions


def _compared(item: Comparison, net: str, other: Peer, network: Network, job: Job) -> Result:
    result = Result(item, net, job.dtype)
    try:
        theirs = other.map(item.peer)
    except PeerError as error:
        return replace(result, error=str(error))
    method = explainer(item.ours, network, job)
    ours = method(job.x, job.target)
    result = replace(result, ours=ours, theirs=theirs, aligned=difference(ours, theirs))
    if item.default is not None:
        plain = explainer(item.default, network, job)(job.x, job.target)
        result = replace(result, default=difference(plain, theirs))
    if "reference" in settings_of(item.ours.name):
        due = (ours.sum((1, 2, 3)) - method.gap(job.x, job.target, ours)).astype("float64")
        gaps = [float(np.abs(m.sum((1, 2, 3)) / due - 1).max()) for m in (ours, theirs)]
        result = replace(result, completeness=(gaps[0], gaps[1]))
    return result


def costs() -> list[Cost]:
    """What maps of SqueezeNet cost, theirs and ours in turns."""
    model = our_model("squeezenet", WEIGHTS.value, "float32")
    job = job_of("squeezenet", model, BATCH.value, "float32", STEPS.value, THREADS.value)
    network = as_network(model)
    x, target = tf.constant(job.x), tf.constant(job.target, tf.int32)
    seeds = sample_seeds(0, BATCH.value)
    forward = tf.function(lambda x: model(x, training=False), autograph=False)
    functions: dict[str, Callable[[], Any]] = {"forward": partial(forward, x)}
    names: dict[Comparison, str] = {}
    errors: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        write_job(Path(folder), job)
        for script, python in scripts().items():
            other = stack.enter_context(peer(python, script, Path(folder), LIMIT.value))
            for item in (i for i in chosen(other) if i.peer in TIMED):
                try:
                    other.seconds(item.peer)
                    functions[item.peer] = partial(_turn, other, item.peer)
                except PeerError as error:
                    errors[item.peer] = str(error)
                names[item] = str(item.ours)
                run = tf.function(explainer(item.ours, network, job).attribute, autograph=False)
                functions.setdefault(names[item], partial(run, x, target, seeds))
        timings = in_turns(functions, ROUNDS.value)
    ratios = {name: timing.ratio(timings["forward"]) for name, timing in timings.items()}
    return [
        Cost(item, ratios[name], ratios.get(item.peer), errors.get(item.peer, ""))
        for item, name in names.items()
    ]


def _turn(other: Peer, method: str) -> tuple[()]:
    """One map by a peer, which answers when it has it."""
    other.seconds(method)
    return ()


def write(text: str) -> None:
    """Puts the page where it was asked for."""
    if OUT.value:
        Path(OUT.value).write_text(text, encoding="utf-8")
    else:
        print(text)


def about() -> About:
    """How this run is made."""
    left_out = [
        title
        for script, served in SCRIPTS.items()
        for name, title in served.items()
        if script not in scripts() or name not in ONLY_PEERS.value
    ]
    weights, mobilenet_weights = (
        "random weights" if flag.value == "random" else "ImageNet weights"
        for flag in (WEIGHTS, MOBILENET)
    )
    return About(
        weights=weights,
        mobilenet_weights=mobilenet_weights,
        setting=f"batch {BATCH.value}, threads a process: {THREADS.value}",
        rounds=ROUNDS.value,
        missing=tuple(left_out),
    )


def main(argv: list[str]) -> int:
    """Compares, times where asked, writes the page."""
    del argv
    if not scripts():
        raise tff.InputError("Give --torch_python, --innvestigate_python or both.")
    tf.config.threading.set_intra_op_parallelism_threads(THREADS.value)
    tf.config.threading.set_inter_op_parallelism_threads(THREADS.value)
    tf.get_logger().setLevel("ERROR")  # every explainer is traced anew, which it warns of
    results: list[Result] = []
    versions = {"tensorflow (ours)": tf.__version__, "keras (ours)": keras.__version__}
    wanted = [i for i in COMPARISONS if i.peer.split("/")[0] in ONLY_PEERS.value]
    try:
        with tqdm(total=2 * len(ONLY_NETS.value) * len(wanted)) as progress:
            for net in ONLY_NETS.value:
                for dtype in ("float32", "float64"):
                    found, their_versions = compare(net, dtype, progress)
                    results += found
                    versions |= their_versions
        if TIME.value and OUT.value:  # so that an interrupted timing leaves a page
            write(page(results, [], about(), versions))
        write(page(results, costs() if TIME.value else [], about(), versions))
    except PeerError as error:
        raise tff.InputError(str(error)) from error
    return int(any(result.failed for result in results))


if __name__ == "__main__":
    cli.run(main)
