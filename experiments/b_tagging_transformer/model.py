"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a transformer tagger of 15 tracks, for light, c and b: one block, uncompiled, with random
    weights.

    The shape follows Jiang et al. 2024 (arXiv:2409.05207), who build such blocks for jets, engines and
    gravitational waves with hls4ml; the sizes are ours: 8 features, one head of 4, feed-forward 16.
    """
    import keras
    from keras import layers

    inputs = keras.Input((15, 6), name="tracks")
    # the bias is the positional encoding: each step has its own
    embedding = layers.EinsumDense("abc,cd->abd", (15, 8), bias_axes="bd", name="embedding")(inputs)
    attended = layers.MultiHeadAttention(1, 4, name="attention")(embedding, embedding)
    x = layers.Add(name="attention_sum")([embedding, attended])
    x = layers.LayerNormalization(name="attention_norm")(x)
    hidden = layers.Dense(16, activation="relu", name="hidden")(x)
    x = layers.Add(name="dense_sum")([x, layers.Dense(8, name="dense")(hidden)])
    x = layers.LayerNormalization(name="dense_norm")(x)
    pooled = layers.GlobalAveragePooling1D(name="pool")(x)
    outputs = layers.Dense(3, activation="softmax", name="flavour")(pooled)
    return keras.Model(inputs, outputs, name="b_tagging_transformer")
