"""What other libraries offer for the same quantities, each behind one function; none of them is a dependency.

Each function takes (network, x, targets, likelihood) and returns {parameter name: tensor} with the sum over samples
that the library computes, or None where it has nothing for that likelihood.
"""

from torch import nn


def _loss(likelihood):
    return nn.MSELoss(reduction="sum") if likelihood == "gaussian" else nn.CrossEntropyLoss(reduction="sum")


def backpack_exact(network, x, targets, likelihood):
    """BackPACK's exact diagonal of the generalised Gauss-Newton matrix, which is the true Fisher metric."""
    from backpack import backpack, extend
    from backpack.extensions import DiagGGNExact

    model, loss = extend(network), extend(_loss(likelihood))
    with backpack(DiagGGNExact()):
        loss(model(x), targets).backward()
    scale = 2 if likelihood == "gaussian" else 1  # its loss is the square, not half of it
    return {n: p.diag_ggn_exact / scale for n, p in network.named_parameters()}


def backpack_empirical(network, x, targets, likelihood):
    """BackPACK's sum of squared gradients of the samples."""
    from backpack import backpack, extend
    from backpack.extensions import SumGradSquared

    model, loss = extend(network), extend(_loss(likelihood))
    with backpack(SumGradSquared()):
        loss(model(x), targets).backward()
    scale = 4 if likelihood == "gaussian" else 1
    return {n: p.sum_grad_squared / scale for n, p in network.named_parameters()}


def nngeometry_exact(network, x, targets, likelihood):
    """nngeometry's diagonal Fisher matrix in closed form over the outputs."""
    from nngeometry.layercollection import LayerCollection
    from nngeometry.metrics import FIM
    from nngeometry.object import PMatDiag
    from torch.utils.data import DataLoader, TensorDataset

    loader = DataLoader(TensorDataset(x, targets), batch_size=len(x))
    layers = LayerCollection.from_model(network)
    variant = "regression" if likelihood == "gaussian" else "classif_logits"
    matrix = FIM(network, loader, PMatDiag, variant=variant, layer_collection=layers)
    parts, place = {}, 0
    flat = matrix.get_diag() * len(x)
    for n, p in network.named_parameters():
        parts[n] = flat[place : place + p.numel()].reshape(p.shape)
        place += p.numel()
    return parts


def asdfghjkl_exact(network, x, targets, likelihood):
    """The exact diagonal of asdfghjkl."""
    from asdl.fisher import FISHER_EXACT, LOSS_CROSS_ENTROPY, LOSS_MSE, FisherConfig, get_fisher_maker
    from asdl.matrices import SHAPE_DIAG

    kind = LOSS_MSE if likelihood == "gaussian" else LOSS_CROSS_ENTROPY
    config = FisherConfig(FISHER_EXACT, [SHAPE_DIAG], loss_type=kind, data_size=len(x))
    maker = get_fisher_maker(network, config)
    maker.setup_logits_repr(maker.setup_model_call(network, x))
    maker.forward_and_backward()
    parts = {}
    for name, module in network.named_modules():
        for role, _ in module.named_parameters(recurse=False):
            parts[f"{name}.{role}"] = getattr(module.fisher.diag, role) * len(x)
    return parts


def curvlinops_product(network, x, targets, likelihood, vector):
    """One product of the generalised Gauss-Newton operator of curvlinops with a vector."""
    from curvlinops import GGNLinearOperator

    operator = GGNLinearOperator(
        network, _loss(likelihood), list(network.parameters()), [(x, targets)], check_deterministic=False
    )
    return operator @ vector / (2 if likelihood == "gaussian" else 1)
