"""What is measured of batch norm in a study, where a loss and an accuracy do not say it."""

__all__: list[str] = []
