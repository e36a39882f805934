"""Cost of Fisher estimators in passes (one forward and backward pass over the same samples), one thread, CPU time.

python benchmarks/fisher.py [--samples 5000]. Libraries that are not installed are left out, and it says so.
"""

import argparse
import importlib.util
import resource
import time

import torch
from torch import nn

from numerics import autoencoder, mnist
from numerics.fisher import FisherOperator, diagonal


def cpu(function, repeats=5):
    """Least CPU time of some runs, in seconds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        function()
        best = min(best, time.process_time() - start)
    return best


def networks():
    deep = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10), nn.ReLU(), nn.Linear(10, 64), nn.ReLU(),
                         nn.Linear(64, 784), nn.Sigmoid())  # fmt: skip
    classifier = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10))
    return {
        "talk 784-20-784": (autoencoder.talk_network(), "gaussian"),
        "sigmoid 784-10-784": (autoencoder.sigmoid_network(), "gaussian"),
        "784-64-10-64-784": (deep, "gaussian"),
        "784-256-256-10": (classifier, "categorical"),
    }


def one_pass(network, x, labels):
    def run():
        out = network(x)
        loss = nn.functional.cross_entropy(out, labels) if out.shape[1] == 10 else nn.functional.mse_loss(out, x)
        loss.backward()

    return run


def backpack(network, x):
    """The exact GGN diagonal of BackPACK, for networks of a Gaussian likelihood."""
    from backpack import backpack as context
    from backpack import extend
    from backpack.extensions import DiagGGNExact

    model, loss = extend(network), extend(nn.MSELoss(reduction="sum"))
    with context(DiagGGNExact()):
        loss(model(x), x).backward()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000)
    torch.set_num_threads(1)
    x, labels = mnist.load().inputs(), torch.from_numpy(mnist.load().labels)
    samples = parser.parse_args().samples
    x, labels = x[:samples], labels[:samples]
    print(f"{'network':22}{'pass, s':>9}{'diagonal':>10}{'empirical':>11}{'product':>9}   in passes")
    for name, (network, likelihood) in networks().items():
        base = cpu(one_pass(network, x, labels))
        targets = labels if likelihood == "categorical" else x
        true = cpu(lambda n=network, k=likelihood: diagonal(n, x, likelihood=k))
        empirical = cpu(lambda n=network, k=likelihood, y=targets: diagonal(n, x, y, "empirical", k))
        operator = FisherOperator(network, x, likelihood=likelihood, keep_activations=True)
        vector = torch.randn(operator.size)
        product = cpu(lambda o=operator, v=vector: o @ v)
        print(f"{name:22}{base:9.4f}{true / base:10.2f}{empirical / base:11.2f}{product / base:9.2f}", flush=True)
        if importlib.util.find_spec("backpack") and likelihood == "gaussian":
            few = x[:50]
            theirs = cpu(lambda n=network, y=few: backpack(n, y), 1) / cpu(one_pass(network, few, labels[:50]))
            print(f"{'':22}BackPACK, exact GGN diagonal over 50 samples: {theirs:.0f} passes")
    absent = [n for n in ("backpack", "nngeometry", "asdfghjkl", "curvlinops") if importlib.util.find_spec(n) is None]
    if absent:
        print(f"not installed, so not measured: {', '.join(absent)}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB")


if __name__ == "__main__":
    main()
