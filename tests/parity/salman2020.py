"""Writes salman2020.safetensors: the released code's transfer updates in PyTorch, in f64.

Network, state and images are those of resnet8.py without its normaliser, as the code gives pixels to
networks on ten of its twelve data sets. The steps are those of MadryLab/robustness train.py under
microsoft/robust-models-transfer main.py: model.train() in both modes, SGD on what is not frozen,
StepLR by epoch; of batches that both sides take from the same hash.
"""

import torch
import torch.nn.functional as F

import fixture
import resnet8
from objectives import digest, numbers

# A larger lr than the paper's: at 0.01 weights move so little that f32 rounds a step to 1.7e-5 of it,
# PyTorch's own as well; at 0.1 to 2e-6.
EPOCHS, BATCHES, LR = 3, 2, 0.1


class Network(resnet8.Network):
    def forward(self, x):
        return self.net(x)


def transferred(freeze):
    model = Network()
    model.fill()
    model = model.double()
    if freeze:
        for name, parameter in model.net.named_parameters():
            parameter.requires_grad = name.startswith("fc")
    update = [p for p in model.parameters() if p.requires_grad]
    before = [p.detach().clone() for p in update]
    sgd = torch.optim.SGD(update, LR, momentum=0.9, weight_decay=5e-4)
    schedule = torch.optim.lr_scheduler.StepLR(sgd, step_size=EPOCHS // 3, gamma=0.1)
    y = torch.arange(resnet8.BATCH) % resnet8.CLASSES
    losses = []
    for _ in range(EPOCHS):
        model.train()
        for batch in range(BATCHES):
            loss = F.cross_entropy(model(numbers(1000 + batch)), y)
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            losses.append(loss.detach())
        schedule.step()
    model.eval()
    with torch.no_grad():
        logits = model(numbers(1002))
    running = {name: t for name, t in model.named().items() if "running" in name}
    return {
        "losses": torch.stack(losses),
        "moved": digest(p - start for p, start in zip(update, before)),
        "running": digest(running.values()),
        "logits": logits,
    }


def main():
    torch.set_num_threads(1)
    out = {}
    for mode, freeze in [("fixed_feature", True), ("full_network", False)]:
        for name, tensor in transferred(freeze).items():
            out[f"{mode}.{name}"] = tensor.detach().float().contiguous().numpy()
    fixture.save(__file__, out, tolerance=1e-6, suffix=".safetensors")


main()
