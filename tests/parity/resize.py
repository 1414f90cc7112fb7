"""Makes `resize.json`: images resized by PyTorch, checked against the triangle filter written out.

Needs torch and numpy: `python tests/parity/resize.py`.
"""

import numpy as np
import torch
import torch.nn.functional as F

import fixture


def weights(inputs, outputs):
    """The triangle filter as a matrix, rows of sum 1, in float64."""
    scale = inputs / outputs
    reach = max(scale, 1.0)
    centre = (np.arange(outputs)[:, None] + 0.5) * scale
    matrix = np.maximum(0.0, 1.0 - np.abs(np.arange(inputs)[None] + 0.5 - centre) / reach)
    return matrix / matrix.sum(axis=1, keepdims=True)


def case(side, size, generator):
    image = generator.integers(0, 256, (side, side), dtype=np.uint8)
    image[0, :] = 255
    image[:, -1] = 0
    unit = torch.from_numpy(image).float().div(255)[None, None]
    resized = F.interpolate(unit, (size, size), mode="bilinear", align_corners=False,
                            antialias=size < side).clamp(0, 1)[0, 0]
    written_out = weights(side, size) @ (image / 255.0) @ weights(side, size).T
    assert np.abs(resized.numpy() - written_out).max() < 1e-6, (side, size)
    return {"image": image.tolist(), "size": size,
            "resized": [round(float(value), 8) for value in resized.flatten()]}


if __name__ == "__main__":
    generator = np.random.default_rng(0)
    pairs = [(8, 5), (8, 12), (8, 16), (28, 8), (7, 1), (1, 3)]
    cases = [case(side, size, generator) for side, size in pairs]
    fixture.save(__file__, cases, tolerance=1e-6)
