"""Which images of a folder without test images are kept for testing?"""

from dataclasses import replace

import torch

from .._split import stratified_draw
from ._listing import Listing


def drawn(listing: Listing, fraction: float, seed: int) -> Listing:
    """Keep the same share of every class for testing, but never the last image of a class.

    Args:
        listing: in which all images are training images.
        fraction: of the images; of a class with n of them, `round(fraction * n)` are drawn.
        seed: of the draw, which depends on it, on the classes, and on the number and order of their images.

    Example:
        >>> cats, dogs = (tuple((f"{name}/{n}.png", name) for n in range(4)) for name in ("cat", "dog"))
        >>> found = drawn(Listing(("cat", "dog"), {"train": cats + dogs, "test": ()}, drawn=True), 0.25, seed=0)
        >>> [len(files) for files in found.files.values()], sorted(name for _, name in found.files["test"])
        ([6, 2], ['cat', 'dog'])
    """
    pairs = listing.files["train"]
    places = {name: place for place, name in enumerate(listing.classes)}
    labels = torch.tensor([places[name] for _, name in pairs])
    chosen = set(stratified_draw(labels, fraction, seed).tolist())
    train = tuple(pair for place, pair in enumerate(pairs) if place not in chosen)
    test = tuple(pair for place, pair in enumerate(pairs) if place in chosen)
    return replace(listing, files={"train": train, "test": test}, notes=(*listing.notes, *_notes(listing, test)))


def _notes(listing: Listing, test: tuple[tuple[str, str], ...]) -> list[str]:
    from ._layout import named

    tested = {name for _, name in test}
    without = [name for name in listing.classes if name not in tested]
    few = [f"too few images to keep one for testing: {named(without)}"] if without else []
    return [f"{len(test):,} of {len(listing.files['train']):,} images are drawn for testing", *few]
