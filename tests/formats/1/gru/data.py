import numpy as np


def load():
    """Samples from NumPy's frozen generator, whole 64ths, so that every machine and version makes the same ones."""
    draw = np.random.RandomState(2)
    steps = draw.randint(-128, 128, size=(420, 4, 3))
    mixing = draw.randint(-8, 9, size=(4, 3))
    x, y = (steps / 64).astype("float32"), ((steps * mixing).sum((1, 2)) > 0).astype("int64")
    return {
        "x_train": x[:260],
        "y_train": y[:260],
        "x_val": x[260:340],
        "y_val": y[260:340],
        "x_test": x[340:],
        "y_test": y[340:],
    }
