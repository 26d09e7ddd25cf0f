"""KerasHub's text backbones in small configurations, behind their embeddings and on token ids."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
import keras_hub
import numpy as np
from keras import layers, ops

from designs.design import CLASSES, Design, Pair, ended
from designs.sequences import TOKENS

LENGTH, WIDTH = 8, 16
COUNTED = 6  # the tokens behind are padding
_SMALL = {
    "vocabulary_size": 20,
    "num_layers": 2,
    "hidden_dim": WIDTH,
    "intermediate_dim": 32,
}
_HEADS = {**_SMALL, "num_heads": 2, "max_sequence_length": LENGTH}
_DECODER = {**_SMALL, "num_query_heads": 2, "num_key_value_heads": 1}
_ELECTRA = {("vocab_size" if k == "vocabulary_size" else k): v for k, v in _HEADS.items()}
_ELECTRA["embedding_dim"] = WIDTH
# Name: (family in KerasHub, configuration, the layer whose output the model behind starts from).
KNOWN: dict[str, tuple[str, dict[str, Any], str]] = {
    "BERT": ("Bert", _HEADS, "embeddings_add"),
    "DistilBERT": ("DistilBert", _HEADS, "token_and_position_embedding"),
    "RoBERTa": ("Roberta", _HEADS, "embeddings"),
    "ELECTRA": ("Electra", _ELECTRA, "embeddings_add"),
    "ALBERT": ("Albert", {**_HEADS, "embedding_dim": WIDTH}, "embeddings_add"),
    "DeBERTaV3": ("DebertaV3", {**_HEADS, "bucket_size": 8}, "token_embedding"),
    "FNet": ("FNet", {**_SMALL, "max_sequence_length": LENGTH}, "embeddings_add"),
    "GPT2": ("GPT2", _HEADS, "embeddings_add"),
    "OPT": ("OPT", _HEADS, "embeddings"),
    "GPT-NeoX": ("GPTNeoX", _HEADS, "token_embedding"),
    "BLOOM": ("Bloom", {**_SMALL, "num_heads": 2}, "token_embedding"),
    "Llama": ("Llama", _DECODER, "token_embedding"),
    "Mistral": ("Mistral", {**_DECODER, "sliding_window": 4}, "token_embedding"),
    "Gemma": ("Gemma", {**_DECODER, "head_dim": 8}, "token_embedding"),
}


def _pooled(output: Any) -> Any:
    """The classifier token's vector; for decoders, that of the last token that counts."""
    if isinstance(output, dict):
        return output["pooled_output"]
    return output[:, COUNTED - 1]


def _backbone(family: str, config: dict[str, Any]) -> keras.Model:
    return getattr(keras_hub.models, f"{family}Backbone")(**config)


def _behind(family: str, config: dict[str, Any], layer: str) -> Pair:
    """The model behind the embedding: vectors in, the last ones masked as padding."""
    backbone = _backbone(family, config)
    parts = [backbone.get_layer(layer).output]
    mask = backbone.input.get("padding_mask")
    inner = keras.Model([*parts, *([] if mask is None else [mask])], _pooled(backbone.output))
    x = keras.Input((LENGTH, WIDTH), name="embedded")
    counted = np.array([1] * COUNTED + [0] * (LENGTH - COUNTED), "int32")
    h = inner([x] if mask is None else [x, ops.ones_like(x[..., 0], dtype="int32") * counted])
    return ended(x, layers.Dense(CLASSES)(layers.Dropout(0.1)(h)))


def _on_tokens(family: str, config: dict[str, Any]) -> Pair:
    backbone = _backbone(family, config)
    inputs = {
        name: keras.Input((LENGTH,), dtype="int32", name=name) for name in sorted(backbone.input)
    }
    return ended(inputs, layers.Dense(CLASSES)(_pooled(backbone(inputs))))


DESIGNS = (
    *(
        Design(f"{name}, embedded (KerasHub)", partial(_behind, *known))
        for name, known in KNOWN.items()
    ),
    *(
        Design(
            f"{name}, token ids (KerasHub)", partial(_on_tokens, *KNOWN[name][:2]), refuse=TOKENS
        )
        for name in ("BERT", "GPT2")
    ),
)
