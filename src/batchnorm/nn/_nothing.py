"""What does a copy of a layer have in the place of what the layer holds only for a while?"""


def nothing() -> None:
    """Give what it has: copies and pickles call this."""
