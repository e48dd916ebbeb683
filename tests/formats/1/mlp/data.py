import numpy as np


def load():
    """Samples from NumPy's frozen generator, whole 64ths, so that every machine and version makes the same ones."""
    draw = np.random.RandomState(1)
    steps = draw.randint(-128, 128, size=(420, 8))
    mixing = draw.randint(-8, 9, size=(8, 3))
    x, y = (steps / 64).astype("float32"), (steps @ mixing).argmax(1)
    return (x[:260], y[:260]), (x[260:340], y[260:340]), (x[340:], y[340:])
