import keras


def build():
    return keras.Sequential(
        [
            keras.Input((4, 3), name="x"),
            keras.layers.GRU(4, name="gru"),
            keras.layers.Dense(1, activation="sigmoid", name="out"),
        ]
    )
