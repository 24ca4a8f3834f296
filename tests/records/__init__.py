"""Records that are written and read back."""
