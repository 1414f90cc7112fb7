"""Writes resnet8.safetensors: attacks and a training in PyTorch, for src/attack/parity.rs.

The network is a residual network of 8 layers put together from torchvision's blocks; its state and
the images come from an integer hash that both sides compute, so that only results are stored.
The attack is written after MadryLab/robustness (a954124): attacker.py and attack_steps.py.
"""

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torchvision.models.resnet import BasicBlock

import fixture

WIDTH, CLASSES, SIZE, BATCH = 16, 5, 8, 6
MEAN, STD = 0.5, 0.25


def hashed(index, count):
    """`count` numbers in [0,1) that depend on `index` only."""
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(index * 1_000_003)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float32) / np.float32(1 << 24)


class Network(torch.nn.Module):
    """The normaliser (with robustness' clamp) and a residual network of three stages."""

    def __init__(self):
        super().__init__()
        self.net = torchvision.models.ResNet(BasicBlock, [1, 1, 1, 1], num_classes=CLASSES)
        self.net.inplanes = WIDTH
        self.net.conv1 = torch.nn.Conv2d(3, WIDTH, 3, 1, 1, bias=False)
        self.net.bn1 = torch.nn.BatchNorm2d(WIDTH)
        self.net.maxpool = torch.nn.Identity()
        self.net.layer1 = self.net._make_layer(BasicBlock, WIDTH, 1)
        self.net.layer2 = self.net._make_layer(BasicBlock, 2 * WIDTH, 1, stride=2)
        self.net.layer3 = self.net._make_layer(BasicBlock, 4 * WIDTH, 1, stride=2)
        self.net.layer4 = torch.nn.Identity()
        self.net.fc = torch.nn.Linear(4 * WIDTH, CLASSES)

    def forward(self, x):
        return self.net((torch.clamp(x, 0, 1) - MEAN) / STD)

    def named(self):
        state = self.net.state_dict()
        return {name: t for name, t in state.items() if not name.endswith("num_batches_tracked")}

    def fill(self):
        with torch.no_grad():
            for index, (name, tensor) in enumerate(self.named().items()):
                u = torch.from_numpy(hashed(index, tensor.numel())).view_as(tensor)
                if tensor.dim() > 1:
                    scale = (12 / tensor[0].numel()) ** 0.5
                    tensor.copy_((u - 0.5) * torch.tensor(scale, dtype=torch.float32))
                elif name.endswith("running_mean") or name.endswith("bias"):
                    tensor.copy_(u - 0.5)
                else:
                    tensor.copy_(u + 0.5)


def attack(model, x, y, norm, eps, steps, step_size, use_best):
    def step(x, g):
        if norm == "linf":
            return x + torch.sign(g) * step_size
        g_norm = torch.norm(g.view(g.shape[0], -1), dim=1).view(-1, 1, 1, 1)
        return x + g / (g_norm + 1e-10) * step_size

    def project(x):
        diff = x - origin
        if norm == "linf":
            diff = torch.clamp(diff, -eps, eps)
        else:
            diff = diff.renorm(p=2, dim=0, maxnorm=eps)
        return torch.clamp(diff + origin, 0, 1)

    def replace_best(loss, best_loss, x, best_x):
        if best_loss is None:
            return loss.clone().detach(), x.clone().detach()
        replace = best_loss < loss
        best_x[replace] = x[replace].clone().detach()
        best_loss[replace] = loss[replace]
        return best_loss, best_x

    model.eval()
    origin, best_loss, best_x = x.detach(), None, None
    for _ in range(steps):
        x = x.clone().detach().requires_grad_(True)
        losses = F.cross_entropy(model(x), y, reduction="none")
        (g,) = torch.autograd.grad(torch.mean(losses), [x])
        with torch.no_grad():
            if use_best:
                best_loss, best_x = replace_best(losses.detach(), best_loss, x, best_x)
            x = project(step(x, g))
    if not use_best:
        return x.detach()
    with torch.no_grad():
        losses = F.cross_entropy(model(x), y, reduction="none")
        return replace_best(losses, best_loss, x, best_x)[1]


def main():
    torch.set_num_threads(1)
    model = Network()
    model.fill()
    x = torch.from_numpy(hashed(1000, BATCH * 3 * SIZE * SIZE)).view(BATCH, 3, SIZE, SIZE)
    y = torch.arange(BATCH) % CLASSES
    out = {}
    model.eval()
    out["logits"] = model(x).detach()
    for norm, eps, step_size in [("l2", 0.5, 1 / 3), ("linf", 0.03, 0.02)]:
        for keep in ["best", "last"]:
            found = attack(model, x, y, norm, eps, 3, step_size, keep == "best")
            out[f"pgd.{norm}.{keep}"] = found
    # Steps that overshoot, so that the best iterate is not the last.
    out["pgd.l2.overshoot"] = attack(model, x, y, "l2", 2.0, 5, 8.0, True)
    model.train()
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(x), y)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    out["train.losses"] = torch.tensor(losses)
    for name, tensor in model.named().items():
        if tensor.numel() < 3000:
            out[f"train.{name}"] = tensor.detach().clone()
    out = {name: tensor.contiguous().numpy() for name, tensor in out.items()}
    fixture.save(__file__, out, tolerance=1e-5, suffix=".safetensors")


if __name__ == "__main__":
    main()
