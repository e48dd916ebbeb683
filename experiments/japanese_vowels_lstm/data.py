"""The data of this study."""

from bitfront.experiments import Dataset, load_japanese_vowels


def load() -> Dataset:
    """Return x_train, y_train, x_val, y_val, x_test and y_test; only the report reads the test part."""
    return load_japanese_vowels()
