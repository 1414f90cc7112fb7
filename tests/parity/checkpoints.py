"""Writes checkpoints/: files of torch.save in every form, and what Python finds in them.

Each file is written by PyTorch (or pickle, safetensors, numpy) and read back here; its tensors,
their bytes, strides and sharing, and its plain values go into checkpoints/expected.json and
checkpoints/expected.safetensors. Among them are the layouts of `releases.py`, with their logits.

Addresses and random ids make files differ from run to run: a committed file stays as long as
Python finds the same in it.
"""

import argparse
import collections
import contextlib
import copy
import datetime
import io
import pathlib
import pickle
import shutil
import sys
import tempfile
import warnings
import zipfile

import dill
import numpy as np
import torch
import torch._sources
from safetensors.torch import load_file, save_file
from torch import nn

import fixture
import record
import releases

warnings.filterwarnings("ignore")
# Files hold the places of sources, which are of no interest.
torch.serialization.get_source_lines_and_file = lambda value: (["class Scale: ...\n"], 1, "train.py")
lines_and_file = torch._sources.get_source_lines_and_file
torch._sources.get_source_lines_and_file = lambda *args: (*lines_and_file(*args)[:2], "train.py")
FOLDER = pathlib.Path(__file__).with_name("checkpoints")
# What each file must give, by its name.
FILES, CONTENTS = {}, record.Contents()


def note(name, value):
    FILES[name] = record.record(value, CONTENTS)


def save(name, value, legacy=False, **options):
    torch.save(value, name, _use_new_zipfile_serialization=not legacy, **options)
    note(name, value)


def both(name, value, **options):
    save(f"{name}.pt", value, **options)
    save(f"{name}_legacy.pt", value, legacy=True, **options)


def basics():
    return {
        "none": None,
        "yes": True,
        "no": False,
        "small": 7,
        "wide": 70_000,
        "negative": -3,
        "long": 1 << 40,
        "longer": 1 << 100,
        "half": 0.5,
        "tiny": 1e-300,
        "text": "Größe €",
        "long text": "x" * 300,
        "bytes": bytes(range(256)),
        "list": [1, [2, [3, []]]],
        "tuple": (1, (2, 3), (), (4, 5, 6, 7)),
        3: "by number",
        "weight": torch.arange(6.0).view(2, 3),
    }


def dtypes():
    numbers = torch.tensor([[0, 1, 2], [3, 100, 127]])
    names = "float64 float32 float16 bfloat16 int64 int32 int16 int8 uint8 bool".split()
    values = {name: numbers.to(getattr(torch, name)) for name in names}
    values["complex64"] = torch.view_as_complex(torch.arange(8.0).view(2, 2, 2))
    values["complex128"] = values["complex64"].to(torch.complex128)
    return values


def late_dtypes():
    """Types that only the newest of the rebuild functions writes."""
    numbers = torch.tensor([1, 2, 300, 65_535])
    return {
        "uint16": numbers.to(torch.uint16),
        "uint32": numbers.to(torch.uint32),
        "uint64": numbers.to(torch.uint64),
        "float8_e4m3fn": torch.tensor([0.5, -1.0, 448.0]).to(torch.float8_e4m3fn),
        "float8_e5m2": torch.tensor([0.5, -1.0, 2.0]).to(torch.float8_e5m2),
    }


def layouts():
    whole = torch.arange(48.0)
    weight = torch.randn(4, 3, 3, 3)
    parameter = nn.Parameter(torch.randn(3))
    return {
        "whole": whole,
        "tail": whole[40:],
        "every third": whole[1::3],
        "matrix": whole.view(6, 8)[1:4, 2:5],
        "transposed": whole.view(6, 8).t(),
        "expanded": torch.tensor([[1.0], [2.0]]).expand(2, 5),
        "channels_last": weight.contiguous(memory_format=torch.channels_last),
        "pointwise": torch.randn(4, 3, 1, 1).contiguous(memory_format=torch.channels_last),
        "scalar": torch.tensor(2.5),
        "empty": torch.empty(0),
        "empty rows": torch.empty(0, 3),
        "parameter": parameter,
        "again": parameter,
        "frozen": nn.Parameter(torch.ones(2), requires_grad=False),
        "twice": [whole, whole],
    }


def network():
    return nn.Sequential(
        collections.OrderedDict(
            conv=nn.Conv2d(1, 2, 3, bias=False), norm=nn.BatchNorm2d(2), fc=nn.Linear(2, 3)
        )
    )


def trained():
    net = network()
    sgd = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    adam = torch.optim.AdamW(net.parameters())
    schedule = torch.optim.lr_scheduler.StepLR(sgd, 30)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter)
    sgd.step(), adam.step(), schedule.step()
    return {
        "epoch": 3,
        "model": net.state_dict(),
        "sgd": sgd.state_dict(),
        "adam": adam.state_dict(),
        "schedule": schedule.state_dict(),
    }


class Scale(nn.Module):
    """A network of the writing program; a legacy file holds the source text of its class."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor([1.0, 2.0]))
        self.register_buffer("offset", torch.tensor(3.0))


class Meter:
    """A class of the writing program, which dill stores with its code."""

    def __init__(self):
        self.total, self.history = 12.5, [1.0, 2.0]

    def mean(self):
        return self.total / len(self.history)


def moved(function):
    """The function, as if from another file."""
    function.__code__ = function.__code__.replace(co_filename="train.py")
    return function


def with_code():
    offset = 3
    moved(Meter.__init__), moved(Meter.mean)
    return {
        "weight": torch.arange(4.0),
        "args": argparse.Namespace(arch="resnet18", lr=0.1, layers=[2, 2]),
        "meter": Meter(),
        "rule": moved(lambda x: x + offset),
        "kind": Meter,
        "state": collections.OrderedDict(bias=torch.ones(2)),
    }


def arrays():
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    return {
        "rows": grid,
        "columns": np.asfortranarray(grid),
        "big endian": grid.astype(">f4"),
        "int64": np.arange(3),
        "bool": np.array([True, False]),
        "half": grid.astype(np.float16),
        "bytes": np.arange(5, dtype=np.uint8),
        "empty": np.zeros((0, 2)),
        "float64 scalar": np.float64(0.25),
        "float32 scalar": np.float32(0.1),
        "int scalar": np.int64(-5),
        "bool scalar": np.bool_(True),
    }


def collected():
    return {
        "args": argparse.Namespace(model="vit", opt=None, mean=(0.5, 0.5), out=pathlib.Path("o")),
        "counts": collections.Counter("hello"),
        "groups": collections.defaultdict(list, a=[1]),
        "losses": collections.deque([0.5, 0.25], maxlen=9),
        "date": datetime.date(2020, 7, 16),
        "size": torch.Size([2, 3]),
        "device": torch.device("cuda:1"),
        "dtype": torch.float16,
        "set": {1, 2},
        "range": range(3),
        "weight": torch.ones(2),
    }


def unsupported():
    return {
        "sparse": torch.eye(3).to_sparse(),
        "quantized": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "weight": torch.ones(3),
    }


class OldTensor:
    """A tensor as PyTorch 0.3 pickled it."""

    def __init__(self, storage, offset, size, stride):
        self.arguments = (storage, offset, size, stride)

    def __reduce__(self):
        return torch._utils._rebuild_tensor, self.arguments


def old_views():
    """A legacy file with a view of a storage, which PyTorch before 0.4 wrote."""
    data = torch.arange(10.0)
    root, view = ("root", data), ("view", data[4:])

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if value is root:
                return ("storage", torch.FloatStorage, "94", "cuda:0", 10, None)
            if value is view:
                return ("storage", torch.FloatStorage, "94", "cuda:0", 10, ("95", 4, 6))
            return None

    stream = io.BytesIO()
    info = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    for part in (torch.serialization.MAGIC_NUMBER, 1001, info):
        pickle.dump(part, stream, protocol=2)
    content = {"all": OldTensor(root, 0, (2, 5), (5, 1)), "part": OldTensor(view, 1, (5,), (1,))}
    Pickler(stream, protocol=2).dump(content)
    pickle.dump(["94"], stream, protocol=2)
    stream.write((10).to_bytes(8, "little") + data.numpy().tobytes())
    pathlib.Path("old_views.pt").write_bytes(stream.getvalue())
    loaded = torch.load("old_views.pt", map_location="cpu", weights_only=False)
    assert torch.equal(loaded["part"], data[5:])
    note("old_views.pt", {"all": data.view(2, 5), "part": data[5:]})


def rewritten():
    """Archives as other writers and other machines make them, checked with torch.load."""
    value = {"weight": torch.arange(5.0), "count": torch.tensor(3), "pairs": dtypes()["complex64"]}
    stream = io.BytesIO()
    torch.save(value, stream)
    source = zipfile.ZipFile(stream)
    records = {name: source.read(name) for name in source.namelist()}

    def write(name, method, change):
        with zipfile.ZipFile(name, "w", method) as target:
            for path, content in records.items():
                target.writestr(path, change(path, content))
        note(name, value)

    widths = {"data/0": 4, "data/1": 8, "data/2": 4}

    def swap(path, content):
        short = path.split("/", 1)[1]
        if short == "byteorder":
            return b"big"
        if short in widths:
            return np.frombuffer(content, f"u{widths[short]}").byteswap().tobytes()
        return content

    write("deflated.pt", zipfile.ZIP_DEFLATED, lambda _, content: content)
    write("big_endian.pt", zipfile.ZIP_STORED, swap)
    for name in ("deflated.pt", "big_endian.pt"):
        loaded = torch.load(name)
        assert all(torch.equal(loaded[key], value[key]) for key in value), name
    torch.serialization.set_crc32_options(False)
    save("no_checksums.pt", value)
    torch.serialization.set_crc32_options(True)


def read(file):
    """What Python finds in a file."""
    if file.suffix == ".pkl":
        return pickle.loads(file.read_bytes())
    if file.suffix == ".safetensors":
        return load_file(file)
    if file.name == "torchscript.pt":
        module = torch.jit.load(file)
        return {"weight": module.weight.detach(), "bias": module.bias.detach()}
    pickler = dill if file.stem.startswith(("dill", "robustness")) else pickle
    value = torch.load(file, map_location="cpu", weights_only=False, pickle_module=pickler)
    if file.name == "old_views.pt":
        # PyTorch gives a view a storage object of its own in the same memory.
        whole, part = value["all"], value["part"]
        assert part.data_ptr() == whole[1].data_ptr()
        value["part"] = whole.as_strided(part.shape, part.stride(), 5)
    return value


def gives(file, expected):
    """Whether Python finds in a file what it must."""
    try:
        # Of a copy, since the bytes of another tensor would be added.
        return record.record(read(file), copy.deepcopy(CONTENTS)) == expected
    except Exception as error:
        print(f"{file.name}: {type(error).__name__}: {error}")
        return False


def settle(new):
    """Keeps each committed file that holds what the one in `new` holds; whether all are kept."""
    kept = True
    for name, expected in FILES.items():
        assert gives(new / name, expected), f"{name}: read back otherwise than written"
        committed = FOLDER / name
        if committed.exists() and gives(committed, expected):
            continue
        kept &= not committed.exists()
        print(f"{name}: {'differs' if committed.exists() else 'new'}")
        shutil.copy(new / name, committed)
    return kept


def write_all():
    """Writes all files into the current folder."""
    for protocol in (2, 3, 4, 5):
        save(f"zip_{protocol}.pt", basics(), pickle_protocol=protocol)
    for protocol in (1, 2, 3, 4, 5):
        save(f"legacy_{protocol}.pt", basics(), legacy=True, pickle_protocol=protocol)
    both("dtypes", dtypes())
    save("late_dtypes.pt", late_dtypes())
    both("layouts", layouts())
    both("trained", trained())
    save("module.pt", network())
    save("module_legacy.pt", Scale(), legacy=True)
    both("dill", with_code(), pickle_module=dill)
    save("arrays.pt", arrays())
    both("collected", collected())
    both("unsupported", unsupported())
    old_views()
    rewritten()
    for protocol in range(6):
        name = f"pickle_{protocol}.pkl"
        plain = {key: value for key, value in basics().items() if key != "weight"}
        value = {"basics": plain, "arrays": arrays()}
        pathlib.Path(name).write_bytes(pickle.dumps(value, protocol=protocol))
        note(name, value)
    scripted = torch.jit.script(nn.Linear(3, 2))
    scripted.save("torchscript.pt")
    note("torchscript.pt", {"weight": scripted.weight.detach(), "bias": scripted.bias.detach()})
    numbers = {name: value for name, value in dtypes().items() if "complex128" not in name}
    save_file(numbers, "weights.safetensors", metadata={"format": "pt", "by": "rtscript"})
    note("weights.safetensors", numbers)
    return releases.save_all(save)


def main():
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as new, contextlib.chdir(new):
        results = write_all()
        kept = settle(pathlib.Path(new))
    results["bytes"] = torch.frombuffer(CONTENTS.bytes, dtype=torch.uint8)
    results = {name: tensor.numpy() for name, tensor in results.items()}
    expected = FOLDER / "expected"
    kept &= fixture.keep(expected.with_suffix(".json"), FILES, tolerance=0.0)
    kept &= fixture.keep(expected.with_suffix(".safetensors"), results, tolerance=1e-5)
    if not kept:
        sys.exit("checkpoints.py: expected the committed files, found others")


if __name__ == "__main__":
    main()
