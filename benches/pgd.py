"""The peer of pgd.rs: a training step, an evaluation or features as users of PyTorch get them.

Torchvision's ResNet-18. `step`: semantics of MadryLab/robustness: PGD-3 (L2, keep best) against the
model in evaluation mode, then SGD with momentum and weight decay in training mode. `evaluate`: the
accuracy of the model under torchattacks' PGD-20. `features`: what the last layer of the model reads,
in evaluation mode. As `eager` in f32 and NCHW; as `autocast` in bf16 and channels_last, the fastest of
what we found PyTorch to offer for this.
Usage: pgd.py TASK CONFIG[:BATCH] eager|autocast THREADS; each line on stdin does the task once and
answers "WALL CPU LOSS MEBIBYTES", the last being the peak of this process so far.
"""

import resource
import sys
import time

import torch
import torch.nn.functional as F
import torchattacks
import torchvision

CONFIGS = {
    "cifar": dict(size=32, batch=128, classes=10, width=64),
    "tiny": dict(size=64, batch=64, classes=200, width=64),
    "imagenet": dict(size=224, batch=16, classes=1000, width=64),
    "small": dict(size=32, batch=128, classes=10, width=16),
}


class Normalised(torch.nn.Module):
    """Clamps pixels to [0,1] and normalises them, as robustness' InputNormalize does."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.register_buffer("mean", torch.full((3, 1, 1), 0.5))
        self.register_buffer("std", torch.full((3, 1, 1), 0.25))

    def forward(self, x):
        return self.model((torch.clamp(x, 0, 1) - self.mean) / self.std)


def build(size, classes, width, **_):
    model = torchvision.models.ResNet(
        torchvision.models.resnet.BasicBlock, [2, 2, 2, 2], num_classes=classes
    )
    if width != 64:
        model.inplanes = width
        model.conv1 = torch.nn.Conv2d(3, width, 7, 2, 3, bias=False)
        model.bn1 = torch.nn.BatchNorm2d(width)
        for stage, scale in enumerate([1, 2, 4, 8], 1):
            layer = model._make_layer(
                torchvision.models.resnet.BasicBlock, width * scale, 2, 1 if stage == 1 else 2
            )
            setattr(model, f"layer{stage}", layer)
        model.fc = torch.nn.Linear(width * 8, classes)
    if size < 64:
        model.conv1 = torch.nn.Conv2d(3, width, 3, 1, 1, bias=False)
        model.maxpool = torch.nn.Identity()
    return Normalised(model)


def attack(model, x, y, eps=0.5, steps=3, step_size=1 / 3):
    """robustness' Attacker.forward with L2Step and use_best."""
    model.eval()
    origin = x.detach()
    best_loss, best_x = None, None

    def keep(losses, at):
        nonlocal best_loss, best_x
        if best_loss is None:
            best_loss, best_x = losses.clone(), at.clone().detach()
            return
        replace = best_loss < losses
        best_x[replace] = at[replace].clone().detach()
        best_loss[replace] = losses[replace]

    for _ in range(steps):
        x = x.clone().detach().requires_grad_(True)
        losses = F.cross_entropy(model(x), y, reduction="none")
        (grad,) = torch.autograd.grad(losses.mean(), [x])
        with torch.no_grad():
            keep(losses.detach(), x)
            norm = torch.norm(grad.reshape(len(x), -1), dim=1).view(-1, 1, 1, 1)
            x = x + grad / (norm + 1e-10) * step_size
            delta = (x - origin).renorm(p=2, dim=0, maxnorm=eps)
            x = torch.clamp(origin + delta, 0, 1)
    with torch.no_grad():
        keep(F.cross_entropy(model(x), y, reduction="none"), x)
    model.train()
    return best_x


def used():
    """Processor time in seconds and peak memory in MiB of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss // 1024


def main():
    task, config, way, threads = sys.argv[1:]
    name, _, batch = config.partition(":")
    config = dict(CONFIGS[name], **({"batch": int(batch)} if batch else {}))
    torch.set_num_threads(int(threads))
    torch.manual_seed(0)
    model = build(**config)
    x = torch.rand(config["batch"], 3, config["size"], config["size"])
    y = torch.randint(config["classes"], (config["batch"],))
    if way == "autocast":
        model = model.to(memory_format=torch.channels_last)
        x = x.contiguous(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4)

    def step():
        loss = F.cross_entropy(model(attack(model, x, y)), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        return loss.item()

    def evaluate():
        pgd = torchattacks.PGDL2(model, eps=0.5, alpha=0.1, steps=20, random_start=True)
        adversarial = pgd(x, y)
        with torch.no_grad():
            return F.cross_entropy(model(adversarial), y).item()

    def features():
        with torch.no_grad():
            return model(x).float().mean().item()

    if task != "step":
        model.eval()
    if task == "features":
        model.model.fc = torch.nn.Identity()
    run = {"step": step, "evaluate": evaluate, "features": features}[task]
    for _ in sys.stdin:
        (before, _), start = used(), time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=way == "autocast"):
            loss = run()
        wall, (after, peak) = time.perf_counter() - start, used()
        print(wall, after - before, loss, peak, flush=True)


main()
