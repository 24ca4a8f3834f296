"""Is an image file read as a net takes it, or refused with the reason?"""

import pytest
import torch
from PIL import Image

from batchnorm.data import read_image
from batchnorm.errors import InputError


def test_an_image_of_the_right_size_and_colours_comes_in_unchanged(tmp_path) -> None:
    pixels = torch.randint(256, (28, 28), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(tmp_path / "i.png")
    read, notes = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert torch.equal(read, pixels[None])
    assert notes == ()


def test_colours_come_in_channel_by_channel(tmp_path) -> None:
    pixels = torch.randint(256, (28, 28, 3), dtype=torch.uint8)
    Image.fromarray(pixels.numpy()).save(tmp_path / "i.png")
    read, _ = read_image(tmp_path / "i.png", channels=3, image_size=28)
    assert torch.equal(read, pixels.permute(2, 0, 1))


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "CMYK", "LA", "I;16"])
def test_other_colours_are_converted_and_it_is_said(tmp_path, mode: str) -> None:
    suffix = "tif" if mode == "CMYK" else "png"
    Image.new(mode, (28, 28)).save(tmp_path / f"i.{suffix}")
    read, notes = read_image(tmp_path / f"i.{suffix}", channels=1, image_size=28)
    assert read.shape == (1, 28, 28)
    assert any("converted to L" in note for note in notes)


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path) -> None:
    ramp = torch.linspace(0, 65535, 28 * 28).round().reshape(28, 28).to(torch.uint16)
    Image.fromarray(ramp.numpy()).save(tmp_path / "i.png")
    read, _ = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert torch.equal(read[0], (ramp.int() // 257).to(torch.uint8))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_black(tmp_path, mode: str) -> None:
    Image.new(mode, (28, 28), (255, 255, 255, 0) if mode == "RGBA" else (255, 0)).save(tmp_path / "i.png")
    read, _ = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert read.max() == 0


def test_another_size_is_fitted_with_black_bars_and_it_is_said(tmp_path) -> None:
    Image.new("L", (56, 28), 255).save(tmp_path / "i.png")
    read, notes = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert notes == ("56x28 fitted into 28x28",)
    assert read[0, :7].max() == 0
    assert read[0, 7:21].min() == 255
    assert read[0, 21:].max() == 0


def test_invert_swaps_dark_and_light(tmp_path) -> None:
    Image.new("L", (28, 28), 255).save(tmp_path / "i.png")
    read, notes = read_image(tmp_path / "i.png", channels=1, image_size=28, invert=True)
    assert read.max() == 0
    assert notes == ("inverted",)


def test_a_photograph_is_turned_as_its_exif_data_say(tmp_path) -> None:
    image = Image.new("L", (28, 28))
    image.putpixel((0, 0), 255)
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    image.save(tmp_path / "i.png", exif=exif)
    read, _ = read_image(tmp_path / "i.png", channels=1, image_size=28)
    assert read[0, 27, 27] == 255


@pytest.mark.parametrize("content", [b"", b"no image", b"\x89PNG\r\n\x1a\n" + b"0" * 40])
def test_a_file_that_is_no_image_is_refused(tmp_path, content: bytes) -> None:
    (tmp_path / "i.png").write_bytes(content)
    with pytest.raises(InputError, match=r"i\.png: cannot be read as an image"):
        read_image(tmp_path / "i.png", channels=1, image_size=28)


def test_an_image_that_was_cut_off_is_refused(tmp_path) -> None:
    Image.effect_noise((64, 64), 50).save(tmp_path / "i.png")
    (tmp_path / "i.png").write_bytes((tmp_path / "i.png").read_bytes()[:900])
    with pytest.raises(InputError, match=r"i\.png: cannot be read as an image"):
        read_image(tmp_path / "i.png", channels=1, image_size=28)


def test_a_missing_image_and_a_folder_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match=r"none\.png: there is no such image\. Check the path"):
        read_image(tmp_path / "none.png", channels=1, image_size=28)
    with pytest.raises(InputError, match="cannot be read as an image"):
        read_image(tmp_path, channels=1, image_size=28)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 28 28\n%%EndComments\nshowpage\n%%EOF\n"


def test_a_page_of_postscript_under_another_name_starts_no_program(tmp_path, monkeypatch) -> None:
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript would be started"))
    (tmp_path / "i.png").write_bytes(EPS)
    with pytest.raises(InputError, match=r"i\.png: cannot be read as an image .*\. Use a PNG, JPEG, WEBP"):
        read_image(tmp_path / "i.png", channels=1, image_size=28)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP", "PPM"])
def test_the_kinds_that_are_named_are_read_whatever_the_files_are_called(tmp_path, kind: str) -> None:
    Image.new("L", (28, 28), 255).save(tmp_path / "i.dat", kind)
    read, _ = read_image(tmp_path / "i.dat", channels=1, image_size=28)
    assert read.min() > 250


def test_an_image_of_too_many_pixels_is_refused_before_they_are_read(tmp_path, monkeypatch) -> None:
    Image.new("1", (8192, 8193)).save(tmp_path / "i.png")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("the pixels would be read"))
    with pytest.raises(InputError, match=r"image \(it has 8192x8193 pixels\)\. .* of at most 67,108,864 pixels"):
        read_image(tmp_path / "i.png", channels=1, image_size=28)


def test_a_net_for_images_that_no_memory_holds_is_refused(tmp_path) -> None:
    Image.new("L", (28, 28)).save(tmp_path / "i.png")
    with pytest.raises(InputError, match="the net takes images of 100000x100000 pixels"):
        read_image(tmp_path / "i.png", channels=1, image_size=10**5)


def test_odd_metadata_of_an_image_are_no_warning(tmp_path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.new("L", (28, 28), 255).save(tmp_path / "i.jpg", exif=exif)
    content = (tmp_path / "i.jpg").read_bytes()
    (tmp_path / "i.jpg").write_bytes(content.replace(b"MM\0*\0\0\0\x08\0\x01", b"MM\0*\0\0\0\x08\xff\x01"))
    read, _ = read_image(tmp_path / "i.jpg", channels=1, image_size=28)
    assert read.min() > 250
