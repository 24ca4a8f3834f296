"""How does a sheet of framed images with lines below them look? What it means is said elsewhere."""

import math
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageFont import FreeTypeFont, ImageFont

PAPER = "#ffffff"
INK = "#202124"
# Lengths in pixels.
IMAGE = 112  # small images are enlarged to about this, by whole factors: their pixels stay square
LARGEST = 224  # larger images are made smaller, longer lines are shortened
FRAME = 4
GAP = 16
MARGIN = 20
HEADER = 42
HEADER_TEXT = 22
TEXT = 14
LINE = 18


class Line(NamedTuple):
    """A line of text and its colour."""

    text: str
    colour: str


class Cell(NamedTuple):
    """An image, uint8 (C, H, W), the colour of its frame, and the lines below it."""

    image: Tensor
    frame: str
    lines: tuple[Line, ...]


def draw_sheet(header: str, cells: list[Cell]) -> "Image":
    """Draw the header and below it the cells, in rows."""
    from PIL import Image, ImageDraw, ImageFont

    drawn = [_draw_cell(cell) for cell in cells]
    width = max(cell.width for cell in drawn) + GAP
    height = max(cell.height for cell in drawn) + GAP
    columns = _columns(len(drawn), height / width)
    rows = math.ceil(len(drawn) / columns)
    font = ImageFont.load_default(HEADER_TEXT)
    body = max(columns * width - GAP, math.ceil(font.getlength(header)))
    sheet = Image.new("RGB", (body + 2 * MARGIN, HEADER + rows * height - GAP + 2 * MARGIN), PAPER)
    ImageDraw.Draw(sheet).text((MARGIN, MARGIN - 4), header, INK, font)
    for number, cell in enumerate(drawn):
        row, column = divmod(number, columns)
        sheet.paste(cell, (MARGIN + column * width, MARGIN + HEADER + row * height))
    return sheet


def _columns(count: int, cell_shape: float) -> int:
    """Make the sheet about 1.4 times as wide as high, or wider if that leaves fewer places empty."""
    best = math.sqrt(1.4 * count * cell_shape)
    near = range(max(1, math.floor(best)), math.ceil(best) + 3)
    return min(near, key=lambda columns: (-count % columns, abs(columns - best)))


def _draw_cell(cell: Cell) -> "Image":
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(TEXT)
    lines = [(_shortened(line.text, font), line.colour) for line in cell.lines]
    picture = _enlarged(cell.image)
    framed = (picture.width + 2 * FRAME, picture.height + 2 * FRAME)
    width = max(framed[0], *(math.ceil(font.getlength(text)) for text, _ in lines))
    drawn = Image.new("RGB", (width, framed[1] + LINE * len(lines) + FRAME), PAPER)
    drawn.paste(Image.new("RGB", framed, cell.frame))
    drawn.paste(picture, (FRAME, FRAME))
    for number, (text, colour) in enumerate(lines):
        place = (0, framed[1] + FRAME + LINE * number)
        ImageDraw.Draw(drawn).text(place, text, colour, font)
    return drawn


def _enlarged(image: Tensor) -> "Image":
    from PIL import Image

    pixels = image.cpu().permute(1, 2, 0).numpy()
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels.copy()).convert("RGB")
    longest = max(picture.size)
    if longest > LARGEST:
        return picture.resize([max(1, side * LARGEST // longest) for side in picture.size], Image.Resampling.LANCZOS)
    factor = max(1, round(IMAGE / longest))
    return picture.resize([side * factor for side in picture.size], Image.Resampling.NEAREST)


def _shortened(text: str, font: "FreeTypeFont | ImageFont") -> str:
    """Leave out the middle: a file's name differs at its end, a class's at its beginning."""
    whole = text = " ".join(text.split())
    kept = len(text)
    while font.getlength(text) > LARGEST and kept > 1:
        kept -= 1
        text = f"{whole[: -(-kept // 2)]}...{whole[len(whole) - kept // 2 :]}"
    return text
