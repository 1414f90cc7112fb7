"""Writes a fixture, unless the committed one says the same; the scripts beside it import this."""

import json
import math
import pathlib
import sys

import numpy as np
import safetensors.numpy


def distance(old, new):
    """The greatest difference relative to the norm of its array; text and integers are exact."""
    if isinstance(old, dict) and isinstance(new, dict):
        if old.keys() != new.keys():
            return math.inf
        return max((distance(old[key], new[key]) for key in old), default=0.0)
    if isinstance(old, list) and any(isinstance(item, (dict, str)) for item in old):
        if not isinstance(new, list) or len(old) != len(new):
            return math.inf
        return max(distance(*pair) for pair in zip(old, new))
    a, b = np.asarray(old), np.asarray(new)
    if a.shape != b.shape or a.dtype != b.dtype:
        return math.inf
    if a.dtype.kind != "f" or np.array_equal(a, b):
        return 0.0 if np.array_equal(a, b) else math.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    apart = float(np.linalg.norm(a - b) / max(np.linalg.norm(a), 1e-300))
    return apart if math.isfinite(apart) else math.inf


def parsed(file):
    if file.suffix == ".json":
        return json.loads(file.read_text())
    return safetensors.numpy.load_file(file)


def save(script, content, tolerance, suffix=".json", indent=None):
    """Makes `content` the fixture beside `script`.

    A fixture that is within `tolerance` (relative to the norm of each array) stays as it is, to
    the byte. One that differs is overwritten, for `git diff` to show, and the process ends with
    an error.
    """
    file = pathlib.Path(script).with_suffix(suffix)
    if suffix == ".json":
        data = (json.dumps(content, indent=indent) + "\n").encode()
        content = json.loads(data)
    else:
        data = safetensors.numpy.save(content)
    if not file.exists():
        file.write_bytes(data)
        print(f"{file.name}: new")
        return
    apart = distance(parsed(file), content)
    if apart <= tolerance:
        print(f"{file.name}: reproduced to {apart:.1e}, tolerance {tolerance:.0e}")
        return
    file.write_bytes(data)
    sys.exit(f"{file.name}: expected the committed values to {tolerance:.0e}, found {apart:.1e}")
