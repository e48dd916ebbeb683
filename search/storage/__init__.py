"""A study on disk: its folder, Optuna's storage, its identity, its locks."""

__all__: list[str] = []
