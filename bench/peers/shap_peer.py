"""SHAP's DeepExplainer for TensorFlow, on the described network built with Keras 2."""

from __future__ import annotations

import os

os.environ["TF_USE_LEGACY_KERAS"] = "1"

from importlib.metadata import version

import numpy as np
import shap
import tensorflow as tf
from keras_net import build
from worker import Job, Method, serve


def make(job: Job) -> tuple[dict[str, list[Method]], dict[str, str]]:
    """The explainer against the one reference, of the class with the highest logit."""
    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(job.threads)
    tf.keras.backend.set_floatx(job.dtype)
    model = build(tf.keras, job.net, job.x.shape[1:], job.weights)
    explainer = shap.DeepExplainer(model, job.reference[None])

    def run() -> np.ndarray:
        values, _ = explainer.shap_values(job.x, ranked_outputs=1, check_additivity=False)
        return values[..., 0]

    return {"shap_tensorflow/deep_explainer": [run]}, {"shap": version("shap")}


if __name__ == "__main__":
    serve(make)
