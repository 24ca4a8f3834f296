"""Models that are changed in place: what may become of a norm, and that the numbers stay."""
