"""Writes architectures.safetensors and .json: what every network gives, for src/model/parity.rs.

The networks are torchvision's, and those for small images written out here. Weights, statistics
and pixels come from an integer hash of their names that both sides compute, so that only results
are stored. They are computed in float64 from float32 weights and rounded once; `--f32` shows how
far PyTorch's own float32 is from them, in two memory layouts.

A gradient jumps where a rectifier's input crosses 0 or two pixels of a pooling window tie, and one
unit that rounding moves across costs 1e-3 of the norm. So there are two sets of weights. The plain
ones give logits and features of evaluation mode, which have no jumps. The separated ones give
gradients and all of training mode: every BatchNorm puts its channels on levels that lie far from
the kinks (3 on, -6 off, 9 above ReLU6's bound), and convolutions are scaled so that evaluation mode
keeps them there.

    NAME.eval.logits, .features      plain; features are what the last linear layer reads
    NAME.MODE.gradient               separated, eval and train: every 13th value of the gradient of
                                     sum(logits * towards) in the pixels
    NAME.MODE.gradient_norm          of the whole gradient
    NAME.train.logits, .features     separated
    NAME.train.running.KEY           separated: the statistics of the first, middle and last
                                     BatchNorm after that one batch

The JSON holds parameters, and the multiply-adds of convolutions and linear layers for one image.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
import torchvision
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck

import fixture

CLASSES, SIZE, BATCH = 10, 64, 4
GRADIENT_STEP = 13
# One of a few names tried: with it no maximum of a pooling window is within rounding of a tie.
PIXELS = "pixels4"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class SmallResNet(nn.Module):
    """He et al. 2016, section 4.2, with projections: three stages of `blocks` basic blocks."""

    def __init__(self, blocks, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.stage(16, 16, blocks, 1)
        self.layer2 = self.stage(16, 32, blocks, 2)
        self.layer3 = self.stage(32, 64, blocks, 2)
        self.fc = nn.Linear(64, num_classes)

    @staticmethod
    def stage(inputs, planes, blocks, stride):
        downsample = None
        if stride != 1 or inputs != planes:
            projection = nn.Conv2d(inputs, planes, 1, stride, bias=False)
            downsample = nn.Sequential(projection, nn.BatchNorm2d(planes))
        rest = [BasicBlock(planes, planes) for _ in range(blocks - 1)]
        return nn.Sequential(BasicBlock(inputs, planes, stride, downsample), *rest)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class PreActivationBlock(nn.Module):
    """A projection reads the activated input, an identity the raw one."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        if stride != 1 or inputs != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(inputs, planes, 1, stride, bias=False))

    def forward(self, x):
        activated = F.relu(self.bn1(x))
        shortcut = self.shortcut(activated) if hasattr(self, "shortcut") else x
        return self.conv2(F.relu(self.bn2(self.conv1(activated)))) + shortcut


class PreActivation(nn.Module):
    """He et al. 2016 (identity mappings) and, without dropout, Zagoruyko and Komodakis 2016."""

    def __init__(self, stem, widths, blocks, num_classes):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 3, padding=1, bias=False)
        inputs = stem
        for stage, planes in enumerate(widths, 1):
            stack = []
            for block in range(blocks):
                stack.append(PreActivationBlock(inputs, planes, 2 if stage > 1 > block else 1))
                inputs = planes
            setattr(self, f"layer{stage}", nn.Sequential(*stack))
        self.stages = len(widths)
        self.bn = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, num_classes)

    def forward(self, x):
        x = self.conv1(x)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(F.relu(self.bn(x)).mean((2, 3)))


def wide_resnet50_4(num_classes):
    """The network of Salman et al. 2020: torchvision's wide_resnet50_2, twice as wide."""
    blocks = [3, 4, 6, 3]
    return torchvision.models.ResNet(
        Bottleneck, blocks, width_per_group=256, num_classes=num_classes
    )


WITHOUT_DROPOUT = {name: {"dropout": 0.0} for name in ["vgg16_bn", "mobilenet_v2", "mnasnet1_0"]}
TORCHVISION = """
    resnet18 resnet34 resnet50 resnet101 resnet152 wide_resnet50_2 resnext50_32x4d densenet161
    vgg16_bn mobilenet_v2 shufflenet_v2_x1_0 mnasnet1_0
""".split()


def torchvisions(name):
    options = {"weights": None, **WITHOUT_DROPOUT.get(name, {})}
    return lambda num_classes: torchvision.models.get_model(
        name, num_classes=num_classes, **options
    )


def small(blocks):
    return lambda num_classes: SmallResNet(blocks, num_classes)


# Trained on ImageNet: 1000 classes, 224 pixels.
LARGE = {name: torchvisions(name) for name in TORCHVISION} | {"wide_resnet50_4": wide_resnet50_4}
# Trained on CIFAR-10: 10 classes, 32 pixels.
SMALL = {f"resnet{6 * blocks + 2}": small(blocks) for blocks in [1, 3, 5, 9]} | {
    "wide_resnet28_10": lambda classes: PreActivation(16, [160, 320, 640], 4, classes),
    "preact_resnet18": lambda classes: PreActivation(64, [64, 128, 256, 512], 2, classes),
}


def uniform(name, shape):
    """float64 in [0,1) in 24 bits: SplitMix64 from the FNV-1a hash of the name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    z = np.arange(1, np.prod(shape, dtype=np.int64) + 1, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z += np.uint64(seed)
    for shift, factor in [(30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)]:
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return torch.from_numpy((z >> np.uint64(40)).astype(np.float64) / 2**24).view(shape)


def plain(name, shape):
    """The entry of a state, in float64."""
    u = uniform(name, shape)
    if len(shape) > 1:
        return (2 * u - 1) * ((6 if len(shape) == 4 else 3) / np.prod(shape[1:])) ** 0.5
    return 0.4 * (u - 0.5) if name.endswith(("bias", "running_mean")) else 0.5 + u


def separated(scale, on, spread):
    """Entries that keep `on` of 5 channels above 0 and the others below, `spread` around it."""

    def entry(name, shape):
        common = plain(name, shape)
        if len(shape) > 1:
            return scale * common
        if name.endswith("weight"):
            return spread * (common + 0.5)
        if name.endswith("bias"):
            channel = torch.arange(shape[0])
            level = torch.where(channel % 5 < on, 3.0, -6.0)
            return common + torch.where(channel % 25 == 0, 9.0, level).double()
        return common

    return entry


def separation(name):
    if name == "vgg16_bn":
        # Large weights, or the signal is lost in rounding before the last of the five poolings;
        # few channels that reach them.
        return separated(1.7, 1, 0.5)
    # Where no shortcut passes a stage, small weights would take the gradient below float32.
    chain = name in ["mobilenet_v2", "mnasnet1_0", "shufflenet_v2_x1_0"]
    return separated(0.25 if chain else 0.0625, 4, 0.375)


def filled(build, entry):
    net = build(CLASSES).requires_grad_(False)
    for name, tensor in net.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            tensor.copy_(entry(name, tensor.shape))
    return net


def last_linear(net):
    return [module for module in net.modules() if isinstance(module, nn.Linear)][-1]


def outcome(net, training):
    """What one batch gives in one mode; in training mode it moves the running statistics."""
    kind = next(net.parameters()).dtype
    features = []
    hook = last_linear(net).register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    x = uniform(PIXELS, (BATCH, 3, SIZE, SIZE)).to(kind).requires_grad_()
    mean, std = (torch.tensor(v, dtype=kind).view(3, 1, 1) for v in (MEAN, STD))
    logits = net.train(training)((x - mean) / std)
    hook.remove()
    towards = (2 * uniform("towards", logits.shape) - 1).to(kind)
    (gradient,) = torch.autograd.grad((logits * towards).sum(), x)
    found = {
        "logits": logits.detach(),
        "features": features[0].detach(),
        "gradient": gradient.flatten()[::GRADIENT_STEP],
        "gradient_norm": gradient.norm(),
    }
    if training:
        norms = [key for key, m in net.named_modules() if isinstance(m, nn.BatchNorm2d)]
        for norm in [norms[0], norms[len(norms) // 2], norms[-1]]:
            for part in ["running_mean", "running_var"]:
                found[f"running.{norm}.{part}"] = getattr(net.get_submodule(norm), part).clone()
    return found


def outcomes(name, build, cast):
    """What a network gives after `cast`."""
    plain_net = outcome(cast(filled(build, plain)), False)
    found = {f"eval.{key}": plain_net[key] for key in ["logits", "features"]}
    net = cast(filled(build, separation(name)))
    gradients = outcome(net, False)
    found |= {f"eval.{key}": gradients[key] for key in ["gradient", "gradient_norm"]}
    return found | {f"train.{key}": tensor for key, tensor in outcome(net, True).items()}


def size_of(build, classes, side):
    """Parameters, and multiply-adds of convolutions and linear layers for one image."""
    multiply_adds = 0

    def count(module, _, output):
        nonlocal multiply_adds
        multiply_adds += output.numel() * module.weight[0].numel()

    with torch.device("meta"):
        net = build(classes).eval()
        for module in net.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                module.register_forward_hook(count)
        net(torch.empty(1, 3, side, side))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    return {
        "classes": classes, "size": side, "parameters": parameters, "multiply_adds": multiply_adds
    }


def show_float32(name, build, exact):
    """The distance of PyTorch's float32 from float64, relative to the norm."""
    layouts = [
        outcomes(name, build, lambda net: net),
        outcomes(name, build, lambda net: net.to(memory_format=torch.channels_last)),
    ]
    parts = {}
    for key, expected in exact.items():
        group = ".".join(key.split(".")[:2])
        for found in layouts:
            distance = ((found[key].double() - expected).norm() / expected.norm()).item()
            parts[group] = max(parts.get(group, 0.0), distance)
    print(f"{name:18}", *(f"{key} {distance:.0e}" for key, distance in parts.items()), flush=True)


def main():
    tensors = {}
    for name, build in (LARGE | SMALL).items():
        found = outcomes(name, build, lambda net: net.double())
        for key, tensor in found.items():
            assert torch.isfinite(tensor).all(), (name, key)
            tensors[f"{name}.{key}"] = tensor.float().contiguous().numpy()
        if "--f32" in sys.argv:
            show_float32(name, build, found)
    sizes = {name: size_of(build, 1000, 224) for name, build in LARGE.items()}
    sizes |= {name: size_of(build, 10, 32) for name, build in SMALL.items()}
    fixture.save(__file__, sizes, tolerance=0.0, indent=1)
    fixture.save(__file__, tensors, tolerance=1e-5, suffix=".safetensors")


if __name__ == "__main__":
    main()
