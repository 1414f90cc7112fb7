"""Compares loading a checkpoint of a robust ResNet-50 with PyTorch, in alternation.

Usage: load.py [--rounds N] [--threads N]. The checkpoint has the layout of MadryLab/robustness:
legacy container, dill, DataParallel prefix, all of the network listed twice, momentum as large as
the network. The peer's time is torch.load and load_state_dict into a network that exists already,
without start-up and imports; ours is a run of the program that loads the model and reads a
parameter, less one that does nothing, and includes the SHA-256 of the file. Memory is the peak of
the whole process; each run is a new one, and so is its store. The first round warms up and is left
out.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAM = HERE.parent / "target/release/rtscript"


def write(path):
    import torch
    import torchvision

    sys.path.append(str(HERE.parent / "tests/parity"))
    import releases

    def save(_, value, legacy, pickle_module):
        options = {"_use_new_zipfile_serialization": not legacy, "pickle_module": pickle_module}
        torch.save(value, path, **options)

    torch.manual_seed(0)
    releases.robustness(save, *releases.trained(torchvision.models.resnet50()))


def load(path, threads):
    """Prints the seconds."""
    import dill
    import torch
    import torchvision

    torch.set_num_threads(threads)
    net = torchvision.models.resnet50()
    start, prefix = time.perf_counter(), "module.model."
    content = torch.load(path, map_location="cpu", weights_only=False, pickle_module=dill)
    state = {
        name.removeprefix(prefix): tensor
        for name, tensor in content["model"].items()
        if name.startswith(prefix)
    }
    net.load_state_dict(state, strict=True)
    print(time.perf_counter() - start)


def run(command):
    """Seconds, the peak of memory in bytes, and the output of a new process."""
    start = time.perf_counter()
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read()
    # The children's usage would be the largest of all that there were.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"load.py: {command[0]} ended with {process.returncode}")
    scale = 1 if sys.platform == "darwin" else 1024
    return time.perf_counter() - start, usage.ru_maxrss * scale, output


def ours(folder, path, threads):
    """Seconds and peak of a run that loads `path`, or nothing."""
    with tempfile.TemporaryDirectory(dir=folder) as store:
        options = ["--weights", folder, "--store", store, "--out", store, "--threads", threads]
        code = f'model::load("{path.name}").parameter("fc.bias").shape' if path else "1 + 1"
        seconds, peak, output = run([PROGRAM, *options, "-e", code])
        assert output.strip() == ("[1000]" if path else "2"), output
        return seconds, peak


def peer(path, threads):
    """Seconds of loading, seconds and peak of the run."""
    command = [sys.executable, __file__, "--load", path, "--threads", threads]
    seconds, peak, output = run(command)
    return float(output), seconds, peak


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", metavar="FILE", help=argparse.SUPPRESS)
    parser.add_argument("--load", metavar="FILE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write or options.load:
        return write(options.write) if options.write else load(options.load, options.threads)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "resnet50.pt"
        run([sys.executable, __file__, "--write", path])
        size = path.stat().st_size
        rows = []
        for _ in range(options.rounds + 1):
            loading, whole, peak = peer(path, options.threads)
            our_whole, our_peak = ours(folder, path, options.threads)
            idle, _ = ours(folder, None, options.threads)
            rows.append([loading, whole, peak, our_whole - idle, our_whole, our_peak])
    columns = list(zip(*rows[1:]))
    median = statistics.median
    print(f"resnet50.pt: {size / 1e6:.0f} MB, {options.rounds} rounds, {options.threads} threads")
    print("      loading s [min, max]  whole run s  peak MB  peak / file")
    for name, (loading, whole, peak) in [("peer", columns[:3]), ("ours", columns[3:])]:
        print(
            f"{name}  {median(loading):9.3f} [{min(loading):.2f}, {max(loading):.2f}]"
            f"  {median(whole):11.2f}  {median(peak) / 1e6:7.0f}  {median(peak) / size:11.2f}"
        )
    for name, part in [("loading", 0), ("whole run", 1), ("peak", 2)]:
        ratios = [theirs / own for theirs, own in zip(columns[part], columns[part + 3])]
        print(f"{name}, peer over ours: {median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]")


main()
