"""Compares fixed-feature transfer with scikit-learn and with the protocol of Salman et al. 2020.

Usage: transfer.py --data DIR [--only fit|whole] [--rounds N] [--threads N]. DIR holds Tiny ImageNet,
50 classes of it or more. Cargo builds our side. Extraction by itself is `compare.py --task features`.

fit: features of 5,000 photographs by torchvision's ResNet-18 (512 numbers, random weights, 64 pixels,
z-scored), a tenth of them for validation. Ours is transfer.rs, a process that lives on; the peer is
scikit-learn's LogisticRegression (lbfgs, default tol, max_iter 1,000; the output tells how many fits
end there unfinished), one after the other: 45 penalties, the best by validation accuracy, and one more
fit on all. The sides alternate and the first round is left out, as it is in `whole`; with --rounds 0
it is the only one and is counted.

whole: our side is a run of the program with a new store: JPEG files of 64 pixels, enlarged to 224,
5,000 for training and validation and 2,000 for testing, ResNet-18, 45 penalties, all included. The
peer is the reference protocol: 150 epochs of the head alone, in training mode, batches of 64, the
test images measured after every fifth epoch and the last. It is timed on so many images per epoch as
--share says, which are in memory already, and scaled to all images and epochs.
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

import numpy as np
import safetensors.numpy
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

import transforms

PROGRAM = pathlib.Path(__file__).resolve().parent.parent / "target/release/rtscript"
TRAIN, VAL, TEST = 4500, 500, 2000
EPOCHS, EVALUATIONS, BATCH = 150, 31, 64


def network(classes):
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=classes)


def photographs(data, classes, count):
    """`count` training images of 64 pixels, in turns of the classes, and their labels."""
    names = [path for path in pathlib.Path(data).iterdir() if path.name.startswith("tiny")]
    wnids = sorted(path for path in (names[0] / "train").iterdir())[:classes]
    x = np.empty((count, 64, 64, 3), np.uint8)
    for i in range(count):
        wnid = wnids[i % classes]
        x[i] = Image.open(wnid / f"images/{wnid.name}_{i // classes}.JPEG").convert("RGB")
    pixels = torch.from_numpy(x).permute(0, 3, 1, 2).float() / 255
    return (pixels - 0.5) / 0.25, np.arange(count) % classes


def features(x):
    model = network(10).eval()
    model.fc = torch.nn.Identity()
    with torch.no_grad():
        return torch.cat([model(part) for part in x.split(250)]).numpy()


def scikit_learn(x, y, x_val, y_val):
    """What is chosen, and how many fits ended at the most steps."""
    unfinished = 0

    def fitted(x, y, strength):
        nonlocal unfinished
        model = LogisticRegression(C=1 / (strength * len(x)), max_iter=1_000).fit(x, y)
        unfinished += int(model.n_iter_.max() >= 1_000)
        return model

    best, highest = 0, -1.0
    for index in range(45):
        strength = 10 ** (index / 4 - 6) / len(x)
        accuracy = fitted(x, y, strength).score(x_val, y_val)
        if accuracy >= highest:
            best, highest = index, accuracy
    both = np.concatenate([x, x_val])
    strength = 10 ** (best / 4 - 6) / len(both)
    fitted(both, np.concatenate([y, y_val]), strength)
    return strength, highest, unfinished


def fit(options, classes):
    pixels, y = photographs(options.data, classes, TRAIN + VAL)
    x = features(pixels)
    x = (x - x[:TRAIN].mean(0)) / x[:TRAIN].std(0).clip(1e-6)
    parts = {"x": x[:TRAIN], "y": y[:TRAIN], "x_val": x[TRAIN:], "y_val": y[TRAIN:]}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "features.safetensors"
        parts = {name: np.ascontiguousarray(part) for name, part in parts.items()}
        safetensors.numpy.save_file(parts, file)
        command = [transforms.built("transfer"), file, str(options.threads)]
        ours = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(options.rounds + 1):
            ours.stdin.write("fit\n")
            ours.stdin.flush()
            seconds, strength, accuracy = map(float, ours.stdout.readline().split())
            print(f"  ours {seconds:.2f}", file=sys.stderr, flush=True)
            start = time.perf_counter()
            with threadpool_limits(options.threads):
                theirs = scikit_learn(**{name: parts[name] for name in ["x", "y", "x_val", "y_val"]})
            rows.append([time.perf_counter() - start, seconds])
            print(f"  peer {rows[-1][0]:.2f}", file=sys.stderr, flush=True)
        ours.stdin.close()
        ours.wait()
    report(f"fit, {classes} classes", rows[1:] or rows)
    print(f"  ours: lambda {strength:.3g}, validation accuracy {accuracy:.3f}")
    print(f"  peer: lambda {theirs[0]:.3g}, validation accuracy {theirs[1]:.3f}, {theirs[2]} unfinished")


def epochs(model, x, y, share):
    """Seconds of an epoch of training and of an evaluation, on shares of their images."""
    train, test = int((TRAIN + VAL) * share), int(TEST * share)
    head = torch.optim.SGD(model.fc.parameters(), 0.01, momentum=0.9, weight_decay=5e-4)
    model.train()
    start = time.perf_counter()
    for chosen in torch.randperm(train).split(BATCH):
        loss = F.cross_entropy(model(x[chosen]), y[chosen])
        head.zero_grad()
        loss.backward()
        head.step()
    trained = time.perf_counter() - start
    model.eval()
    start = time.perf_counter()
    with torch.no_grad():
        for part, labels in zip(x[train : train + test].split(BATCH), y[train:].split(BATCH)):
            (model(part).argmax(1) == labels).sum().item()
    return trained, time.perf_counter() - start


def program(options):
    """Seconds of the program, and what it prints."""
    code = (
        f"model::resnet18(#{{ classes: 1000 }}).transfer(dataset::tiny_imagenet(#{{ size: 224, "
        f"limit: {TRAIN + VAL}, test_limit: {TEST} }}), #{{ protocol: transfer::fixed_feature("
        f'#{{ precision: "{options.precision}" }}) }})'
    )
    with tempfile.TemporaryDirectory() as store:
        folders = ["--data", options.data, "--store", store, "--out", store]
        start = time.perf_counter()
        command = [PROGRAM, *folders, "--threads", str(options.threads), "-e", code]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        return time.perf_counter() - start, output.strip()


def whole(options):
    images = int((TRAIN + VAL) * options.share) + int(TEST * options.share)
    pixels, y = photographs(options.data, 50, images)
    pixels = F.interpolate(pixels, size=224, mode="bilinear", antialias=True)
    y = torch.from_numpy(y)
    model = network(50)
    for name, parameter in model.named_parameters():
        parameter.requires_grad = name.startswith("fc")
    rows = []
    for round_ in range(options.rounds + 1):
        trained, tested = epochs(model, pixels, y, options.share)
        seconds, output = program(options) if round_ or not options.rounds else (float("nan"), "")
        peer = (EPOCHS * trained + EVALUATIONS * tested) / options.share
        rows.append([peer, seconds])
        print(f"  {peer:.0f} {seconds:.1f}", file=sys.stderr, flush=True)
    report(f"whole, {options.precision}, peer scaled from {images} images and 1 epoch", rows[1:] or rows)
    print(f"  ours: {output}")


def report(name, rows):
    ratios = [peer / ours for peer, ours in rows]
    peer, ours = (statistics.median(column) for column in zip(*rows))
    middle = statistics.median(ratios)
    print(
        f"{name}: peer {peer:.2f} s, ours {ours:.2f} s,"
        f" ratio {middle:.1f} [{min(ratios):.1f}, {max(ratios):.1f}], {len(rows)} rounds",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--only", choices=["fit", "whole"])
    parser.add_argument("--classes", type=int, nargs="*", default=[10, 50])
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if options.only != "whole":
        for classes in options.classes:
            fit(options, classes)
    if options.only != "fit":
        whole(options)


main()
