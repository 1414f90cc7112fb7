"""Makes the embedded data sets from their official sources: `python make.py FASHION_MNIST_FOLDER`.

Needs numpy and scikit-learn. A file is written only if its unpacked content changes, so that
another zlib does not change committed bytes. `facts.json` holds what the tests compare: counts,
pixel sums and the first labels, computed from the sources, not from the files written here.
"""

import gzip
import json
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

HERE = Path(__file__).parent
PER_CLASS = {"train": 600, "t10k": 100}


def idx(array):
    """The IDX form of an array of bytes."""
    shape = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + shape + array.astype(np.uint8).tobytes()


def packed(content):
    """Gzip without a date, a file name or a trace of the operating system."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15, 9)
    body = deflate.compress(content) + deflate.flush()
    header = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
    return header + body + struct.pack("<II", zlib.crc32(content), len(content))


def write(path, content):
    if path.exists() and gzip.decompress(path.read_bytes()) == content:
        return
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(packed(content))
    print("wrote", path)


def facts(images, labels):
    classes = range(10)
    return {
        "counts": [int((labels == c).sum()) for c in classes],
        "pixel_sums": [int(images[labels == c].sum(dtype=np.int64)) for c in classes],
        "first_labels": labels[:20].tolist(),
    }


def fashion_mnist(folder):
    found = {}
    for part, count in PER_CLASS.items():
        labels = np.frombuffer(
            gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes())[8:], np.uint8)
        images = np.frombuffer(
            gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes())[16:],
            np.uint8).reshape(-1, 28, 28)
        kept = np.sort(np.concatenate([np.flatnonzero(labels == c)[:count] for c in range(10)]))
        write(HERE / f"fashion_mnist/{part}-images-idx3-ubyte.gz", idx(images[kept]))
        write(HERE / f"fashion_mnist/{part}-labels-idx1-ubyte.gz", idx(labels[kept]))
        found[part] = facts(images[kept], labels[kept])
    return found


def digits():
    source = load_digits()
    write(HERE / "digits/images-idx3-ubyte.gz", idx(source.images))
    write(HERE / "digits/labels-idx1-ubyte.gz", idx(source.target))
    return {"all": facts(source.images, source.target)}


if __name__ == "__main__":
    found = {"fashion_mnist": fashion_mnist(Path(sys.argv[1])), "digits": digits()}
    (HERE / "facts.json").write_text(json.dumps(found) + "\n")
