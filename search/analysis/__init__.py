"""What a finished study says: findings, test scores, sensitivity, latency."""

__all__: list[str] = []
