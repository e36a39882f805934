"""Bayesian inference: posteriors, dynamical Bayes, and the diffusion run backwards; equations (12) to (21)."""

from symrg.bayes.bridge import bridge
from symrg.bayes.conjugate import Conjugate, Named, conjugate_prior, recognise
from symrg.bayes.diffusion import PosteriorDiffusion, PredictiveDiffusion, posterior_diffusion, predictive_diffusion
from symrg.bayes.dynamical import DynamicalBayes, bregman_divergence, dynamical_bayes, from_divergence
from symrg.bayes.ising import ising_chain, spin_chain
from symrg.bayes.laplace import LaplacePosterior, laplace_posterior
from symrg.bayes.map_flow import MapFlow, map_flow
from symrg.bayes.numbers import PosteriorNumbers
from symrg.bayes.posterior import Posterior, posterior

__all__ = [
    "Conjugate",
    "DynamicalBayes",
    "LaplacePosterior",
    "MapFlow",
    "Named",
    "Posterior",
    "PosteriorDiffusion",
    "PosteriorNumbers",
    "PredictiveDiffusion",
    "bregman_divergence",
    "bridge",
    "conjugate_prior",
    "dynamical_bayes",
    "from_divergence",
    "ising_chain",
    "laplace_posterior",
    "map_flow",
    "posterior",
    "posterior_diffusion",
    "predictive_diffusion",
    "recognise",
    "spin_chain",
]
