"""Writes attacks.safetensors: attacks of other libraries in f64, for src/attack/peers.rs.

The network is smooth (tanh), so that no rounding flips the sign of a gradient; its weights and the
images come from an integer hash that both sides compute. foolbox 3.3.4 and torchattacks 3.5.1 do
the attacking; where they draw, they are given the hash's numbers. APGD in l1, which neither has, is
written after fra31/auto-attack autopgd_base.py.
"""

import math

import eagerpy as ep
import foolbox
import numpy as np
import torch
import torch.nn.functional as F
import torchattacks

import fixture

CHANNELS, SIZE, CLASSES, BATCH = 3, 8, 5, 6


def hashed(index, shape):
    """Numbers in [0,1) that depend on `index` only."""
    count = int(np.prod(shape))
    z = np.arange(1, count + 1, dtype=np.uint64) + np.uint64(index * 1_000_003)
    z = z * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    u = (z >> np.uint64(40)).astype(np.float64) / float(1 << 24)
    return torch.from_numpy(u).reshape(shape)


class Network(torch.nn.Module):
    """Two linear maps around a tanh."""

    def __init__(self, dtype=torch.float64):
        super().__init__()
        pixels = CHANNELS * SIZE * SIZE
        self.first = torch.nn.Parameter(((hashed(0, (pixels, 16)) - 0.5) * 0.5).to(dtype))
        self.last = torch.nn.Parameter(((hashed(1, (16, CLASSES)) - 0.5) * 4).to(dtype))

    def forward(self, x):
        return torch.tanh((x - 0.5).flatten(1) @ self.first) @ self.last


def images(count, index):
    """Pixels away from the ends of the range, and the classes they are in."""
    x = 0.1 + 0.8 * hashed(index, (count, CHANNELS, SIZE, SIZE))
    return x, Network()(x).argmax(1).detach()


def given(start, run):
    """What `run` gives where torch.rand and torch.randn give `start`."""
    rand, randn = torch.rand, torch.randn
    try:
        torch.rand = torch.randn = lambda *_, **__: start.clone()
        return run()
    finally:
        torch.rand, torch.randn = rand, randn


def l1_projection(x, y, eps):
    """The nearest point to x + y of the L1 ball around x and [0,1], by bisection."""
    low, high = torch.zeros(len(x), 1, 1, 1), y.abs().amax((1, 2, 3), keepdim=True)
    room = torch.where(y > 0, 1 - x, x)

    def shrunk(level):
        return torch.minimum((y.abs() - level).clamp(min=0), room)

    inside = shrunk(low).sum((1, 2, 3), keepdim=True) <= eps
    for _ in range(200):
        middle = (low + high) / 2
        above = shrunk(middle).sum((1, 2, 3), keepdim=True) > eps
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return x + y.sign() * shrunk(torch.where(inside, torch.zeros_like(high), high))


class SparseDescent(foolbox.attacks.SparseL1DescentAttack):
    """With the nearest point: foolbox 3.3.4 counts one pixel too many and ends outside the ball."""

    def project(self, x, x0, epsilon):
        return ep.astensor(l1_projection(x0.raw, (x - x0).raw, epsilon))


def apgd_l1(model, x, y, start, eps, steps):
    def l0(delta):
        return (delta != 0).flatten(1).sum(1).double()

    def gradient(z):
        z = z.detach().requires_grad_()
        losses = F.cross_entropy(model(z), y, reduction="none")
        return losses.detach(), torch.autograd.grad(losses.sum(), z)[0]

    pixels = x[0].numel()
    every = max(int(0.04 * steps), 1)
    z, topk = start, torch.full((len(x),), 0.2)
    old = torch.full((len(x),), float(pixels))
    best_loss, grad = gradient(z)
    best, best_grad = z.clone(), grad.clone()
    length = torch.full((len(x), 1, 1, 1), eps)
    since = 0
    for _ in range(steps):
        size = grad.abs().flatten(1).sort(1)[0]
        place = ((1 - topk) * pixels).clamp(0, pixels - 1).long()
        bound = size.gather(1, place[:, None]).view(-1, 1, 1, 1)
        signs = (grad * (grad.abs() >= bound)).sign()
        unit = signs / (signs.abs().sum((1, 2, 3), keepdim=True) + 1e-10)
        z = l1_projection(x, z + length * unit - x, eps)
        loss, grad = gradient(z)
        up = loss > best_loss
        best[up], best_grad[up], best_loss[up] = z[up], grad[up], loss[up]
        since += 1
        if since == every:
            now = l0(best - x)
            sparser = now / old < 0.95
            topk = now / pixels / 1.5
            length[sparser] = eps
            length[~sparser] /= 1.5
            length.clamp_(eps / 10, eps)
            old = now
            z, grad = z.clone(), grad.clone()
            z[sparser], grad[sparser] = best[sparser], best_grad[sparser]
            since = 0
    return best, best_loss


def apgd_l1_shrinking(model, x, y, z, eps, steps):
    part = math.ceil(0.3 * steps)
    for times, count in [(3, part), (2, part), (1, steps - 2 * part)]:
        z = l1_projection(x, z - x, times * eps)
        z, losses = apgd_l1(model, x, y, z, times * eps, count)
    return z, losses


def main():
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    model = Network().eval()
    x, y = images(BATCH, 2)
    out = {"logits": model(x).detach(), "y": y}

    # Steps with projection, from the image.
    out["fgsm.linf"] = torchattacks.FGSM(model, eps=0.03)(x, y)
    for norm, eps, step in [("linf", 0.03, 0.01), ("l2", 0.4, 0.15)]:
        attack = {"linf": torchattacks.PGD, "l2": torchattacks.PGDL2}[norm]
        attack = attack(model, eps=eps, alpha=step, steps=7, random_start=False)
        out[f"pgd.{norm}"] = attack(x, y)
    victim = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")

    def fooled(attack, **options):
        return attack.run(victim, x, foolbox.criteria.Misclassification(y), **options)

    sparse = SparseDescent(abs_stepsize=0.3, steps=4, random_start=False)
    out["pgd.l1"] = sparse.run(victim, x, foolbox.criteria.Misclassification(y), epsilon=0.8)

    # Auto-PGD, each run from the same start.
    noise = hashed(3, tuple(x.shape))
    for norm, eps in [("Linf", 0.02), ("L2", 0.2)]:
        for loss in ["ce", "dlr"]:
            attack = torchattacks.APGD(model, norm=norm, eps=eps, steps=50, loss=loss)
            best, _, losses, _ = given(noise, lambda a=attack: a.attack_single_run(x, y))
            out[f"apgd.{norm}.{loss}"], out[f"apgd.{norm}.{loss}.losses"] = best.detach(), losses
        attack = torchattacks.APGDT(model, norm=norm, eps=eps, steps=50, n_classes=CLASSES)
        attack.target_class = 3
        # One image at a time: in l2 it gives the whole batch the first image's step.
        runs = [
            given(noise[i : i + 1], lambda a=attack: a.attack_single_run(x[i : i + 1], y[i : i + 1]))
            for i in range(BATCH)
        ]
        out[f"apgd.{norm}.target"] = torch.cat([run[0] for run in runs])
        out[f"apgd.{norm}.target.losses"] = torch.cat([run[2] for run in runs])
    start = l1_projection(x, noise - 0.5, 2.0)
    out["apgd.L1.start"] = start
    out["apgd.L1.ce"], out["apgd.L1.ce.losses"] = apgd_l1(model, x, y, start, 2.0, 50)

    # At this radius no two pixels tie in a projection, where rounding would choose between them.
    found = apgd_l1_shrinking(model, x, y, x + noise - 0.5, 3.0, 50)
    out["apgd.L1.shrink"], out["apgd.L1.shrink.losses"] = found

    # Nearest adversarial images.
    for norm, attack in [
        ("l2", foolbox.attacks.L2DeepFoolAttack(steps=50)),
        ("linf", foolbox.attacks.LinfDeepFoolAttack(steps=50)),
    ]:
        out[f"deepfool.{norm}"] = fooled(attack)
    # A constant that f32, in which foolbox keeps it, holds exactly.
    attack = foolbox.attacks.L2CarliniWagnerAttack(
        binary_search_steps=4, steps=60, initial_const=2.0**-6, abort_early=False
    )
    out["carlini_wagner"] = fooled(attack)

    # torchattacks' FAB computes in f32: distances only.
    torch.set_default_dtype(torch.float32)
    single = Network(torch.float32).eval()
    for norm in ["Linf", "L2", "L1"]:
        attack = torchattacks.FAB(single, norm=norm, eps=1e3, steps=50, n_classes=CLASSES)
        attack.multi_targeted = True
        attack.target_class = 2
        found = attack.attack_single_run_targeted(x.float(), y)
        attack.multi_targeted = False
        order = {"Linf": np.inf, "L2": 2, "L1": 1}[norm]
        for name, found in [("", found), (".nearest", attack.attack_single_run(x.float(), y))]:
            delta = (found - x.float()).flatten(1)
            out[f"fab.{norm}{name}"] = torch.linalg.vector_norm(delta, order, 1)

    # Random search by how many of 64 images it fools.
    x, y = images(64, 4)
    x, y = x.float(), y
    for norm, eps in [("Linf", 0.02), ("L2", 0.25)]:
        shares = []
        for seed in range(10):
            attack = torchattacks.Square(
                single, norm=norm, eps=eps, n_queries=300, seed=seed, loss="margin", resc_schedule=False
            )
            shares.append((single(attack(x, y)).argmax(1) != y).double().mean())
        out[f"square.{norm}"] = torch.stack(shares)
    out = {name: t.detach().contiguous().numpy() for name, t in out.items()}
    fixture.save(__file__, out, tolerance=1e-6, suffix=".safetensors")


if __name__ == "__main__":
    main()
