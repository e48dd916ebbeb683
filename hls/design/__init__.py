"""What an architecture is made of, as the estimate and the reports know it: from a candidate, a record or a project."""

__all__: list[str] = []
