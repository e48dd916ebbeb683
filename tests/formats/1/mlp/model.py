import keras


def build():
    return keras.Sequential(
        [
            keras.Input((8,), name="x"),
            keras.layers.Dense(6, activation="relu", name="hidden"),
            keras.layers.Dense(3, activation="softmax", name="out"),
        ]
    )
