"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a transformer tagger of 20 constituents: one block, uncompiled, with random weights.

    The shape follows Jiang et al. 2024 (arXiv:2409.05207), who build such blocks for jets, engines and
    gravitational waves with hls4ml; the sizes are ours: 8 features, one head of 4, feed-forward 16.
    """
    from keras import layers

    return _block(layers.LayerNormalization)


def build_batch_normalized() -> Any:
    """Return it with batch normalizations, which cost a product with a constant, for peers without layer
    normalization.
    """
    from keras import layers

    return _block(layers.BatchNormalization)


def _block(norm: Any) -> Any:
    """Return the model with a kind of layer after each sum."""
    import keras
    from keras import layers

    inputs = keras.Input((20, 6), name="constituents")
    # the bias is the positional encoding: each step has its own
    embedding = layers.EinsumDense("abc,cd->abd", (20, 8), bias_axes="bd", name="embedding")(inputs)
    attended = layers.MultiHeadAttention(1, 4, name="attention")(embedding, embedding)
    x = layers.Add(name="attention_sum")([embedding, attended])
    x = norm(name="attention_norm")(x)
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    x = layers.Add(name="dense_sum")([x, layers.Dense(8, name="dense")(hidden)])
    x = norm(name="dense_norm")(x)
    pooled = layers.GlobalAveragePooling1D(name="pool")(x)
    outputs = layers.Dense(1, activation="sigmoid", name="top")(pooled)
    return keras.Model(inputs, outputs, name="top_tagging_transformer")
