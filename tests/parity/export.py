"""Reads what `model.save` writes with Python, and writes it again: checkpoints/rewritten.safetensors.

target/release/rtscript loads checkpoints/robustness.pt and saves it. Python must find the tensors
of the original in that file, and its hash; PyTorch must take them and classify as before. The test
in src/checkpoint/save.rs reads the file that Python wrote of them.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import dill
import numpy as np
import safetensors
import safetensors.numpy
import safetensors.torch
import torch
import torchvision

import releases

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parents[1] / "target/release/rtscript"
CHECKPOINTS = HERE / "checkpoints"
# These change with the program, not with the weights.
LOOSE = ["program", "address", "lineage"]


def saved(folder, model):
    """The file that `model`, an expression of rtscript, is saved to."""
    command = [PROGRAM, "--weights", CHECKPOINTS, "--store", folder / "store", "--out", folder]
    code = f'{model}.save("saved")'
    subprocess.run([*command, "-e", code], check=True, stdout=subprocess.DEVNULL)
    return folder / "saved.safetensors"


def metadata_of(file):
    with safetensors.safe_open(file, "numpy") as opened:
        return opened.metadata()


def hash_of(tensors):
    """As the manifest's documentation says."""
    digest = hashlib.sha256()
    for name in sorted(tensors, key=str.encode):
        digest.update(f"{name} {list(tensors[name].shape)}\n".encode())
        digest.update(tensors[name].astype("<f4").tobytes())
    return digest.hexdigest()


def check_tensors(tensors):
    """They are those of the original, and no others."""
    file = CHECKPOINTS / "robustness.pt"
    state = torch.load(file, map_location="cpu", weights_only=False, pickle_module=dill)["model"]
    start = "module.model."
    original = {
        name.removeprefix(start): tensor.numpy()
        for name, tensor in state.items()
        if name.startswith(start) and not name.endswith("num_batches_tracked")
    }
    assert tensors.keys() == original.keys(), tensors.keys() ^ original.keys()
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32, name
        assert np.array_equal(tensor, original[name]), name


@torch.no_grad()
def check_logits(file, manifest):
    """PyTorch loads the file strictly and classifies as the network that was saved first."""
    net = releases.ResNet().eval()
    net.load_state_dict(safetensors.torch.load_file(file), strict=True)
    expected = safetensors.torch.load_file(CHECKPOINTS / "expected.safetensors")
    normalize = releases.NormalizeLayer(manifest["mean"], manifest["std"])
    logits = net(normalize(expected["images"]))
    assert torch.allclose(logits, expected["robustness.logits"], rtol=1e-6, atol=1e-6)


def check_torchvision(folder):
    """torchvision's own network takes ours."""
    file = saved(folder, "model::resnet18(#{ seed: 1 })")
    net = torchvision.models.resnet18()
    net.load_state_dict(safetensors.torch.load_file(file), strict=True)
    assert metadata_of(file).keys() == {"rtscript"}


def same(committed, tensors, manifest):
    """Whether a committed file holds these tensors and, but for LOOSE, this manifest."""
    old = safetensors.numpy.load_file(committed)
    known = json.loads(metadata_of(committed)["rtscript"])
    equal = old.keys() == tensors.keys() and all(
        np.array_equal(old[name], tensors[name]) for name in tensors
    )
    fixed = lambda entries: {key: entries[key] for key in entries if key not in LOOSE}
    return equal and fixed(known) == fixed(manifest)


def main():
    if not PROGRAM.exists():
        sys.exit("export.py: target/release/rtscript is missing: run `make build` first")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        check_torchvision(folder)
        file = saved(folder, 'model::load("robustness.pt")')
        tensors, metadata = safetensors.numpy.load_file(file), metadata_of(file)
        manifest = json.loads(metadata["rtscript"])
        check_tensors(tensors)
        assert manifest["sha256"] == hash_of(tensors), manifest
        check_logits(file, manifest)
        rewritten = safetensors.numpy.save(tensors, metadata)
        assert rewritten == file.read_bytes(), "the same tensors, but other bytes"
    committed = CHECKPOINTS / "rewritten.safetensors"
    known = committed.exists()
    if known and same(committed, tensors, manifest):
        print(f"{committed.name}: reproduced")
        return
    committed.write_bytes(rewritten)
    print(f"{committed.name}: {'differs' if known else 'new'}")
    if known:
        sys.exit("export.py: expected the committed weights and manifest, found others")


if __name__ == "__main__":
    main()
