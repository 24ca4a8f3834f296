"""Write folders of images to try a training on one's own photographs: clothes in colour, somewhere on a background.

The clothes are those of the bundled part of Fashion-MNIST, enlarged, coloured and laid on backgrounds of coarse noise,
at any place, in several sizes and lights. Two folders of classes are written: `many`, seven classes, to train features
by, and `few`, the other three with few images each, which are to profit from them. Both have `train` and `test`, and
what is in `test` shows other pieces of clothing.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from batchnorm import data

FEW = ("Trouser", "Sneaker", "Bag")
"""Classes that have few images."""
SIZES = ((320, 240), (240, 320), (360, 240), (280, 280))


def main() -> None:
    """Write the folders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where `many` and `few` are to lie")
    parser.add_argument("--many", type=int, default=120, help="training images of each of the seven classes")
    parser.add_argument("--few", type=int, default=20, help="training images of each of the three classes")
    parser.add_argument("--test", type=int, default=40, help="test images of each class")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    source = data.get("fashion-mnist-mini")
    for split in ("train", "test"):
        clothes = source.load(split)
        for number, name in enumerate(source.info.classes):
            count = given.test if split == "test" else given.few if name in FEW else given.many
            folder = given.folder / ("few" if name in FEW else "many") / split / name.replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            of_class = clothes.images[clothes.labels == number, 0].numpy()
            for place, piece in enumerate(of_class[:count]):
                rng = np.random.default_rng([given.seed, split == "test", number, place])
                photograph(piece, rng).save(folder / f"{place:04}.jpg", quality=int(rng.integers(75, 95)))


def photograph(piece: np.ndarray, rng: np.random.Generator) -> Image.Image:
    """Return a piece of clothing, (28, 28) of bytes, in colour on a background."""
    width, height = SIZES[rng.integers(len(SIZES))]
    side = int(min(width, height) * rng.uniform(0.7, 0.95))
    left, top = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
    grey = Image.fromarray(piece).resize((side, side), Image.Resampling.BICUBIC).rotate(rng.normal(0, 8))
    bright = np.asarray(grey, dtype=np.float64) / 255
    covered = np.clip(bright * 4, 0, 1)[..., None]
    colour = rng.uniform(0.25, 1, 3)
    scene = _background(width, height, rng)
    place = np.s_[top : top + side, left : left + side]
    scene[place] = covered * (0.15 + 0.85 * bright[..., None]) * colour + (1 - covered) * scene[place]
    light = rng.uniform(0.6, 1.1) + rng.uniform(-0.2, 0.2) * np.linspace(-1, 1, width)[None, :, None]
    scene = scene * light + rng.normal(0, 0.02, scene.shape)
    return Image.fromarray((np.clip(scene, 0, 1) * 255).astype(np.uint8))


def _background(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """Coarse and fine noise around one colour, (height, width, 3)."""
    scene = np.full((height, width, 3), rng.uniform(0.1, 0.9, 3))
    for cells, strength in ((4, 0.15), (24, 0.06)):
        noise = Image.fromarray(rng.integers(0, 256, (cells, cells, 3)).astype(np.uint8))
        smooth = np.asarray(noise.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64) / 255
        scene += strength * (2 * smooth - 1)
    return scene


if __name__ == "__main__":
    main()
