"""Makes `images.safetensors`: small pictures in every format that is read, and Pillow's pixels.

`NAME.file` is a file, `NAME.rgb` what `Image.open(file).convert("RGB")` gives (height, width, 3).
Needs pillow and numpy: `python tests/parity/images.py`.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

import fixture

WIDTH, HEIGHT = 21, 13


def picture(channels):
    """A smooth gradient with an edge and some noise, so that chroma and rounding matter."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [x * 255 // WIDTH, y * 255 // HEIGHT, (x + y) * 7 % 256, (x * y) * 3 % 256]
    noise = np.random.default_rng(channels).integers(-20, 20, (HEIGHT, WIDTH, channels))
    image = np.stack(planes[:channels], -1) + noise
    image[HEIGHT // 2:, : WIDTH // 3] = 230
    return np.clip(image, 0, 255).astype(np.uint8)


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content))


def png(rows, width, height, depth, colour, interlaced=0, more=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + more + chunk(
        b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def filtered(array):
    """Rows of bytes, each after a filter of type 0."""
    return b"".join(b"\0" + row.tobytes() for row in array)


def adam7(array):
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2),
              (1, 0, 2, 1)]
    parts = [array[top::down, left::right] for top, left, down, right in passes]
    return b"".join(filtered(part) for part in parts if part.size)


def deep(channels):
    """16-bit values, of which some are below 256."""
    values = picture(channels).astype(">u2") * 257
    values[:3] = picture(channels)[:3]
    return values


def without_adobe(file):
    at = file.index(b"\xff\xee")
    length, = struct.unpack(">H", file[at + 2:at + 4])
    return file[:at] + file[at + 2 + length:]


def as_ycck(file):
    at = file.index(b"Adobe")
    return file[:at + 11] + b"\x02" + file[at + 12:]


def files():
    rgb = Image.fromarray(picture(3))
    grey = Image.fromarray(picture(1)[..., 0])
    cmyk = Image.fromarray(picture(4), mode="CMYK")
    rgba = Image.fromarray(picture(4), mode="RGBA")
    two = Image.fromarray(picture(2), mode="LA")
    palette = rgb.quantize(37)
    turned = Image.Exif()
    turned[0x0112] = 6
    yield "jpeg_444", saved(rgb, "JPEG", quality=92, subsampling=0)
    yield "jpeg_422", saved(rgb, "JPEG", quality=90, subsampling=1)
    yield "jpeg_420", saved(rgb, "JPEG", quality=75, subsampling=2)
    yield "jpeg_progressive", saved(rgb, "JPEG", quality=85, progressive=True)
    yield "jpeg_progressive_grey", saved(grey, "JPEG", quality=85, progressive=True)
    yield "jpeg_optimised", saved(rgb, "JPEG", quality=50, optimize=True)
    yield "jpeg_restarts", saved(rgb, "JPEG", quality=75, restart_marker_blocks=1)
    yield "jpeg_grey", saved(grey, "JPEG", quality=90)
    yield "jpeg_rgb", saved(rgb, "JPEG", quality=90, keep_rgb=True)
    yield "jpeg_turned", saved(rgb, "JPEG", quality=90, exif=turned)
    cmyk = saved(cmyk, "JPEG", quality=95, subsampling=0)
    yield "jpeg_cmyk", cmyk
    yield "jpeg_cmyk_plain", without_adobe(cmyk)
    yield "jpeg_ycck", as_ycck(cmyk)
    tall = Image.fromarray(np.tile(picture(3), (9, 1, 1)))
    for kind, subsampling in (("444", 0), ("422", 1), ("420", 2)):
        yield f"jpeg_tall_{kind}", saved(tall, "JPEG", quality=85, subsampling=subsampling)
    yield "jpeg_tall_restarts", saved(tall, "JPEG", quality=85, restart_marker_rows=2)
    yield "jpeg_tall_grey", saved(tall.convert("L"), "JPEG", quality=85)
    yield "png_rgb", saved(rgb, "PNG")
    yield "png_rgba", saved(rgba, "PNG")
    yield "png_grey", saved(grey, "PNG")
    yield "png_grey_alpha", saved(two, "PNG")
    yield "png_palette", saved(palette, "PNG")
    yield "png_palette_alpha", saved(palette, "PNG", transparency=bytes(range(0, 185, 5)))
    yield "png_rgb_key", saved(rgb, "PNG", transparency=tuple(picture(3)[0, 0].tolist()))
    for bits in (1, 2, 4):
        few = rgb.quantize(2 ** bits)
        yield f"png_palette_{bits}", saved(few, "PNG", bits=bits)
        packed = np.random.default_rng(bits).integers(0, 256, (HEIGHT, -(-WIDTH * bits // 8)), np.uint8)
        yield f"png_grey_{bits}", png(filtered(packed), WIDTH, HEIGHT, bits, 0)
    for channels, colour in ((1, 0), (2, 4), (3, 2), (4, 6)):
        yield f"png_16_{channels}", png(filtered(deep(channels)), WIDTH, HEIGHT, 16, colour)
    yield "png_interlaced", png(adam7(picture(3)), WIDTH, HEIGHT, 8, 2, interlaced=1)
    yield "png_16_interlaced", png(adam7(deep(1)), WIDTH, HEIGHT, 16, 0, interlaced=1)
    yield "gif", saved(palette, "GIF")
    yield "gif_straight", saved(palette, "GIF", interlace=0)
    yield "gif_animated", saved(palette, "GIF", save_all=True, append_images=[rgb.rotate(90).quantize(9)])
    whole = bytearray(saved(palette, "GIF", interlace=0))
    whole[6:10] = struct.pack("<HH", WIDTH + 4, HEIGHT + 3)
    place = whole.index(b"\x2c\0\0\0\0" + struct.pack("<HH", WIDTH, HEIGHT))
    whole[place + 1:place + 5] = struct.pack("<HH", 3, 2)
    yield "gif_on_a_larger_screen", bytes(whole)
    yield "bmp_rgb", saved(rgb, "BMP")
    yield "bmp_palette", saved(palette, "BMP")
    yield "bmp_grey", saved(grey, "BMP")
    yield "bmp_1", saved(grey.convert("1"), "BMP")
    yield "bmp_rgba", saved(rgba, "BMP")
    yield "ppm", saved(rgb, "PPM")
    yield "pgm", saved(grey, "PPM")


if __name__ == "__main__":
    content = {}
    for name, file in files():
        content[f"{name}.file"] = np.frombuffer(file, np.uint8)
        content[f"{name}.rgb"] = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
    fixture.save(__file__, content, tolerance=0.0, suffix=".safetensors")
