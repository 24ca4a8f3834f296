"""What do photographs look like to a JPEG decoder? Noise that is weaker the finer it is, as in scenes outdoors."""

from pathlib import Path

import numpy as np
from PIL import Image

CANVAS = (2304, 3072)
COARSEST = 9
"""Octaves of noise: the coarsest has cells of 2**9 pixels, the finest of one."""
GRAIN = 6.0
"""Standard deviation of the finest noise, of 255; it doubles with every third octave towards the coarser ones."""
QUALITY = 90


def write(folder: Path, count: int, size: tuple[int, int], classes: int = 10, seed: int = 0) -> None:
    """Write so many photographs of one width and height, no two of them the same, into folders of classes."""
    rng = np.random.default_rng(seed)
    scene = _scene(rng)
    for number in range(count):
        place = folder / f"class{number * classes // count}"
        place.mkdir(parents=True, exist_ok=True)
        _cut(scene, size, rng).save(place / f"{number:05}.jpg", quality=QUALITY)


def _scene(rng: np.random.Generator) -> np.ndarray:
    """Return one large scene, of which all photographs show parts."""
    height, width = CANVAS
    scene = np.full((height, width, 3), 128, np.float32)
    for octave in range(COARSEST + 1):
        cells = rng.normal(0, GRAIN * 2 ** (octave / 3), (height >> octave, width >> octave, 3))
        for channel in range(3):
            # Colours vary less than brightness does, which the first channel stands for here.
            noise = 0.7 * cells[..., 0] + 0.3 * cells[..., channel]
            layer = Image.fromarray(noise.astype(np.float32))
            scene[..., channel] += np.asarray(layer.resize((width, height), Image.Resampling.BICUBIC))
    return scene.clip(0, 255).astype(np.uint8)


def _cut(scene: np.ndarray, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    width, height = size
    top, left = (int(rng.integers(0, most + 1)) for most in (scene.shape[0] - height, scene.shape[1] - width))
    turn = 1 if rng.integers(2) else -1
    return Image.fromarray(np.ascontiguousarray(scene[top : top + height, left : left + width][:, ::turn]))
