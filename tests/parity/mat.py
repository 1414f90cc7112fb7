"""Makes `mat.safetensors`: MATLAB files (version 5) in the layouts of the data sets that have them.

`NAME` is a file, byte for byte, with its date blanked. Needs scipy: `python tests/parity/mat.py`.
"""

import io

import numpy as np
import scipy.io

import fixture


def saved(content, **options):
    file = io.BytesIO()
    scipy.io.savemat(file, content, **options)
    data = bytearray(file.getvalue())
    data[:116] = b"MATLAB 5.0 MAT-file".ljust(116)
    return np.frombuffer(bytes(data), np.uint8)


def cars():
    kinds = [("bbox_x1", np.uint8), ("bbox_y1", np.uint16), ("class", np.uint8), ("fname", object)]
    rows = [(39, 116, 2, "00001.jpg"), (3, 4096, 1, "00002.jpg"), (7, 1, 196, "00003.jpg")]
    annotations = np.zeros((1, 3), dtype=[(name, object) for name, _ in kinds])
    for at, row in enumerate(rows):
        values = [value if kind is object else np.array([[value]], kind)
                  for value, (_, kind) in zip(row, kinds)]
        annotations[0, at] = tuple(values)
    return {"annotations": annotations}


def cars_meta():
    cell = np.empty((1, 196), dtype=object)
    cell[0, :] = [f"Model {number}" for number in range(1, 197)]
    return {"class_names": cell}


def names():
    cell = np.empty((1, 3), dtype=object)
    cell[0, :] = ["AM General Hummer SUV 2000", "Café Racer", ""]
    return {"class_names": cell}


def synsets():
    fields = [("ILSVRC2012_ID", object), ("WNID", object), ("words", object), ("num_children", object)]
    rows = [(1, "n02119789", "kit fox, Vulpes macrotis", 0), (2, "n02100735", "English setter", 0),
            (1001, "n00001740", "entity", 2)]
    table = np.zeros((3, 1), dtype=fields)
    for at, (number, wnid, words, children) in enumerate(rows):
        table[at, 0] = (np.float64(number), wnid, words, np.float64(children))
    return {"synsets": table}


def numbers():
    return {
        "doubles": np.array([[1.5, -2.0], [3e300, 0.0]]),
        "singles": np.array([[0.25, -1.0]], np.float32),
        "bytes": np.arange(5, dtype=np.int8)[None] - 2,
        "words": np.array([[70000]], np.int32),
        "longs": np.array([[2 ** 40]], np.int64),
        "shorts": np.array([[65535, 0, 1]], np.uint16),
        "truths": np.array([[True, False]]),
        "complex": np.array([[1 + 2j]]),
        "nothing": np.zeros((0, 0)),
        "text": "setid",
    }


if __name__ == "__main__":
    labels = {"labels": np.array([[77, 102, 77, 102, 77]], np.uint8)}
    setid = {"trnid": np.array([[1, 2]], np.uint16), "valid": np.array([[3]], np.uint16),
             "tstid": np.array([[4, 5]], np.uint16)}
    content = {}
    for name, values in [("cars", cars()), ("names", names()), ("synsets", synsets()),
                         ("numbers", numbers()), ("labels", labels), ("cars_meta", cars_meta()), ("setid", setid)]:
        content[name] = saved(values)
        content[f"{name}_compressed"] = saved(values, do_compression=True)
    fixture.save(__file__, content, tolerance=0.0, suffix=".safetensors")
