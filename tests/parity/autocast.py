"""Writes autocast.json: how far PyTorch's bf16 autocast is from its own float32.

The networks, weights and pixels are those of architectures.py. Of each network: the distance of the
logits, relative to their norm, in evaluation and in training mode with the separated weights, and
1 - cosine of the gradients in the pixels in evaluation mode with the plain ones. src/model/parity.rs
asks that bf16 here is no further from f32.
"""

import torch
import torch.nn.functional as F

import architectures
import fixture


def outcome(net, training, enabled):
    """Logits, and the gradient of sum(logits * towards) in the pixels."""
    shape = (architectures.BATCH, 3, architectures.SIZE, architectures.SIZE)
    x = architectures.uniform(architectures.PIXELS, shape).float().requires_grad_()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (architectures.MEAN, architectures.STD))
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits = net.train(training)((x - mean) / std).float()
    towards = (2 * architectures.uniform("towards", logits.shape) - 1).float()
    (gradient,) = torch.autograd.grad((logits * towards).sum(), x)
    return logits.detach(), gradient.flatten()


def both(build, entry, training):
    """The outcomes in float32 and in bf16; training mode moves statistics, so of two networks."""
    return [outcome(architectures.filled(build, entry).float(), training, on) for on in (False, True)]


def relative(pair):
    exact, found = pair
    return float((found - exact).norm() / exact.norm())


def distances(name, build):
    separated = architectures.separation(name)
    logits = {
        mode: relative([logits for logits, _ in both(build, separated, mode == "train")])
        for mode in ("eval", "train")
    }
    gradients = [gradient for _, gradient in both(build, architectures.plain, False)]
    found = {
        "eval_logits": logits["eval"],
        "train_logits": logits["train"],
        "eval_gradient": 1 - float(F.cosine_similarity(*gradients, dim=0)),
    }
    return {key: float(f"{value:.3g}") for key, value in found.items()}


if __name__ == "__main__":
    networks = architectures.LARGE | architectures.SMALL
    content = {name: distances(name, build) for name, build in networks.items()}
    # Rounding differs between processors.
    fixture.save(__file__, content, tolerance=0.5, indent=1)
