"""Writes robustness.safetensors: PGD of the robustness library in f64, for src/attack/peers.rs.

Written after MadryLab/robustness (a954124), attacker.py and attack_steps.py: random starts from the
hash's numbers instead of draws, targets, and every iterate on the way. Network and images are those
of attacks.py.
"""

import torch
import torch.nn.functional as F

import fixture
from attacks import BATCH, Network, hashed, images

STEPS = 4


class Step:
    """attack_steps.py's L2Step and LinfStep."""

    def __init__(self, norm, origin, eps, step_size):
        self.norm, self.origin, self.eps, self.step_size = norm, origin, eps, step_size

    def random_perturb(self, x, noise):
        if self.norm == "linf":
            return torch.clamp(x + 2 * (noise - 0.5) * self.eps, 0, 1)
        # In the place of torch.randn_like.
        normal = noise - 0.5
        length = normal.view(x.shape[0], -1).norm(dim=1).view(-1, 1, 1, 1)
        return torch.clamp(x + self.eps * normal / (length + 1e-10), 0, 1)

    def step(self, x, g):
        if self.norm == "linf":
            return x + torch.sign(g) * self.step_size
        length = torch.norm(g.view(g.shape[0], -1), dim=1).view(-1, 1, 1, 1)
        return x + g / (length + 1e-10) * self.step_size

    def project(self, x):
        diff = x - self.origin
        if self.norm == "linf":
            diff = torch.clamp(diff, -self.eps, self.eps)
        else:
            diff = diff.renorm(p=2, dim=0, maxnorm=self.eps)
        return torch.clamp(self.origin + diff, 0, 1)


def attack(model, x, target, step, noise, targeted):
    """Attacker.forward: the iterates from the start on, and the best of them."""
    m = -1 if targeted else 1
    best_loss, best_x = None, None
    if noise is not None:
        x = step.random_perturb(x, noise)
    iterates = [x.clone()]

    def replace_best(loss, x):
        nonlocal best_loss, best_x
        if best_loss is None:
            best_x, best_loss = x.clone().detach(), loss.clone().detach()
            return
        replace = m * best_loss < m * loss
        best_x[replace] = x[replace].clone().detach()
        best_loss[replace] = loss[replace]

    for _ in range(STEPS):
        x = x.clone().detach().requires_grad_(True)
        losses = F.cross_entropy(model(torch.clamp(x, 0, 1)), target, reduction="none")
        (grad,) = torch.autograd.grad(m * torch.mean(losses), [x])
        with torch.no_grad():
            replace_best(losses.detach(), x)
            x = step.project(step.step(x, grad))
        iterates.append(x.clone())
    with torch.no_grad():
        replace_best(F.cross_entropy(model(torch.clamp(x, 0, 1)), target, reduction="none"), x)
    return torch.stack(iterates), best_x


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    model = Network().eval()
    x, y = images(BATCH, 2)
    # Two images suffice; with pixels at both ends of the range, where clamping bites.
    x, y = (1.5 * x[:2] - 0.25).clamp(0, 1), y[:2]
    # The class of the smallest logit.
    target = model(x).scatter(1, y[:, None], torch.inf).argmin(1)
    out = {"x": x, "y": y, "target": target}
    # Steps so long that the best iterate is not the last.
    for norm, eps, step_size in [("l2", 1.5, 1.2), ("linf", 0.06, 0.05)]:
        for targeted in [False, True]:
            for start, noise in [("none", None), ("random", hashed(5, tuple(x.shape)))]:
                step = Step(norm, x, eps, step_size)
                classes = target if targeted else y
                name = f"{norm}.{'targeted' if targeted else 'untargeted'}.{start}"
                iterates, best = attack(model, x, classes, step, noise, targeted)
                out[f"{name}.iterates"], out[f"{name}.best"] = iterates, best
    out = {name: t.detach().contiguous().numpy() for name, t in out.items()}
    fixture.save(__file__, out, tolerance=1e-9, suffix=".safetensors")


main()
