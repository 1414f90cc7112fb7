"""Measures the loader: images per second, what a second worker brings, and memory over an epoch.

Usage: loader.py --data DIR [--images DIR] [--rounds N]. DIR holds mnist/ as its authors publish it
(Fashion-MNIST has the same size); --images names a folder with JPEG files below it, which are read
with the training transform of Salman et al. 2020 (RandomResizedCrop 224, flip). Cargo builds our
side. The peer is torchvision's DataLoader on the same files. Each figure is the median of rounds in
which both sides run in turn, after one round that is left out.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

import torch
import torchvision
import torchvision.transforms as T

import transforms

BATCH = 128


class Loader:
    """A process of our side."""

    def __init__(self, program, data):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([program, data], stdin=pipe, stdout=pipe, text=True)

    def start(self, job):
        self.process.stdin.write(job + "\n")
        self.process.stdin.flush()

    def result(self):
        """Images per second, and the peak of memory after a quarter of an epoch and after it."""
        wall, images, quarter, peak = map(float, self.process.stdout.readline().split())
        return images / wall, quarter, peak

    def run(self, job):
        self.start(job)
        return self.result()


def peer(dataset, workers, epochs):
    """Images per second of torchvision's loader, without the start of its workers."""
    loader = torch.utils.data.DataLoader(
        dataset, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )
    list(loader)
    start = time.perf_counter()
    for _ in range(epochs):
        for _ in loader:
            pass
    return epochs * len(dataset) / (time.perf_counter() - start)


def median(values):
    values = sorted(values)
    return f"{statistics.median(values):.4g} [{values[0]:.4g}, {values[-1]:.4g}]"


def memory(ours, rounds):
    found = {1: [], 2: []}
    for _ in range(rounds + 1):
        for threads in found:
            found[threads].append(ours.run(f"mnist - - {threads} 4")[0])
    for threads, speeds in found.items():
        print(f"28x28 images/s from memory, threads {threads}:", median(speeds[1:]))


def jpegs(program, images, rounds):
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root, "photographs")
        for split, most in (("train", None), ("test", 1)):
            (folder / split / "all").mkdir(parents=True)
            for path in transforms.jpegs(images)[:most]:
                shutil.copy(path, folder / split / "all")
        job = "image_folder photographs salman2020_train {} 4"
        first, second = Loader(program, root), Loader(program, root)
        crop = T.Compose([T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor()])
        peers = torchvision.datasets.ImageFolder(folder / "train", crop)
        found = {"scaling": [], "peer scaling": [], "ratio 1": [], "ratio 2": []}
        for _ in range(rounds + 1):
            for loader in (first, second):
                loader.start(job.format(1))
            apart = first.result()[0] + second.result()[0]
            one, two = (first.run(job.format(threads))[0] for threads in (1, 2))
            peer_one, peer_two = peer(peers, 1, 4), peer(peers, 2, 4)
            found["scaling"].append(two / apart)
            found["peer scaling"].append(peer_two / peer_one)
            found["ratio 1"].append(one / peer_one)
            found["ratio 2"].append(two / peer_two)
        _, quarter, peak = first.run("image_folder photographs salman2020_train 2 30")
        print("from JPEG, two threads over two processes:", median(found["scaling"][1:]))
        print("torchvision, two workers over one:", median(found["peer scaling"][1:]))
        print("ours over torchvision, one worker each:", median(found["ratio 1"][1:]))
        print("ours over torchvision, two workers each:", median(found["ratio 2"][1:]))
        print(f"peak memory after 30 epochs over that after 29 and a quarter: {peak / quarter:.4f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--images", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    program = transforms.built("loader")
    memory(Loader(program, options.data), options.rounds)
    if options.images:
        jpegs(program, options.images, options.rounds)


main()
