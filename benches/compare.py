"""Compares one adversarial training step of rtscript with the peer's, in alternation.

Usage: compare.py [CONFIG...] [--rounds N] [--threads N]; a CONFIG is cifar, imagenet or small, with
its batch size or another one (cifar:16). Cargo builds our side. Both sides stay alive, so that
start-up does not count; the first round warms up and is left out.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys


class Side:
    """A process that does one step per line."""

    def __init__(self, command):
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.walls, self.cpus = [], []

    def step(self, count):
        self.process.stdin.write("step\n")
        self.process.stdin.flush()
        wall, cpu, _ = map(float, self.process.stdout.readline().split())
        if count:
            self.walls.append(wall)
            self.cpus.append(cpu)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def built():
    """The path of our side, built by cargo."""
    command = ["cargo", "build", "--locked", "--release", "--bench", "pgd_step"]
    output = subprocess.run(
        [*command, "--message-format=json"], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    artifacts = map(json.loads, output.splitlines())
    return next(a["executable"] for a in artifacts if a.get("target", {}).get("name") == "pgd_step")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("configs", nargs="*", default=["cifar", "imagenet"])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    peer_script = str(pathlib.Path(__file__).with_name("pgd_step.py"))
    program = built()
    print("config       peer s  ours s  wall ratio [min, max]   peer cpu  ours cpu  cpu ratio")
    for config in options.configs:
        rest = [config, str(options.threads)]
        peer = Side([sys.executable, peer_script, *rest])
        ours = Side([program, *rest])
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
            f"  {median(peer.cpus):8.3f}  {median(ours.cpus):8.3f}  {median(cpu_ratios):.2f}",
            flush=True,
        )


main()
