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
    if isinstance(old, list) and not numeric(old):
        if not isinstance(new, list) or len(old) != len(new):
            return math.inf
        return max((distance(*pair) for pair in zip(old, new)), default=0.0)
    a, b = np.asarray(old), np.asarray(new)
    if a.shape != b.shape or a.dtype != b.dtype:
        return math.inf
    if a.dtype.kind != "f" or np.array_equal(a, b):
        return 0.0 if np.array_equal(a, b) else math.inf
    a, b = a.astype(np.float64), b.astype(np.float64)
    apart = float(np.linalg.norm(a - b) / max(np.linalg.norm(a), 1e-300))
    return apart if math.isfinite(apart) else math.inf


def numeric(values):
    """Whether nested lists hold numbers only, as an array does."""
    return all(numeric(v) if isinstance(v, list) else isinstance(v, (int, float)) for v in values)


def parsed(file):
    if file.suffix == ".json":
        return json.loads(file.read_text())
    return safetensors.numpy.load_file(file)


def keep(file, content, tolerance, indent=None):
    """Makes `content` the fixture `file` (.json or .safetensors); whether it was that before.

    A fixture that is within `tolerance` (relative to the norm of each array) stays as it is, to
    the byte. One that differs is overwritten, for `git diff` to show.
    """
    if file.suffix == ".json":
        separators = (",", ":") if indent is None else None
        data = (json.dumps(content, indent=indent, separators=separators) + "\n").encode()
        content = json.loads(data)
    else:
        data = safetensors.numpy.save(content)
    apart = distance(parsed(file), content) if file.exists() else None
    if apart is not None and apart <= tolerance:
        print(f"{file.name}: reproduced to {apart:.1e}, tolerance {tolerance:.0e}", flush=True)
        return True
    file.write_bytes(data)
    print(f"{file.name}: {'new' if apart is None else f'differs by {apart:.1e}'}", flush=True)
    return apart is None


def save(script, content, tolerance, suffix=".json", indent=None):
    """As `keep`, of the fixture beside `script`; one that differs ends the process with an error."""
    file = pathlib.Path(script).with_suffix(suffix)
    if not keep(file, content, tolerance, indent):
        sys.exit(f"{file.name}: expected the committed values to {tolerance:.0e}, found others")
