"""The pruning experiment over seeds: test error relative to the unpruned network, mean and standard error.

python benchmarks/pruning.py [--seeds 5] [--write]. About a minute of computing for each seed and network, one thread;
what a seed gave is kept in the cache, so an interrupted run goes on. `--write` keeps the tables for
`numerics.pruning.five_seeds`.
"""

import argparse
import time

import torch

from numerics import mnist
from numerics.pruning import experiment
from numerics.pruning.five_seeds import as_markdown, write


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    tables = {}
    for setting in ("talk", "sigmoid"):
        last = [time.process_time()]

        def tell(done, total, text, last=last):
            now = time.process_time()
            print(f"{text}: {now - last[0]:.0f} s", flush=True)
            last[0] = now

        tables[setting] = experiment(
            mnist.load(), setting, seeds=range(given.seeds), store=mnist.cache_folder() / "pruning", progress=tell
        )
        unpruned = tables[setting].unpruned
        print(f"{setting}: unpruned test error {float(unpruned.mean()):.4f} (mean over {given.seeds} seeds)")
        print(as_markdown(tables[setting]))
    if given.write:
        write(tables)


if __name__ == "__main__":
    main()
