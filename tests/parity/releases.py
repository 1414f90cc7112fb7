"""A small residual network in the layouts in which robust networks are published.

`checkpoints.py` saves them, and benches/load.py a large one. The dictionaries are those of
MadryLab/robustness (a954124), locuslab/smoothing and timm's CheckpointSaver.
"""

import argparse
import copy

import dill
import torch
import torchvision
from torch import nn


class ResNet(nn.Module):
    """torchvision's residual network with three stages of one block, of 4, 8 and 16 channels."""

    def __init__(self):
        super().__init__()
        maker = torchvision.models.ResNet(torchvision.models.resnet.BasicBlock, [1, 1, 1, 1])
        maker.inplanes = 4
        block = torchvision.models.resnet.BasicBlock
        self.conv1 = nn.Conv2d(3, 4, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.layer1 = maker._make_layer(block, 4, 1)
        self.layer2 = maker._make_layer(block, 8, 1, stride=2)
        self.layer3 = maker._make_layer(block, 16, 1, stride=2)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.fc(x.mean((2, 3)))


class InputNormalize(nn.Module):
    """robustness/helpers.py."""

    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("new_mean", mean[..., None, None])
        self.register_buffer("new_std", std[..., None, None])

    def forward(self, x):
        return (torch.clamp(x, 0, 1) - self.new_mean) / self.new_std


class NormalizeLayer(nn.Module):
    """smoothing/code/datasets.py: mean and deviation are no buffers, so that no file has them."""

    def __init__(self, means, sds):
        super().__init__()
        self.means, self.sds = torch.tensor(means), torch.tensor(sds)

    def forward(self, x):
        return (x - self.means[:, None, None]) / self.sds[:, None, None]


class Attacker(nn.Module):
    def __init__(self, model, normalize):
        super().__init__()
        self.normalize, self.model = normalize, model


class AttackerModel(nn.Module):
    """robustness/attacker.py: all of the network is listed twice."""

    def __init__(self, model, mean, std):
        super().__init__()
        self.normalizer = InputNormalize(mean, std)
        self.model = model
        self.attacker = Attacker(model, InputNormalize(mean, std))

    def forward(self, x):
        return self.model(self.normalizer(x))


def trained(net):
    """The network, its optimizer and its schedule after their first step."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            module.num_batches_tracked.fill_(77)
    optimizer = torch.optim.SGD(net.parameters(), 0.1, 0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=50)
    for parameter in net.parameters():
        parameter.grad = torch.randn_like(parameter) * 0.01
    optimizer.step(), schedule.step()
    return net.eval(), optimizer, schedule


def parallel(net):
    """The network as it was on one GPU."""
    wrapped = nn.DataParallel(net)
    wrapped.module = net.cpu()
    return wrapped


def robustness(save, net, optimizer, schedule):
    mean, std = torch.tensor([0.4914, 0.4822, 0.4465]), torch.tensor([0.2023, 0.1994, 0.2010])
    model = parallel(AttackerModel(net, mean, std)).eval()
    content = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "epoch": 150,
        "amp": None,
        "nat_prec1": torch.tensor(57.25),
    }
    save("robustness.pt", content, legacy=True, pickle_module=dill)
    return model.module


def smoothing(save, net, optimizer):
    normalize = NormalizeLayer([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    model = nn.Sequential(normalize, parallel(net)).eval()
    content = {
        "epoch": 90,
        "arch": "cifar_resnet8",
        "state_dict": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    save("smoothing.pth.tar", content, legacy=True)
    return nn.Sequential(normalize, net)


def timm(save, net, optimizer):
    """timm normalises outside of the network, here by 0.5 and 0.25."""
    averaged = copy.deepcopy(net)
    for parameter in averaged.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    content = {
        "epoch": 299,
        "arch": "resnet8",
        "state_dict": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "version": 2,
        "args": argparse.Namespace(model="resnet8", lr=0.1, mean=None, model_ema=True),
        "amp_scaler": torch.amp.GradScaler("cpu").state_dict(),
        "state_dict_ema": averaged.state_dict(),
        "metric": 76.5,
    }
    save("timm.pth.tar", content)
    return nn.Sequential(NormalizeLayer([0.5] * 3, [0.25] * 3), averaged)


@torch.no_grad()
def save_all(save):
    """Saves a file per layout; the images and each network's logits."""
    with torch.enable_grad():
        net, optimizer, schedule = trained(ResNet())
    models = {"robustness": robustness(save, net, optimizer, schedule)}
    results = {"images": torch.rand(4, 3, 16, 16)}
    models["smoothing"] = smoothing(save, net, optimizer)
    models["timm"] = timm(save, net, optimizer)
    for name, model in models.items():
        results[f"{name}.logits"] = model(results["images"])
    return results
