"""Compares rtscript with PyTorch in alternation: speed and peak memory.

Usage: compare.py [CONFIG...] [--task step|evaluate|features] [--precision f32|bf16] [--peer eager|autocast]
[--rounds N] [--threads N]. A CONFIG is cifar, tiny, imagenet or small, with its batch size or
another one (cifar:16). Cargo builds our side. Both sides stay alive, so that start-up does not count;
the first round warms up and is left out.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys


CONFIGS = {
    "step": ["cifar", "tiny", "imagenet"],
    "evaluate": ["tiny", "imagenet"],
    "features": ["imagenet:64"],
}


class Side:
    """A process that does the task once per line."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.walls, self.cpus, self.peak = [], [], 0

    def step(self, count):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        wall, cpu, _, self.peak = map(float, self.process.stdout.readline().split())
        if count:
            self.walls.append(wall)
            self.cpus.append(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def built():
    """The path of our side, built by cargo."""
    command = ["cargo", "build", "--locked", "--release", "--bench", "pgd"]
    output = subprocess.run(
        [*command, "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    artifacts = map(json.loads, output.splitlines())
    return next(a["executable"] for a in artifacts if a.get("target", {}).get("name") == "pgd")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("configs", nargs="*")
    parser.add_argument("--task", choices=list(CONFIGS), default="step")
    parser.add_argument("--precision", choices=["f32", "bf16"], default="f32")
    parser.add_argument("--peer", choices=["eager", "autocast"], default="eager")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    peer_script = str(pathlib.Path(__file__).with_name("pgd.py"))
    program = built()
    print(f"{options.task}: ours in {options.precision}, peer {options.peer}")
    print("config       peer s  ours s  wall ratio [min, max]   cpu ratio   peer MiB  ours MiB  ours/peer")
    for config in options.configs or CONFIGS[options.task]:
        threads = str(options.threads)
        peer = Side([sys.executable, peer_script, options.task, config, options.peer, threads])
        ours = Side([program, options.task, config, options.precision, threads])
        for round_ in range(options.rounds + 1):
            peer.step(round_ > 0)
            ours.step(round_ > 0)
        peer.close()
        ours.close()
        ratios = [p / o for p, o in zip(peer.walls, ours.walls)]
        cpu_ratios = [p / o for p, o in zip(peer.cpus, ours.cpus)]
        median = statistics.median
        print(
            f"{config:11}  {median(peer.walls):6.3f}  {median(ours.walls):6.3f}"
            f"  {median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]      "
            f"  {median(cpu_ratios):9.2f}  {peer.peak:9.0f} {ours.peak:9.0f}  {ours.peak / peer.peak:9.2f}",
            flush=True,
        )


main()
