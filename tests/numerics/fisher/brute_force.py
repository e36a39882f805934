"""Brute-force references: one Jacobian row at a time, by autograd, in float64. Nothing of ours is used."""

import torch
from torch import nn


def output_metric(f, likelihood, variance=1.0):
    m = len(f)
    if likelihood == "gaussian":
        return torch.eye(m, dtype=f.dtype) / variance
    if likelihood == "bernoulli":
        q = 1 / (1 + torch.exp(-f))
        return torch.diag(q * (1 - q))
    q = torch.exp(f) / torch.exp(f).sum()
    return torch.diag(q) - torch.outer(q, q)


def full_metric(network, inputs, likelihood, variance=1.0):
    """J^T H J, mean over samples, in the network's order of parameters."""
    parameters = list(network.parameters())
    total = torch.zeros(sum(p.numel() for p in parameters), sum(p.numel() for p in parameters), dtype=torch.float64)
    for x in inputs:
        f = network(x[None]).flatten()
        rows = []
        for k in range(len(f)):
            grads = torch.autograd.grad(f[k], parameters, retain_graph=True, allow_unused=True)
            rows.append(
                torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for g, p in zip(grads, parameters)])
            )
        j = torch.stack(rows)
        total += j.T @ output_metric(f.detach(), likelihood, variance) @ j / len(inputs)
    return total


def by_name(network, vector):
    sizes = [p.numel() for p in network.parameters()]
    return {n: v.reshape(p.shape) for (n, p), v in zip(network.named_parameters(), vector.split(sizes))}


def largest_relative_difference(found, wanted):
    return max(float((found[n] - wanted[n]).abs().max() / wanted[n].abs().max().clamp(min=1e-300)) for n in wanted)


class Convolutional(nn.Module):
    """A forward method of its own, with views and functions, to be traced."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(2, 4, 3, padding=1, stride=2)
        self.norm = nn.BatchNorm2d(4)
        self.pool = nn.MaxPool2d(2)
        self.hidden = nn.Linear(16, 5)
        self.layer_norm = nn.LayerNorm(5)
        self.out = nn.Linear(5, 3)

    def forward(self, x):
        x = self.pool(torch.relu(self.norm(self.convolution(x))))
        x = self.layer_norm(self.hidden(x.view(x.size(0), -1)))
        return self.out(torch.tanh(x))


class Residual(nn.Module):
    """Skip connections, one of them in place, a scale and a buffer outside any layer."""

    def __init__(self):
        super().__init__()
        self.a, self.b, self.out = nn.Linear(5, 4), nn.Linear(4, 5), nn.Linear(10, 3)
        self.activation = nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.tensor(1.3))
        self.register_buffer("fixed", torch.tensor([1.0, 2.0, 0.5]))

    def forward(self, x):
        samples = x.size(0)
        y = self.b(self.activation(self.a(x)))
        y += x
        y = torch.cat([torch.tanh(y), y * x], dim=1).reshape(samples, -1)
        return self.out(y) * self.scale * self.fixed


class ConvolutionalResidual(nn.Module):
    def __init__(self):
        super().__init__()
        self.c, self.norm, self.head = nn.Conv2d(2, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Linear(2, 3)

    def forward(self, x):
        y = torch.relu(self.norm(self.c(x)) + x)
        return self.head(y.mean((2, 3)))


class Tied(nn.Module):
    """An autoencoder whose decoder is its encoder transposed, and a layer used twice."""

    def __init__(self):
        super().__init__()
        self.w, self.b = nn.Parameter(torch.randn(3, 6)), nn.Parameter(torch.randn(6))
        self.inner = nn.Linear(3, 3)

    def forward(self, x):
        code = torch.relu(nn.functional.linear(x, self.w))
        code = torch.tanh(self.inner(torch.sigmoid(self.inner(code))))
        return torch.sigmoid(nn.functional.linear(code, self.w.t(), self.b))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(3, 3, bias=False) for _ in range(3))
        self.out = nn.Linear(12, 3)

    def forward(self, x):
        weights = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2), -1)
        return self.out((weights @ self.v(x)).flatten(1))


def _sequential(*layers):
    return nn.Sequential(*layers)


NETWORKS = {
    "talk": (lambda: _sequential(nn.Linear(12, 4), nn.ReLU(), nn.Linear(4, 12), nn.ReLU()), (12,)),
    "sigmoid": (
        lambda: _sequential(nn.Linear(12, 4, bias=False), nn.Sigmoid(), nn.Linear(4, 12, bias=False), nn.Sigmoid()),
        (12,),
    ),
    "bottleneck": (
        lambda: _sequential(
            nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, 3), nn.GELU(), nn.Linear(3, 7), nn.ELU(inplace=True),
            nn.Linear(7, 9),
        ),
        (9,),
    ),
    "two bottlenecks": (
        lambda: _sequential(
            nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 3), nn.SiLU(), nn.Linear(3, 8), nn.Tanh(),
            nn.Linear(8, 5), nn.ReLU(),
            nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 11),
        ),
        (5,),
    ),
    "classifier": (lambda: _sequential(nn.Linear(8, 9), nn.Tanh(), nn.Linear(9, 7), nn.Mish(), nn.Linear(7, 4)), (8,)),
    "wide": (lambda: _sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 8), nn.SiLU(), nn.Linear(8, 10)), (4,)),
    "convolutional": (Convolutional, (2, 8, 8)),
    "grouped": (
        lambda: _sequential(
            nn.Conv2d(2, 4, 3, padding="same", groups=2, padding_mode="circular"), nn.GroupNorm(2, 4), nn.ReLU(),
            nn.AvgPool2d(2), nn.Conv2d(4, 3, 2, bias=False), nn.Flatten(),
        ),
        (2, 6, 6),
    ),
    "one-dimensional": (
        lambda: _sequential(
            nn.Conv1d(2, 4, 3, dilation=2, padding=1), nn.BatchNorm1d(4), nn.Tanh(), nn.Conv1d(4, 3, 2), nn.Flatten(),
            nn.Softmax(dim=1),
        ),
        (2, 9),
    ),
    "positions": (
        lambda: _sequential(nn.Linear(3, 4), nn.LayerNorm((5, 4)), nn.Tanh(), nn.Linear(4, 2), nn.Flatten()),
        (5, 3),
    ),
    "one layer": (lambda: nn.Linear(4, 3), (4,)),
    "residual": (Residual, (5,)),
    "convolutional residual": (ConvolutionalResidual, (2, 3, 3)),
    "tied": (Tied, (6,)),
    "attention": (Attention, (4, 3)),
    "transposed": (
        lambda: _sequential(
            nn.Linear(4, 4), nn.PReLU(), nn.Unflatten(1, (1, 2, 2)), nn.ConvTranspose2d(1, 2, 2, stride=2), nn.PReLU(2),
            nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3),
        ),
        (4,),
    ),
    "volumes": (
        lambda: _sequential(
            nn.Conv3d(1, 2, 2), nn.BatchNorm3d(2), nn.ReLU(), nn.MaxPool3d(2), nn.Flatten(), nn.Linear(2, 3)
        ),
        (1, 3, 3, 3),
    ),
    "normalised": (
        lambda: _sequential(nn.Dropout(0.3), nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Softplus(), nn.Linear(3, 4)),
        (4,),
    ),
}  # fmt: skip


def build(name, seed=0):
    """(network in eval mode with random statistics and affine parts, one batch of 6 samples), float64."""
    make, shape = NETWORKS[name]
    torch.manual_seed(seed)
    network = make().double().eval()
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
    return network, torch.randn(6, *shape, dtype=torch.float64)
