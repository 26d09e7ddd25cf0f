"""iNNvestigate 2, on the described network built with Keras 2."""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

from importlib.metadata import version

import innvestigate
import numpy as np
import tensorflow as tf
from keras_net import build
from worker import Job, Method, serve

# The name of the analyzer and its settings.
ANALYZERS: dict[str, tuple[str, dict]] = {
    "gradient": ("gradient", {}),
    "integrated_gradients": ("integrated_gradients", {}),
    "guided_backprop": ("guided_backprop", {}),
    "deconvnet": ("deconvnet", {}),
    "lrp_z": ("lrp.z", {}),
    "lrp_epsilon": ("lrp.epsilon", {}),
    "lrp_zplus": ("lrp.z_plus", {}),
    "lrp_alpha1_beta0": ("lrp.alpha_1_beta_0", {}),
    "lrp_alpha2_beta1": ("lrp.alpha_2_beta_1", {}),
    "lrp_alpha2_beta1_without_bias": ("lrp.alpha_2_beta_1_IB", {}),
    "lrp_wsquare": ("lrp.w_square", {}),
    "lrp_flat": ("lrp.flat", {}),
    "sequential_preset_a": ("lrp.sequential_preset_a", {}),
    "sequential_preset_b": ("lrp.sequential_preset_b", {}),
    "deep_taylor": ("deep_taylor", {}),
}


def make(job: Job) -> tuple[dict[str, list[Method]], dict[str, str]]:
    """All analyzers of `ANALYZERS`, which predict by a compiled graph."""
    tf.compat.v1.disable_eager_execution()
    tf.keras.backend.set_floatx(job.dtype)
    found: dict[str, list[Method]] = {}
    for name, (analyzer, settings) in ANALYZERS.items():
        if analyzer == "integrated_gradients":
            settings = {"steps": job.steps, "reference_inputs": job.reference[None]}
        found[f"innvestigate/{name}"] = [_analysis(analyzer, settings, job)]
    return found, {name: version(name) for name in ("innvestigate", "tensorflow", "tf_keras")}


def _analysis(name: str, settings: dict, job: Job) -> Method:
    """The analysis, built at the first call and kept.

    Each has a graph of its own: what an analyzer adds to a graph makes every later one slower to
    build.
    """
    graph = tf.Graph()
    threads = tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=job.threads, inter_op_parallelism_threads=job.threads
    )
    session = tf.compat.v1.Session(graph=graph, config=threads)
    made: list = []

    def run() -> np.ndarray:
        with graph.as_default(), session.as_default():
            if not made:
                model = build(tf.keras, job.net, job.x.shape[1:], job.weights)
                how = {"neuron_selection_mode": "index", **settings}
                made.append(innvestigate.create_analyzer(name, model, **how))
            return made[0].analyze(job.x, neuron_selection=job.target)

    return run


if __name__ == "__main__":
    serve(make)
