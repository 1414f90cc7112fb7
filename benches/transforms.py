"""Compares transforms of one picture with torchvision on Pillow, in alternation.

Usage: transforms.py [--rounds N] [--count N] [--images DIR]. Cargo builds our side. Both transform
a picture of 500 by 375 pixels, decoded already, on one core; with --images, they also read, decode
and transform the JPEG files below DIR, whose decoded pixels are compared at the end; `:packed` sets
our packed pictures against those files. CPU times are compared, and the first round is left out.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy as np
import torch
import torchvision.transforms as T
from PIL import Image
from torchvision.datasets.folder import default_loader

CONFIGS = {
    "resize": T.Resize(256),
    "bicubic": T.Resize(256, T.InterpolationMode.BICUBIC),
    "random_resized_crop": T.RandomResizedCrop(224),
    "color_jitter": T.ColorJitter(0.1, 0.1, 0.1),
    "salman2020_train:numbers": T.Compose(
        [T.RandomResizedCrop(224), T.RandomHorizontalFlip(), T.ToTensor()]
    ),
    "salman2020_test:numbers": T.Compose([T.Resize(256), T.CenterCrop(224), T.ToTensor()]),
}


def opened(transform):
    """torchvision's folder loader and the transform."""
    return lambda path: transform(default_loader(path))


FROM_FILES = {
    f"{name}:{source}": opened(CONFIGS[f"{name}:numbers"])
    for source in ["jpeg", "jpeg_needed", "packed"]
    for name in ["salman2020_train", "salman2020_test"]
}


def jpegs(folder):
    """The JPEG files below a folder that are what their names say."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in [".jpeg", ".jpg"])
    return [str(path) for path in paths if path.read_bytes()[:2] == b"\xff\xd8"]


def built(name):
    """The path of our side, built by cargo."""
    command = ["cargo", "build", "--locked", "--release", "--bench", name]
    output = subprocess.run(
        [*command, "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    artifacts = map(json.loads, output.splitlines())
    return next(
        a["executable"] for a in artifacts if a.get("target", {}).get("name") == name
    )


def compare(ours, files):
    """Prints how far decoded pictures are from Pillow's."""
    counts = np.zeros(256, np.int64)
    with tempfile.NamedTemporaryFile() as decoded:
        ours.stdin.write(f"decoded {decoded.name}\n")
        ours.stdin.flush()
        ours.stdout.readline()
        for path in files:
            peer = np.asarray(Image.open(path).convert("RGB"), np.int16).ravel()
            own = np.frombuffer(decoded.read(peer.size), np.uint8)
            counts += np.bincount(np.abs(peer - own), minlength=256)
        assert not decoded.read(), "pictures of other sizes"
    shares = [f"{100 * count / counts.sum():.4f} % by {by}" for by, count in enumerate(counts) if count]
    print(f"decoded, {counts.sum() / 1e6:.1f} million values, off from Pillow's:", ", ".join(shares))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--images", type=pathlib.Path)
    options = parser.parse_args()
    files = options.images and jpegs(options.images)
    torch.set_num_threads(1)
    pixels = np.random.default_rng(0).integers(0, 256, (375, 500, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    pipe = subprocess.PIPE
    ours = subprocess.Popen([built("transforms"), *(files or [])], stdin=pipe, stdout=pipe, text=True)
    configs = dict.fromkeys(CONFIGS, [picture]) | dict.fromkeys(FROM_FILES if files else [], files)
    print("config                    peer ms  ours ms  ratio of medians, of minima [min, max]")
    for name, pictures in configs.items():
        transform = (CONFIGS | FROM_FILES)[name]
        times = []
        for _ in range(options.rounds + 1):
            start = time.process_time()
            for picture in itertools.islice(itertools.cycle(pictures), options.count):
                transform(picture)
            peer = time.process_time() - start
            ours.stdin.write(f"{name} {options.count}\n")
            ours.stdin.flush()
            times.append((peer, float(ours.stdout.readline().split()[1])))
        peers, own = (list(side) for side in zip(*times[1:]))
        ratios = [peer / one for peer, one in zip(peers, own)]
        per_image = 1000 / options.count
        print(
            f"{name:25} {statistics.median(peers) * per_image:7.3f}"
            f"  {statistics.median(own) * per_image:7.3f}"
            f"  {statistics.median(peers) / statistics.median(own):.2f}, {min(peers) / min(own):.2f}"
            f" [{min(ratios):.2f}, {max(ratios):.2f}]",
            flush=True,
        )
    if files:
        compare(ours, files)
    ours.stdin.close()
    ours.wait()


if __name__ == "__main__":
    main()
