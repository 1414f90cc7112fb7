"""Writes logistic_features.safetensors: scikit-learn's logistic regressions on features of photographs.

Usage: logistic_features.py [DATA]. DATA holds `cifar-10-batches-bin` and `tiny-imagenet-50` (the
official layouts; any subset of Tiny ImageNet's classes in a folder of that name). The network of
resnet8.py is trained on CIFAR-10 for a few epochs; its 64 features of photographs of ten classes of
Tiny ImageNet, which it never saw, halved in size, become the fixture. Without DATA the features are
those of the fixture, and only the regressions are done again.

Features are z-scored in f32 as fixed_feature does. Each of the 45 penalties is solved by L-BFGS and
by Newton's method. L-BFGS's numbers are kept where it finds the minimum, to 1e-6 of Newton's; at the
smallest penalties, where scipy's L-BFGS ends after 15,000 evaluations above it, Newton's are.
"""

import pathlib
import sys
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import fixture
import resnet8

CLASSES, TRAIN, TEST, FEW = 10, 60, 40, 10
FILE = pathlib.Path(__file__).with_suffix(".safetensors")


def cifar(folder):
    """Pixels in [0, 1] and labels of the first training batch."""
    records = np.fromfile(folder / "data_batch_1.bin", np.uint8).reshape(-1, 3073)
    pixels = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32)).float() / 255
    return pixels, torch.from_numpy(records[:, 0].astype(np.int64))


def photographs(folder):
    """The first images of the first classes, halved: first all for training, then all for testing."""
    from PIL import Image

    def pixels(path):
        image = Image.open(path).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255

    by_class = []
    for wnid in sorted(path.name for path in (folder / "train").iterdir())[:CLASSES]:
        paths = [folder / f"train/{wnid}/images/{wnid}_{i}.JPEG" for i in range(TRAIN + TEST)]
        by_class.append(torch.stack([pixels(path) for path in paths]))
    x = torch.stack(by_class)
    y = torch.arange(CLASSES)[:, None].expand(-1, TRAIN + TEST)
    parts = [slice(TRAIN), slice(TRAIN, None)]
    return [(x[:, part].flatten(0, 1), y[:, part].flatten().numpy()) for part in parts]


def trained(x, y, epochs=3, batch=64):
    torch.manual_seed(0)
    model = resnet8.Network()
    model.net.fc = torch.nn.Linear(4 * resnet8.WIDTH, 10)
    steps = epochs * (len(x) // batch)
    sgd = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(sgd, 0.2, total_steps=steps)
    for _ in range(epochs):
        for chosen in torch.randperm(len(x))[: steps // epochs * batch].split(batch):
            loss = F.cross_entropy(model(x[chosen]), y[chosen])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            schedule.step()
    print(f"source: loss {loss.item():.3f} after {steps} steps")
    return model.eval()


def computed(data):
    """The features of real images."""
    model = trained(*cifar(data / "cifar-10-batches-bin"))
    model.net.fc = torch.nn.Identity()
    out = {}
    for name, (x, y) in zip(["train", "test"], photographs(data / "tiny-imagenet-50")):
        with torch.no_grad():
            out[f"{name}.x"] = model(x).numpy()
        out[f"{name}.y"] = y
    return out


def fits(x, y, x_test, lambdas):
    mean, deviation = x.mean(0, dtype=np.float32), x.std(0, dtype=np.float32).clip(1e-6)
    x, x_test = (x - mean) / deviation, (x_test - mean) / deviation
    x, x_test = x.astype(np.float64), x_test.astype(np.float64)
    losses, predictions, apart = [], [], []

    def solved(strength, **options):
        model = LogisticRegression(C=1 / (strength * len(x)), **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(x, y)
        logits = x @ model.coef_.T + model.intercept_
        logits -= logits.max(1, keepdims=True)
        nll = np.log(np.exp(logits).sum(1)) - logits[np.arange(len(x)), y]
        return nll.mean() + strength / 2 * (model.coef_**2).sum(), model.predict(x_test)

    for strength in lambdas:
        lbfgs = solved(strength, tol=1e-14, max_iter=15_000)
        newton = solved(strength, solver="newton-cholesky", tol=1e-13, max_iter=1000)
        apart.append((lbfgs[0] - newton[0]) / newton[0])
        assert apart[-1] > -1e-9, "Newton's method did not find the minimum"
        kept = lbfgs if apart[-1] < 1e-6 else newton
        losses.append(kept[0])
        predictions.append(kept[1])
    print("L-BFGS above Newton:", " ".join(f"{each:.0e}" for each in apart))
    assert sum(each < 1e-6 for each in apart) >= 35, "L-BFGS did not find the minimum"
    return np.array(losses), np.array(predictions, np.uint8)


def main():
    torch.set_num_threads(1)
    if sys.argv[1:]:
        out = computed(pathlib.Path(sys.argv[1]))
    else:
        kept = ("train.x", "train.y", "test.x", "test.y")
        out = {name: fixture.parsed(FILE)[name] for name in kept}
    whole = np.arange(CLASSES * TRAIN)
    # The first images of each class, which a linear head separates.
    few = whole[whole % TRAIN < FEW]
    for name, chosen in [("whole", whole), ("few", few)]:
        lambdas = 10 ** (np.arange(45) / 4 - 6) / len(chosen)
        x, y = out["train.x"][chosen], out["train.y"][chosen]
        losses, predictions = fits(x, y, out["test.x"], lambdas)
        accuracy = (predictions == out["test.y"]).mean(1)
        print(f"{name}: loss {losses[0]:.1e} to {losses[-1]:.1e}, accuracy", accuracy[::4].round(3))
        out |= {f"{name}.loss": losses, f"{name}.predictions": predictions}
    fixture.save(__file__, out, tolerance=1e-6, suffix=".safetensors")


main()
