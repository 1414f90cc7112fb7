"""Writes objectives.safetensors: losses, gradients and updates in PyTorch, for src/train/parity.rs.

Network, state and images are those of resnet8.py, here in f64, so that what a test measures is the
rounding of this program. TRADES is written after yaodongyu/TRADES trades.py, free training after
mahyarnajibi/FreeAdversarialTraining main_free.py; both are given numbers of the hash for noise.
"""

import torch
import torch.nn.functional as F

import fixture
import resnet8
from resnet8 import BATCH, CLASSES, SIZE, hashed

SHAPE = (BATCH, 3, SIZE, SIZE)


def numbers(index, shape=SHAPE):
    count = int(torch.tensor(shape).prod())
    return torch.from_numpy(hashed(index, count)).view(shape).double()


class Network(resnet8.Network):
    """Without the clamp, which the authors' networks do not have."""

    def forward(self, x):
        return self.net((x - resnet8.MEAN) / resnet8.STD)


def fresh():
    model = Network()
    model.fill()
    return model.double().train()


def digest(named):
    """One list of numbers: small tensors as they are, of large ones a sum for each output."""
    parts = []
    for tensor in named:
        rows = tensor.detach().flatten(1) if tensor.numel() >= 600 else None
        if rows is None:
            parts.append(tensor.detach().flatten())
        else:
            parts.append(rows @ (numbers(3000, rows[0].shape) - 0.5))
    return torch.cat(parts)


def gradient(model, loss):
    return digest(torch.autograd.grad(loss, list(model.parameters())))


def steepness(model, x, y, power):
    x = x.clone().requires_grad_()
    logits = model(x)
    (g,) = torch.autograd.grad(F.cross_entropy(logits, y, reduction="sum"), x, create_graph=True)
    return F.cross_entropy(logits, y), torch.linalg.vector_norm(g.flatten(1), power, 1).mean()


def trades(model, x, y, norm, noise, eps, steps, step_size, beta):
    kl = torch.nn.KLDivLoss(reduction="sum")
    model.eval()
    if norm == "linf":
        x_adv = x + noise
        for _ in range(steps):
            x_adv = x_adv.detach().requires_grad_()
            loss = kl(F.log_softmax(model(x_adv), 1), F.softmax(model(x), 1))
            (g,) = torch.autograd.grad(loss, x_adv)
            x_adv = x_adv.detach() + step_size * torch.sign(g)
            x_adv = torch.clamp(torch.min(torch.max(x_adv, x - eps), x + eps), 0, 1)
    else:
        delta = noise.clone().requires_grad_()
        sgd = torch.optim.SGD([delta], lr=step_size)
        for _ in range(steps):
            sgd.zero_grad()
            loss = -kl(F.log_softmax(model(x + delta), 1), F.softmax(model(x), 1))
            loss.backward()
            delta.grad.div_(delta.grad.view(len(x), -1).norm(p=2, dim=1).view(-1, 1, 1, 1))
            sgd.step()
            delta.data.add_(x)
            delta.data.clamp_(0, 1).sub_(x)
            delta.data.renorm_(p=2, dim=0, maxnorm=eps)
        x_adv = (x + delta).detach()
    x_adv = torch.clamp(x_adv, 0, 1)
    model.train()
    natural = F.cross_entropy(model(x), y)
    robust = kl(F.log_softmax(model(x_adv), 1), F.softmax(model(x), 1)) / len(x)
    return x_adv, natural + beta * robust


def free(model, x, y, norm, eps, step_size, replays):
    sgd = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    noise = torch.zeros_like(x)
    losses = []
    for _ in range(replays):
        batch = noise.clone().requires_grad_()
        loss = F.cross_entropy(model((x + batch).clamp(0, 1)), y)
        sgd.zero_grad()
        loss.backward()
        if norm == "linf":
            noise = (noise + step_size * torch.sign(batch.grad)).clamp(-eps, eps)
        else:
            length = batch.grad.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
            noise = (noise + step_size * batch.grad / length).renorm(2, 0, eps)
        sgd.step()
        losses.append(loss.detach())
    return torch.stack(losses), noise


def updates(model, x, y, optimizer, schedule):
    before = [p.detach().clone() for p in model.parameters()]
    losses = []
    for _ in range(3):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.detach())
    moved = digest(p - start for p, start in zip(model.parameters(), before))
    return torch.stack(losses), moved


def main():
    torch.set_num_threads(1)
    x, other = numbers(1000), numbers(1001)
    y = torch.arange(BATCH) % CLASSES
    out = {}

    model = fresh()
    loss = F.cross_entropy(model(x), y, label_smoothing=0.1)
    out["smoothed.loss"], out["smoothed.gradient"] = loss, gradient(model, loss)

    for power, weight in [(2, 0.5), (1, 0.01)]:
        model = fresh()
        natural, penalty = steepness(model, x, y, power)
        loss = natural + weight * penalty
        name = f"grad_norm.l{power}"
        out[f"{name}.loss"], out[f"{name}.gradient"] = loss, gradient(model, loss)

    noise = 0.1 * (numbers(2000) - 0.5)
    for norm, eps, step_size in [("linf", 0.06, 0.02), ("l2", 0.5, 1 / 3)]:
        model, name = fresh(), f"trades.{norm}"
        found, loss = trades(model, x, y, norm, noise, eps, 3, step_size, 6.0)
        out[f"{name}.images"], out[f"{name}.loss"] = found, loss
        out[f"{name}.gradient"] = gradient(model, loss)

    for norm, eps, step_size in [("linf", 0.03, 0.02), ("l2", 0.4, 0.3)]:
        model = fresh()
        before = [p.detach().clone() for p in model.parameters()]
        losses, noise = free(model, x, y, norm, eps, step_size, 2)
        out[f"free.{norm}.losses"], out[f"free.{norm}.noise"] = losses, noise
        moved = (p - start for p, start in zip(model.parameters(), before))
        out[f"free.{norm}.moved"] = digest(moved)

    model = fresh()
    natural = F.cross_entropy(model(x), y)
    second, penalty = steepness(model, other, y, 2)
    loss = 0.7 * natural + 0.3 * (second + 0.5 * penalty)
    out["mixed.loss"], out["mixed.gradient"] = loss, gradient(model, loss)
    out["mixed.running"] = digest(t for name, t in model.named().items() if "running" in name)

    model = fresh()
    sgd = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.MultiStepLR(sgd, milestones=[1, 2], gamma=0.5)
    out["sgd.losses"], out["sgd.moved"] = updates(model, x, y, sgd, schedule)
    model = fresh()
    adamw = torch.optim.AdamW(
        model.parameters(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adamw, T_max=3)
    out["adamw.losses"], out["adamw.moved"] = updates(model, x, y, adamw, schedule)

    out = {name: t.detach().float().contiguous().numpy() for name, t in out.items()}
    fixture.save(__file__, out, tolerance=1e-6, suffix=".safetensors")


if __name__ == "__main__":
    main()
