"""Cost of Fisher estimators in passes (one forward and backward pass over the same samples), one thread, CPU time.

python benchmarks/fisher.py [--samples 5000]. What is compared runs in turns, and the least time of each counts.
BackPACK, nngeometry, asdfghjkl and curvlinops are measured where they are installed (`make bench` sees to it), over few
samples, since they take hundreds of passes; time a sample is what is compared, and their answers are held against ours.
"""

import argparse
import copy
import importlib.util
import resource
import time

import torch
from torch import nn

from numerics import autoencoder, mnist
from numerics.fisher import FisherOperator, diagonal


def cpu(repeats, **functions):
    """Least CPU time of each function over some runs, taken in turns so that a busy machine treats them alike."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(repeats):
        for name, function in functions.items():
            start = time.process_time()
            function()
            best[name] = min(best[name], time.process_time() - start)
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


def one_pass(network, x, targets):
    def run():
        out = network(x)
        classes = not targets.is_floating_point()
        loss = nn.functional.cross_entropy(out, targets) if classes else nn.functional.mse_loss(out, targets)
        loss.backward()

    return run


PEERS = {
    "true diagonal": {"BackPACK": "backpack_exact", "nngeometry": "nngeometry_exact", "asdfghjkl": "asdfghjkl_exact"},
    "empirical diagonal": {"BackPACK": "backpack_empirical"},
    "product": {"curvlinops": "curvlinops_product"},
}
MODULES = {"BackPACK": "backpack", "nngeometry": "nngeometry", "asdfghjkl": "asdl", "curvlinops": "curvlinops"}


def peak(function):
    """Peak memory of one call above what was held before, in MiB; the call runs in a child process."""
    import os

    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        function()
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        os.write(write, str((after - before) / 2**10).encode())
        os._exit(0)
    os.close(write)
    text = os.read(read, 64).decode()
    os.close(read)
    os.waitpid(child, 0)
    return float(text or "nan")


def beside(network, x, targets, likelihood, spent, few):
    """The other libraries over a few samples: passes a sample, memory, and how far their answers are off ours."""
    import fisher_peers as peers

    vector = torch.randn(sum(p.numel() for p in network.parameters()))
    base = spent["one"] / len(x)
    y, z = x[:few], targets[:few]
    ours = {
        "true diagonal": diagonal(network, y, likelihood=likelihood),
        "empirical diagonal": diagonal(network, y, z, "empirical", likelihood),
        "product": {"": FisherOperator(network, y, likelihood=likelihood) @ vector},
    }
    for what, libraries in PEERS.items():
        for name, function in libraries.items():
            if importlib.util.find_spec(MODULES[name]) is None:
                continue
            more = (vector,) if what == "product" else ()
            call, copied = getattr(peers, function), copy.deepcopy(network)
            call(copied, x[:2], targets[:2], likelihood, *more)  # so that imports and first calls are not counted
            memory = peak(lambda c=call, n=copied, m=more: c(n, y, z, likelihood, *m))
            start = time.process_time()
            found = call(copied, y, z, likelihood, *more)
            taken = (time.process_time() - start) / few
            found = {"": found / few} if what == "product" else {n: v / few for n, v in found.items()}
            off = max(float((found[n] - v).abs().max() / v.abs().max()) for n, v in ours[what].items())
            times = taken * len(x) / spent[what]
            print(
                f"    {name:11}{what:19}{taken / base:9.1f} passes, {times:7.0f} times ours, {memory:5.0f} MiB over "
                f"{few} samples, differs by {off:.0e}",
                flush=True,
            )


def scaling(samples):
    """The true diagonal against samples, width and depth: passes, seconds, and memory."""
    x = mnist.load().inputs()
    print("scaling of the true diagonal of 784-w-...-w-784: passes (seconds; peak MiB)")
    for what, cases in {
        "samples": [(n, 20, 1) for n in (samples // 4, samples // 2, samples)],
        "width": [(samples // 2, w, 1) for w in (10, 40, 160)],
        "depth": [(samples // 2, 32, d) for d in (1, 2, 4)],
    }.items():
        cells = []
        for count, width, depth in cases:
            inner = [m for _ in range(depth - 1) for m in (nn.Linear(width, width), nn.ReLU())]
            network = nn.Sequential(nn.Linear(784, width), nn.ReLU(), *inner, nn.Linear(width, 784), nn.ReLU())
            y, sizes = x[:count], {"samples": count, "width": width, "depth": depth}
            spent = cpu(5, one=one_pass(network, y, y), diagonal=lambda n=network, z=y: diagonal(n, z))
            memory = peak(lambda n=network, z=y: diagonal(n, z))
            passes = spent["diagonal"] / spent["one"]
            cells.append(f"{sizes[what]}: {passes:.2f} ({spent['diagonal']:.3f}; {memory:.0f})")
        print(f"    {what:9}" + "   ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--few", type=int, default=20, help="samples for the other libraries, which are slow")
    parser.add_argument("--no-scaling", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    digits = mnist.load()
    x, labels = digits.inputs()[: given.samples], torch.from_numpy(digits.labels)[: given.samples]
    print(
        f"{'network':22}{'pass, s':>9}{'true':>7}{'empirical':>11}{'product':>9}   in passes; peak MiB of the true one"
    )
    for name, (network, likelihood) in networks().items():
        targets = labels if likelihood == "categorical" else x
        operator = FisherOperator(network, x, likelihood=likelihood, keep_activations=True)
        vector = torch.randn(operator.size)
        work = {
            "one": one_pass(network, x, targets),
            "true diagonal": lambda n=network, k=likelihood: diagonal(n, x, likelihood=k),
            "empirical diagonal": lambda n=network, k=likelihood, y=targets: diagonal(n, x, y, "empirical", k),
            "product": lambda o=operator, v=vector: o @ v,
        }
        spent = cpu(given.repeats, **work)
        true, empirical, product = (spent[k] / spent["one"] for k in list(work)[1:])
        memory = peak(work["true diagonal"])
        print(f"{name:22}{spent['one']:9.4f}{true:7.2f}{empirical:11.2f}{product:9.2f}{memory:8.0f}", flush=True)
        beside(network, x, targets, likelihood, spent, given.few)
    if not given.no_scaling:
        scaling(given.samples)
    absent = [n for n, module in MODULES.items() if importlib.util.find_spec(module) is None]
    if absent:
        print(f"not installed, so not measured: {', '.join(absent)} (`make bench` installs and measures them)")
    print(f"peak memory of the run {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10:.0f} MiB")


if __name__ == "__main__":
    main()
