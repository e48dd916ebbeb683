"""Code that users write themselves: layers and functions that do what their name doesn't say, or only
sometimes.
"""

from __future__ import annotations

SNIPPETS: dict[str, str] = {
    "Clip": """
class Clip(L.Layer):
    def __init__(self, limit, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit

    def call(self, x):
        return ops.clip(x, -self.limit, self.limit)
""",
    "AddVector": """
class AddVector(L.Layer):
    def build(self, shape):
        self.vector = self.add_weight(shape=shape[1:], name="vector")

    def call(self, x):
        return x + self.vector
""",
    "Positions": """
class Positions(L.Layer):
    def build(self, shape):
        self.table = self.add_weight(shape=shape[1:], name="table")

    def call(self, x):
        return ops.broadcast_to(self.table, ops.shape(x))
""",
    "Scale": """
class Scale(L.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=shape[-1:], name="factor")

    def call(self, x):
        return x * self.factor
""",
    "Identity": """
class Same(L.Layer):
    def call(self, x):
        return x
""",
    "Bend": """
class Bend(L.Layer):
    def call(self, x):
        return ops.where(ops.abs(x) < 6.0, x, 0.5 * x)
""",
    "OneSided": """
class OneSided(L.Layer):
    def call(self, x):
        return x + 0.1 * ops.relu(x - 5.0)
""",
    "AddMean": """
class AddMean(L.Layer):
    def call(self, x):
        return x + ops.mean(x, axis=0, keepdims=True)
""",
    "SignBias": """
class SignBias(L.Layer):
    def call(self, x):
        return x + ops.cast(ops.any(x < -9.0), "float32")
""",
    "Flat": """
class Flat(L.Layer):
    def build(self, shape):
        self.vector = self.add_weight(shape=shape[1:], name="vector")

    def call(self, x):
        return ops.where(ops.abs(x) < 20.0, ops.zeros_like(x) + self.vector, x)
""",
    "Noise": """
class Noise(L.Layer):
    def call(self, x):
        return x + 0.1 * keras.random.normal(ops.shape(x))
""",
    "Counter": """
class Counter(L.Layer):
    def build(self, shape):
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False, name="calls")

    def call(self, x):
        self.calls.assign_add(1.0)
        return x + self.calls
""",
    "TrainOnly": """
class TrainOnly(L.Layer):
    def call(self, x, training=False):
        return x * 0.5 if training else x
""",
    "Reverse": """
class Reverse(L.Layer):
    def call(self, x):
        return ops.flip(x, axis=-1)
""",
    "Fold": """
class Fold(L.Layer):
    def call(self, a, b):
        return a + 2.0 * b
""",
    "Pair": """
class Pair(L.Layer):
    def call(self, x):
        return x, -x
""",
    "relu": """
def relu(x):
    return ops.clip(x, 0.0, 2.0)
""",
    "tanh": """
def tanh(x):
    return ops.clip(x, -1.0, 1.0)
""",
    "sigmoid": """
def sigmoid(x):
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
""",
    "linear": """
def linear(x):
    return x * 2.0
""",
    "softmax": """
def softmax(x):
    return ops.softmax(x * 2.0)
""",
    "gelu": """
def gelu(x):
    return keras.activations.gelu(x, approximate=True)
""",
    "leaky_relu": """
def leaky_relu(x):
    return keras.activations.leaky_relu(x, negative_slope=0.01)
""",
    "quantized_bits": """
def quantized_bits(x):
    return ops.round(x)
""",
    "MyDense": """
class Dense(L.Dense):
    def call(self, x):
        return ops.square(super().call(x))
""",
    "MyReLU": """
class ReLU(L.ReLU):
    def call(self, x):
        return ops.minimum(super().call(x), 3.0)
""",
    "MyDropout": """
class Dropout(L.Dropout):
    def call(self, x, training=False):
        return super().call(x, training=training) * (1.0 - self.rate)
""",
    "MyFlatten": """
class Flatten(L.Layer):
    def call(self, x):
        return ops.reshape(ops.flip(x, axis=1), (-1, int(np.prod(x.shape[1:]))))
""",
    "MyAdd": """
class Add(L.Layer):
    def call(self, inputs):
        return inputs[0] + 2.0 * inputs[1]
""",
    "MyLSTM": """
class LSTM(L.LSTM):
    def call(self, x, **kwargs):
        return super().call(ops.flip(x, axis=1), **kwargs)
""",
    "MyNorm": """
class BatchNormalization(L.BatchNormalization):
    def call(self, x, **kwargs):
        return x + super().call(x, **kwargs)
""",
    "Activated": """
class Activated(L.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = L.Dense(3, activation="relu")

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)
""",
}
"""Name -> text, to be run before it is used. `MyDense` and the like define a class that is called like
Keras's own.
"""
FUNCTIONS = ("relu", "tanh", "sigmoid", "linear", "softmax", "gelu", "leaky_relu", "quantized_bits")
"""Those of the snippets that are functions named like known ones."""
