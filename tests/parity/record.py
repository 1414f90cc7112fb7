"""What a value holds, for a comparison: its tensors and its plain values, by path."""

import argparse
import collections

import numpy as np
import torch
from torch import nn


class Contents:
    """The bytes of tensors in logical order, each content once."""

    def __init__(self):
        self.bytes, self.places = bytearray(), {}

    def place(self, tensor):
        """Where the bytes of a tensor are: from, to."""
        dense = tensor.detach().contiguous()
        raw = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
        if raw not in self.places:
            self.places[raw] = [len(self.bytes), len(self.bytes) + len(raw)]
            self.bytes.extend(raw)
        return self.places[raw]


class Record:
    """Tensors apart from plain values; what is neither is left out."""

    def __init__(self, contents):
        self.contents = contents
        self.tensors, self.values, self.storages = {}, {}, {}
        self.alive = []  # or addresses would be used twice

    def walk(self, value, path):
        join = lambda key: f"{path}/{key}" if path else str(key)
        if isinstance(value, np.ndarray):
            order = value if value.dtype.isnative else value.astype(value.dtype.newbyteorder("="))
            value = torch.from_numpy(order.copy(order="K"))
        if isinstance(value, torch.Tensor):
            if value.is_sparse or value.is_quantized:
                return
            self.alive.append(value)
            storage = value.untyped_storage().data_ptr() if value.numel() else -len(self.tensors)
            self.storages.setdefault(storage, []).append(path)
            self.tensors[path] = {
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
                "strides": list(value.stride()),
                "offset": value.storage_offset(),
                "parameter": isinstance(value, nn.Parameter),
                "bytes": self.contents.place(value),
            }
        elif isinstance(value, np.generic):
            self.values[path] = value.item()
        elif value is None or isinstance(value, (bool, int, float, str)):
            small = not isinstance(value, int) or abs(value) < 1 << 63
            self.values[path] = value if small else str(value)
        elif isinstance(value, (bytes, bytearray)):
            self.values[path] = value.hex()
        elif isinstance(value, dict):
            for key, item in value.items():
                self.walk(item, join(key))
        elif isinstance(value, (list, tuple, collections.deque)):
            for index, item in enumerate(value):
                self.walk(item, join(index))
        elif isinstance(value, (argparse.Namespace, nn.Module)):
            self.walk(vars(value), path)

    def shared(self):
        return [paths for paths in self.storages.values() if len(paths) > 1]


def record(value, contents):
    """The record of `value`, as JSON has it; the bytes of its tensors go into `contents`."""
    found = Record(contents)
    found.walk(value, "")
    return {"tensors": found.tensors, "values": found.values, "shared": found.shared()}
