"""What AMD's tools said of trials, kept beside them and used to correct estimates."""

__all__: list[str] = []
