"""Wilsonian shells: remove the weights of least information shell by shell, and integrate each shell out.

A shell of weights S set to zero is a displacement -w_S. The remaining weights R are not left where they were: they move
by the delta_R that minimises the Fisher quadratic form of the whole displacement, F_RR delta_R = F_RS w_S, which leaves
the Schur complement of the metric as the cost. F is then taken anew at the moved weights, as a flow takes its couplings
anew at each scale. The metric is the second order of the KL divergence, so what the higher orders leave behind is
taken up by Gauss-Newton steps on the KL divergence from the unpruned model, which knows no data. Each step is damped
after Levenberg and Marquardt, and taken only where it lowers the divergence itself.

With data at hand, a state that was asked for is fitted to them too, by Gauss-Newton steps in a copy. The flow itself
goes on without: fitted weights of a saturated unit are large where the metric is small, so that the next shells would
take from them what costs far more than the second order says.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from numerics.fisher.likelihood import Likelihood
from numerics.fisher.products import FisherOperator
from numerics.pruning.cut import Masks, Pruned, apply_masks, choose, keep_most_salient
from numerics.pruning.saliencies import saliency
from numerics.pruning.solve import Solution, conjugate_gradients
from symrg.errors import InvalidEstimator

Progress = Callable[[int, int, str], None]

_LEAST_DAMPING = 1e-6
_TRIES, _TRIES_ON_DATA = 6, 10  # the flow leaves a damping as small as the least, from which a fit must find its own


@dataclass(frozen=True)
class Shell:
    """The state after one shell.

    Attributes:
        pruned: network and masks.
        wanted: whether its fraction is one of those asked for.
        residual: of the conjugate gradients, relative.
        iterations: that they took.
        fitted: at a wanted fraction, where targets were given: the same masks after Gauss-Newton steps on the data.
    """

    pruned: Pruned
    wanted: bool
    residual: float
    iterations: int
    fitted: Pruned | None = None


def schedule(fractions: Sequence[float], shells: int) -> list[tuple[float, bool]]:
    """Fractions removed after each shell: `shells` steps of a constant ratio of what is kept, and those asked for.

    Raises:
        InvalidEstimator: no fraction, or one outside 0 to 1 (1 excluded).
    """
    if not fractions or any(not 0 < f < 1 for f in fractions):
        raise InvalidEstimator(f"fractions = {list(fractions)}: expected shares between 0 and 1, both excluded")
    if shells < 1:
        raise InvalidEstimator(f"shells = {shells}: expected 1 or more")
    last = max(fractions)
    steps = [1 - (1 - last) ** (k / shells) for k in range(1, shells)]
    gap = 0.25 * (1 - (1 - last) ** (1 / shells))  # a step this near to a wanted fraction would do nothing for it
    wanted = sorted(set(fractions))
    kept = [s for s in steps if all(abs(s - w) > gap * (1 - w) for w in wanted)]
    return sorted([(s, False) for s in kept] + [(w, True) for w in wanted])


def integrate_out(
    network: nn.Module,
    inputs: Tensor,
    *,
    fractions: Sequence[float],
    layers: Iterable[str] | None = None,
    shells: int = 8,
    rule: str = "information_length",
    likelihood: str = "gaussian",
    variance: float = 1.0,
    steps: int = 1,
    targets: Tensor | None = None,
    final_steps: int = 0,
    data_steps: int = 4,
    free: Iterable[str] | None = None,
    damping: float = 1e-2,
    iterations: int = 40,
    tolerance: float = 1e-3,
    progress: Progress | None = None,
) -> Iterator[Shell]:
    """Prune shell by shell, the remaining weights re-solved in the Fisher metric after each.

    Args:
        network: unchanged.
        inputs: samples on which the metric is taken.
        fractions: of the chosen weights; each is met exactly by some shell.
        layers: to choose from, as for `prune`; None takes all weights with two axes or more.
        shells: on the way to the largest fraction.
        rule: the saliency, "information_length" or any other of `saliency`.
        likelihood: of the outputs.
        variance: of the Gaussian.
        steps: Gauss-Newton steps after each shell on the divergence from the unpruned model, beside the solution in
            the metric.
        final_steps: how many more of them at a state asked for.
        targets: data to which a copy of each state asked for is fitted.
        data_steps: Gauss-Newton steps of that fit.
        free: parameters that move to make up for what is removed, beside those chosen from; None lets all of them move.
        damping: lambda to begin with, in F + lambda (diag(F) + a tenth of its mean).
        iterations: of conjugate gradients, at most, for each solution.
        tolerance: of conjugate gradients.
        progress: called as progress(shells done, shells, text).

    Yields:
        The state after each shell; shells at fractions that were asked for are marked.

    Raises:
        InvalidEstimator: arguments that do not fit.
        UnsupportedLayer: a layer without a rule.
        SolverFailure: the solution is not finite.
    """
    plan = schedule(fractions, shells)
    free = None if free is None else tuple(free)
    model = copy.deepcopy(network)
    every = {n: p.detach() for n, p in model.named_parameters()}
    names = choose(model, {n: p for n, p in every.items() if layers is not None or p.dim() >= 2}, layers)
    moving = list(every) if free is None else [n for n in every if n in {*free, *names}]
    unknown = [n for n in free or () if n not in every]
    if unknown:
        raise InvalidEstimator(f"free: no parameter is named {', '.join(unknown)}; the network has {', '.join(every)}")
    problem = _Problem(
        Likelihood(likelihood, variance), model, inputs.to(every[names[0]]), moving, iterations, tolerance
    )
    origin = problem.outputs()
    masks: Masks = {n: torch.ones_like(every[n], dtype=torch.bool) for n in names}
    for number, (fraction, wanted) in enumerate(plan, 1):
        worth = saliency(
            rule, model, inputs, likelihood=likelihood, variance=variance, masks=masks, parameters=names
        )  # fmt: skip
        for n in names:  # what is gone stays gone
            worth[n] = worth[n].masked_fill(~masks[n], -1.0)
        kept, largest = keep_most_salient(worth, fraction)
        gone = {n: -every[n] * (masks[n] & ~kept[n]) for n in names}
        masks = kept
        damping, residual, used = problem.remove(gone, masks, damping)
        for _ in range(steps + (final_steps if wanted else 0)):
            damping, more = problem.step(masks, damping, origin, on_data=False)
            used += more
        fitted = None
        if wanted and targets is not None:
            values, data_damping = problem.values(), damping
            for _ in range(data_steps):
                data_damping, more = problem.step(masks, data_damping, targets, on_data=True)
                used += more
            fitted = apply_masks(model, masks, largest)
            problem.set(values)
        if progress is not None:
            progress(number, len(plan), f"{fraction:.1%} removed")
        yield Shell(apply_masks(model, masks, largest), wanted, residual, used, fitted)


@dataclass(frozen=True)
class _Problem:
    """A network that moves, the samples, and how to solve for its moves."""

    rule: Likelihood
    model: nn.Module
    inputs: Tensor
    moving: Sequence[str]
    iterations: int
    tolerance: float

    def outputs(self) -> Tensor:
        """Of the network as it is, (N, m)."""
        with torch.no_grad():
            return torch.cat([self.rule.as_outputs(self.model(x)) for x in self.inputs.split(512)])

    def remove(self, gone: Mapping[str, Tensor], masks: Masks, damping: float) -> tuple[float, float, int]:
        """Displace by `gone` and by the response of the free weights; (damping, relative residual, iterations)."""
        before = self.outputs()
        operator = self._operator()
        values = self.values()
        shift = {n: gone[n] if n in gone else torch.zeros_like(values[n]) for n in operator.names}
        free = self._free(operator, masks)
        image = operator @ operator.flatten(shift)
        assert isinstance(image, Tensor)  # a vector was given
        right = -image * free
        base = {n: v + shift[n] for n, v in values.items()}
        self.set(base)
        return self._descend(operator, right, free, base, damping, before, on_data=False)

    def step(self, masks: Masks, damping: float, data: Tensor, on_data: bool) -> tuple[float, int]:
        """One Gauss-Newton step on the data, or on the divergence from a model with outputs `data`.

        Returns the new damping and the iterations used.
        """
        operator = self._operator()
        score = operator.score(data) if on_data else operator.score_towards(data)
        free = self._free(operator, masks)
        right = operator.flatten(score) * free
        damping, _, used = self._descend(operator, right, free, self.values(), damping, data, on_data)
        return damping, used

    def _descend(
        self,
        operator: FisherOperator,
        right: Tensor,
        free: Tensor,
        base: Mapping[str, Tensor],
        damping: float,
        data: Tensor,
        on_data: bool,
    ) -> tuple[float, float, int]:
        """Move from `base` by the damped solution, under more damping where that does not lower the objective.

        More damping turns the step towards the directions that the metric knows well; half a step would keep its
        direction, and was measured to end worse. After a gain the damping halves. Where nothing lowers the objective,
        the network stays at `base` and the damping as it was.
        """
        before = self._objective(data, on_data)
        tried, used = damping, 0
        for _ in range(_TRIES_ON_DATA if on_data else _TRIES):
            solution = self._solve(operator, right, free, tried)
            used += solution.iterations
            change = operator.unflatten(solution.vector)
            self.set({n: v + change[n] for n, v in base.items()})
            if self._objective(data, on_data) <= before:
                return max(tried / 2, _LEAST_DAMPING), solution.residual, used
            tried *= 8
        self.set(base)
        return damping, 0.0, used

    def _solve(self, operator: FisherOperator, right: Tensor, free: Tensor, damping: float) -> Solution:
        diagonal = operator.flatten(operator.diagonal()) * free
        ridge = damping * (diagonal + 0.1 * diagonal.mean())
        inverse = free / (diagonal + ridge).clamp(min=torch.finfo(diagonal.dtype).tiny)

        def apply(v: Tensor) -> Tensor:
            return (operator @ v) * free + ridge * v

        return conjugate_gradients(
            apply, right, lambda r: inverse * r, iterations=self.iterations, tolerance=self.tolerance
        )  # fmt: skip

    def _objective(self, data: Tensor, on_data: bool) -> float:
        total = 0.0
        with torch.no_grad():
            for x, y in zip(self.inputs.split(512), data.split(512)):
                f = self.rule.as_outputs(self.model(x))
                if on_data:
                    part = self.rule.negative_log_likelihood(f, self.rule.as_targets(y, f))
                else:
                    part = self.rule.divergence(f, y)
                total += float(part.double().sum())
        return total / len(self.inputs)

    def _operator(self) -> FisherOperator:
        return FisherOperator(
            self.model,
            self.inputs,
            likelihood=self.rule.name,
            variance=self.rule.variance,
            parameters=self.moving,
            keep_activations=True,
        )

    def values(self) -> dict[str, Tensor]:
        """Copies of the parameters that move."""
        return {n: p.detach().clone() for n, p in self.model.named_parameters() if n in self.moving}

    def set(self, values: Mapping[str, Tensor]) -> None:
        """Put parameters in place."""
        with torch.no_grad():
            for n, p in self.model.named_parameters():
                if n in values:
                    p.copy_(values[n])

    def _free(self, operator: FisherOperator, masks: Masks) -> Tensor:
        values = self.values()
        return operator.flatten(
            {n: masks[n].to(v.dtype) if n in masks else torch.ones_like(v) for n, v in values.items()}
        )
