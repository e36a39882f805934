import os
import socket
import subprocess
import sys

import torch

_SCRIPT = """
import datetime, sys, torch
from torch import nn
import numerics.fisher as nf
from numerics.fisher.distributed import shard
torch.set_num_threads(1)
rank = int(sys.argv[1])
torch.distributed.init_process_group("gloo", init_method=sys.argv[2], rank=rank, world_size=2,
                                     timeout=datetime.timedelta(seconds=60))
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 5)).double()
x = torch.randn(11, 6, dtype=torch.float64)  # 6 samples for one process, 5 for the other
v = torch.randn(sum(p.numel() for p in net.parameters()), dtype=torch.float64)
mine = shard(x)
assert len(mine) == (6 if rank == 0 else 5)
def results(x, distributed):
    d = nf.diagonal(net, x, likelihood="bernoulli", distributed=distributed)
    k = nf.kronecker(net, x, distributed=distributed)["2"]
    return [torch.cat([t.flatten() for t in d.values()]), nf.FisherOperator(net, x, distributed=distributed) @ v,
            nf.full(net, x, distributed=distributed).matrix, k.inputs, k.outputs,
            nf.unit_blocks(net, x, distributed=distributed)["0.weight"]]
alone, own, together = results(x, False), results(mine, False), results(mine, True)
for a, b, c in zip(alone, own, together):
    assert (a - c).abs().max() < 1e-13 * a.abs().max(), (a - c).abs().max()
    assert (a - b).abs().max() > 1e-3 * a.abs().max()  # a share alone gives something else
print("agreed", rank)
torch.distributed.destroy_process_group()
"""


def test_two_processes_give_the_numbers_of_one(tmp_path):
    assert torch.distributed.is_available()
    script = tmp_path / "two.py"
    script.write_text(_SCRIPT)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{s.getsockname()[1]}"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(rank), address],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for rank in range(2)
    ]  # fmt: skip
    try:
        for rank, process in enumerate(processes):
            out, err = process.communicate(timeout=120)
            assert process.returncode == 0, err[-2000:]
            assert f"agreed {rank}" in out
    finally:
        for process in processes:
            process.kill()
