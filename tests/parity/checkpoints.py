"""Writes checkpoints/: files of torch.save in every form, and what Python finds in them.

Each file is written by PyTorch (or pickle, safetensors, numpy) and read back here; its tensors,
their bytes, strides and sharing, and its plain values go into checkpoints/expected.json and
checkpoints/expected.safetensors. `robustness.pt` has the layout that MadryLab/robustness (a954124)
writes, for a small residual network put together from torchvision's blocks, with its logits.

Needs torch, torchvision, dill, safetensors and numpy: `python tests/parity/checkpoints.py`.
"""

import argparse
import collections
import datetime
import io
import json
import pathlib
import pickle
import warnings
import zipfile

import dill
import numpy as np
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

warnings.filterwarnings("ignore")
# Files hold the places of sources, which are of no interest.
torch.serialization.get_source_lines_and_file = lambda value: (["class Scale: ...\n"], 1, "train.py")
FOLDER = pathlib.Path(__file__).with_name("checkpoints")
FILES, RESULTS = {}, {}
# The bytes of all tensors, each content once.
BYTES, PLACES = bytearray(), {}


def place(tensor):
    """Where the bytes of a tensor, in logical order, are in BYTES: from, to."""
    dense = tensor.detach().contiguous()
    raw = dense.reshape(-1).view(torch.uint8).numpy().tobytes() if dense.numel() else b""
    if raw not in PLACES:
        PLACES[raw] = [len(BYTES), len(BYTES) + len(raw)]
        BYTES.extend(raw)
    return PLACES[raw]


class Record:
    """What a value holds, by path: tensors apart from plain values."""

    def __init__(self):
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
                "bytes": place(value),
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


def note(name, value):
    """Records what a file that holds `value` must give."""
    record = Record()
    record.walk(value, "")
    FILES[name] = {
        "tensors": record.tensors,
        "values": record.values,
        "shared": record.shared(),
    }


def save(name, value, legacy=False, **options):
    torch.save(value, FOLDER / name, _use_new_zipfile_serialization=not legacy, **options)
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
    (FOLDER / "old_views.pt").write_bytes(stream.getvalue())
    loaded = torch.load(FOLDER / "old_views.pt", map_location="cpu", weights_only=False)
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
        with zipfile.ZipFile(FOLDER / name, "w", method) as target:
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
        loaded = torch.load(FOLDER / name)
        assert all(torch.equal(loaded[key], value[key]) for key in value), name
    torch.serialization.set_crc32_options(False)
    save("no_checksums.pt", value)
    torch.serialization.set_crc32_options(True)


class ResNet(nn.Module):
    """torchvision's residual network with three stages of one block, of 4, 8 and 16 channels."""

    def __init__(self):
        super().__init__()
        maker = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
        maker.inplanes = 4
        block = torchvision.models.resnet.BasicBlock
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = maker._make_layer(block, 4, 1)
        self.layer2 = maker._make_layer(block, 8, 1, stride=2)
        self.layer3 = maker._make_layer(block, 16, 1, stride=2)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class InputNormalize(nn.Module):
    """robustness/helpers.py."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("new_mean", mean[..., None, None])
        self.register_buffer("new_std", std[..., None, None])

    def forward(self, x):
        return (torch.clamp(x, 0, 1) - self.new_mean) / self.new_std


class Attacker(nn.Module):
    def __init__(self, model, normalize):
        super().__init__()
        self.normalize, self.model = normalize, model


class AttackerModel(nn.Module):
    """robustness/attacker.py: all of the network is listed twice."""

    def __init__(self, model, mean, std):
        super().__init__()
        self.normalizer = InputNormalize(mean, std)
        self.model = model
        self.attacker = Attacker(model, InputNormalize(mean, std))

    def forward(self, x):
        return self.model(self.normalizer(x))


def robustness():
    net = ResNet()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            module.num_batches_tracked.fill_(77)
    mean, std = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2023, 0.1994, 0.2010])
    model = nn.DataParallel(AttackerModel(net, mean, std))
    model.module = model.module.cpu()
    optimizer = torch.optim.SGD(model.module.model.parameters(), 0.1, 0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=50)
    for parameter in model.module.model.parameters():
        parameter.grad = torch.randn_like(parameter) * 0.01
    optimizer.step(), schedule.step()
    save(
        "robustness.pt",
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "epoch": 150,
            "amp": None,
            "nat_prec1": torch.tensor(57.25),
        },
        legacy=True,
        pickle_module=dill,
    )
    images = torch.rand(4, 3, 16, 16)
    with torch.no_grad():
        logits = model.module.eval()(images)
    RESULTS["robustness.images"] = images
    RESULTS["robustness.logits"] = logits


def main():
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
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
        (FOLDER / name).write_bytes(pickle.dumps(value, protocol=protocol))
        note(name, value)
    scripted = torch.jit.script(nn.Linear(3, 2))
    scripted.save(FOLDER / "torchscript.pt")
    note("torchscript.pt", {"weight": scripted.weight.detach(), "bias": scripted.bias.detach()})
    numbers = {name: value for name, value in dtypes().items() if "complex128" not in name}
    save_file(numbers, FOLDER / "weights.safetensors", metadata={"format": "pt", "by": "rtscript"})
    note("weights.safetensors", numbers)
    robustness()
    RESULTS["bytes"] = torch.frombuffer(BYTES, dtype=torch.uint8)
    save_file(RESULTS, FOLDER / "expected.safetensors")
    text = json.dumps(FILES, separators=(",", ":"))
    (FOLDER / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
