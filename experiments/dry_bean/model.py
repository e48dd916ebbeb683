"""The float model of this study."""

from typing import Any


def build() -> Any:
    """Return a network for 16 features of a bean, uncompiled, with random weights: the last layer sees them
    beside eight units, so that a search may leave a linear model with as many units as are worth their cost.
    """
    import keras
    from keras import layers

    bean = keras.Input((16,), name="bean")
    hidden = layers.Dense(8, activation="relu", name="hidden")(bean)
    together = layers.Concatenate(name="together")([bean, hidden])
    variety = layers.Dense(7, activation="softmax", name="variety")(together)
    return keras.Model(bean, variety, name="dry_bean")
