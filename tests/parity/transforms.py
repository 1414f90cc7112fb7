"""Makes `transforms.json`: what torchvision and Pillow make of pictures of noise and of gradients.

Pictures are made anew from their size, their channels and a number by an integer generator that
the tests write out too; of what comes out the first 16 digits of the bytes' SHA-256 are kept.
Random transforms are compared with given crops, factors and angles. Needs torch, torchvision,
numpy and pillow: `python tests/parity/transforms.py`.
"""

import hashlib
import io

import numpy as np
import torch
import torchvision.transforms.functional as F
from PIL import Image

import fixture

FILTERS = {"nearest": F.InterpolationMode.NEAREST, "bilinear": F.InterpolationMode.BILINEAR,
           "bicubic": F.InterpolationMode.BICUBIC, "lanczos": F.InterpolationMode.LANCZOS,
           "box": F.InterpolationMode.BOX}
SHAPES = [(500, 375), (37, 53), (53, 37), (8, 8), (1, 5), (5, 1), (33, 16), (28, 28), (300, 41), (3, 19), (4, 6)]


def picture(width, height, channels, number):
    """Noise where x + y is below half of the sides' sum, a gradient elsewhere."""
    place = np.arange(width * height * channels, dtype=np.uint64)
    state = (place + np.uint64(number * 1000003)) * np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    noise = (state >> np.uint64(56)).astype(np.uint8).reshape(height, width, channels)
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(channels), indexing="ij")
    gradient = ((x * (3 + c) + y * 2 + number * 40) % 256).astype(np.uint8)
    pixels = np.where(2 * (x + y) < width + height, noise, gradient)
    return Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])


def pictures():
    number = 0
    for width, height in SHAPES:
        for channels in (3, 1):
            number += 1
            yield [width, height, channels, number], picture(width, height, channels, number)


def seen(image):
    pixels = np.asarray(image)
    return {"size": [image.width, image.height],
            "sha256": hashlib.sha256(pixels.tobytes()).hexdigest()[:16]}


def resizes():
    sizes = [[256], [32], [7], [10, 60], [61, 9]]
    for source, image in pictures():
        for filter, mode in FILTERS.items():
            for size in sizes:
                if filter != "bilinear" and max(source[:2]) > 300 and size != [32]:
                    continue
                done = F.resize(image, size if len(size) == 2 else size[0], mode)
                yield {"source": source, "filter": filter, "lengths": size, **seen(done)}


def crops():
    for source, image in pictures():
        for size in ([224, 224], [5, 8], [6, 7], [1, 1], [40, 4]):
            yield {"source": source, "lengths": size, **seen(F.center_crop(image, size))}


def resized_crops():
    for source, image in pictures():
        width, height = source[:2]
        for share in (0.2, 0.5, 0.9):
            w, h = max(1, int(width * share)), max(1, int(height * (1.1 - share)))
            x, y = (width - w) // 3, (height - h) // 2
            for size in (224, 32):
                done = F.resized_crop(image, y, x, h, w, [size, size], FILTERS["bilinear"])
                yield {"source": source, "region": [x, y, w, h], "length": size,
                       "mirrored": seen(F.hflip(done)), **seen(done)}


def rotations():
    for source, image in pictures():
        for degrees in (-2.0, -0.37, 0.0, 1.25, 1.999, 45.0, 90.0, 133.7, 180.0, -90.0):
            yield {"source": source, "degrees": degrees, **seen(F.rotate(image, degrees, fill=0))}


def colours():
    changes = {"brightness": (F.adjust_brightness, (0.0, 0.75, 0.93, 1.0, 1.08, 1.25, 3.0)),
               "contrast": (F.adjust_contrast, (0.0, 0.75, 0.93, 1.0, 1.08, 1.25, 3.0)),
               "saturation": (F.adjust_saturation, (0.0, 0.75, 0.93, 1.0, 1.08, 1.25, 3.0)),
               "hue": (F.adjust_hue, (-0.5, -0.11, -0.002, 0.0, 0.05, 0.31, 0.5))}
    for source, image in pictures():
        for change, (adjust, factors) in changes.items():
            for factor in factors:
                yield {"source": source, "change": change, "factor": factor,
                       **seen(adjust(image, factor))}


def greys():
    for source, image in pictures():
        yield {"source": source, **seen(F.rgb_to_grayscale(image, source[2]))}


def jpegs():
    for source, image in pictures():
        for quality in (5, 30, 50, 75, 90, 100):
            file = io.BytesIO()
            image.save(file, "JPEG", quality=quality)
            yield {"source": source, "quality": quality, **seen(Image.open(file))}


def numbers():
    """Every fiftieth number after `ToTensor`, and after a step on numbers."""
    source, image = next(pictures())
    unit = F.to_tensor(image)
    alphas = torch.tensor([0.04, -0.07, 0.11])
    values = torch.tensor([0.2175, 0.0188, 0.0045])
    vectors = torch.tensor([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140],
                            [-0.5836, -0.6948, 0.4203]])
    shift = (vectors * alphas * values).sum(1)
    normalized = F.normalize(unit, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    few = lambda tensor: [float(value) for value in tensor.flatten()[::5003]]
    return {"source": source, "unit": few(unit), "normalized": few(normalized),
            "alphas": alphas.tolist(), "lit": few(unit + shift[:, None, None])}


def filtered():
    """An ideal filter by numpy's transform, in float64."""
    source, image = [31, 22, 3, 99], picture(31, 22, 3, 99)
    unit = np.asarray(image).transpose(2, 0, 1) / 255.0
    for edge in ("mirror", "wrap"):
        for band in ("disc", "square"):
            for cutoff in (0.03125, 0.125, 0.3):
                x = np.pad(unit, ((0, 0), (0, 22), (0, 31)), "symmetric") if edge == "mirror" else unit
                across = np.abs(np.fft.fftfreq(x.shape[2]))[None]
                along = np.abs(np.fft.fftfreq(x.shape[1]))[:, None]
                distance = np.hypot(across, along) if band == "disc" else np.maximum(across, along)
                kept = np.fft.fft2(x) * (distance <= cutoff + 1e-9)
                done = np.fft.ifft2(kept).real[:, :22, :31].clip(0, 1)
                yield {"source": source, "edge": edge, "band": band, "cutoff": cutoff,
                       "values": [round(float(value), 7) for value in done.flatten()[::17]]}


if __name__ == "__main__":
    content = {"resize": list(resizes()), "center_crop": list(crops()),
               "resized_crop": list(resized_crops()), "rotation": list(rotations()),
               "colour": list(colours()), "grayscale": list(greys()), "jpeg": list(jpegs()),
               "numbers": numbers(), "low_pass": list(filtered())}
    fixture.save(__file__, content, tolerance=1e-6)
