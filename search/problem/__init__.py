"""What is searched: the study's model and data, loaded and checked, and how outputs are scored."""

__all__: list[str] = []
