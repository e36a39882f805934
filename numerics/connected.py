"""Images from connected moments: samples with the mean, covariance and third cumulants of a data set.

In the frame of the leading principal components, scaled to unit variance, z_i = w_i + kappa_ijk (w_j w_k - delta_jk)/6
with w normal has mean zero, and third cumulants kappa_ijk up to terms of third order in kappa; the covariance that the
second term adds is taken out again. The idea is that of arXiv:2402.00944 (NCoder), there with a trained decoder.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symrg.errors import DataError


@dataclass(frozen=True, eq=False)
class ConnectedMoments:
    """The connected 1-, 2- and 3-point functions of a data set on its leading principal components.

    Attributes:
        mean: shape (pixels,).
        components: shape (rank, pixels); each row is a direction times its standard deviation.
        third: shape (rank, rank, rank), third cumulants of the scaled coordinates, symmetric.
        count: number of data.
    """

    mean: np.ndarray
    components: np.ndarray
    third: np.ndarray
    count: int

    @classmethod
    def of(cls, data: np.ndarray, rank: int) -> ConnectedMoments:
        """The moments of data of shape (count, pixels).

        Raises:
            DataError: fewer data than the rank needs, or data without spread in so many directions.
        """
        if data.ndim != 2 or not 1 <= rank < min(data.shape):
            raise DataError(f"data of shape {data.shape} do not give {rank} components; expected (count, pixels)")
        mean = data.mean(axis=0)
        _, spread, directions = np.linalg.svd(data - mean, full_matrices=False)
        spread = spread[:rank] / np.sqrt(len(data))
        if spread[-1] <= 1e-12 * spread[0]:
            raise DataError(f"the data spread in fewer than {rank} directions; ask for a lower rank")
        scaled = (data - mean) @ directions[:rank].T / spread
        third = np.einsum("ni,nj,nk->ijk", scaled, scaled, scaled, optimize=True) / len(data)
        return cls(mean, directions[:rank] * spread[:, None], third, len(data))

    @property
    def rank(self) -> int:
        """Number of principal components."""
        return len(self.components)

    def sample(self, count: int, order: int, seed: int = 0) -> np.ndarray:
        """Data with the connected moments up to an order, shape (count, pixels).

        Args:
            count: how many.
            order: 1 for the mean alone, 2 for a normal law, 3 with third cumulants.
            seed: of the random numbers; orders share them.

        Raises:
            DataError: another order.
        """
        if order not in (1, 2, 3):
            raise DataError(f"order is {order}; expected 1, 2 or 3")
        if order == 1:
            return np.broadcast_to(self.mean, (count, len(self.mean))).copy()
        normal = np.random.default_rng(seed).standard_normal((count, self.rank))
        if order == 2:
            return self.mean + normal @ self.components
        bent = np.einsum("ijk,nj,nk->ni", self.third, normal, normal, optimize=True)
        bent = (bent - np.einsum("ijj->i", self.third)) / 6
        added = np.einsum("ijk,ljk->il", self.third, self.third, optimize=True) / 18
        values, axes = np.linalg.eigh(np.eye(self.rank) + added)
        scaled = (normal + bent) @ (axes / np.sqrt(values)) @ axes.T
        return self.mean + scaled @ self.components


@dataclass(frozen=True, eq=False)
class Classifier:
    """Multinomial logistic regression.

    Attributes:
        weights: shape (pixels + 1, classes); the last row is the constant.
    """

    weights: np.ndarray

    @classmethod
    def fitted(cls, images: np.ndarray, labels: np.ndarray, penalty: float = 1e-2) -> Classifier:
        """Fit to rows of grey values between 0 and 1, with a quadratic penalty on the weights."""
        from scipy.optimize import minimize

        inputs = np.hstack([images, np.ones((len(images), 1))])
        classes = int(labels.max()) + 1
        target = np.eye(classes)[labels]

        def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
            weights = flat.reshape(inputs.shape[1], classes)
            probabilities = _softmax(inputs @ weights)
            fit = -np.mean(np.log(np.maximum((probabilities * target).sum(axis=1), 1e-300)))
            slope = inputs.T @ (probabilities - target) / len(inputs) + penalty * weights
            return fit + penalty / 2 * (weights**2).sum(), slope.ravel()

        found = minimize(
            loss, np.zeros(inputs.shape[1] * classes), jac=True, method="L-BFGS-B", options={"maxiter": 60}
        )
        return cls(found.x.reshape(inputs.shape[1], classes))

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Of the classes, shape (count, classes)."""
        return _softmax(images @ self.weights[:-1] + self.weights[-1])


def _softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def energy_distance(one: np.ndarray, other: np.ndarray) -> float:
    """2 E|x - y| - E|x - x'| - E|y - y'| of two samples: 0 in the mean where their laws agree (Szekely 2013).

    Args:
        one: shape (n, pixels).
        other: shape (m, pixels).
    """
    from scipy.spatial.distance import cdist, pdist

    return float(2 * cdist(one, other).mean() - pdist(one).mean() - pdist(other).mean())


@dataclass(frozen=True)
class Judgement:
    """What a classifier and the energy distance say of generated data, over independent draws.

    Attributes:
        recognised: mean share that is taken for the class.
        recognised_error: standard error over the draws.
        distance: mean energy distance to unseen data of the class, in the frame of the components.
        distance_error: standard error over the draws.
    """

    recognised: float
    recognised_error: float
    distance: float
    distance_error: float


def judged(
    moments: ConnectedMoments,
    order: int,
    classifier: Classifier,
    label: int,
    unseen: np.ndarray,
    count: int = 400,
    draws: int = 8,
    seed: int = 0,
) -> Judgement:
    """Generate data with the connected moments up to an order, several times, and have them judged.

    The errors are those of the draws alone: neither the classifier's training nor the finite set of unseen data is
    varied. Order 1 is one image, so that its errors are zero. A higher share of recognised images is no proof of a
    better law (the mean image is recognised best); the energy distance is the measure of the law.

    Args:
        moments: of the data of one class.
        order: 1, 2 or 3.
        classifier: trained on real data.
        label: the class.
        unseen: real data of the class, shape (n, pixels), that the moments have not seen.
        count: of generated data in a draw.
        draws: 2 or more.
        seed: of the first draw.

    Raises:
        DataError: fewer than two draws.
    """
    if draws < 2:
        raise DataError(f"draws is {draws}; expected 2 or more for an error bar")
    frame = np.linalg.pinv(moments.components)
    target = (unseen - moments.mean) @ frame
    shares, distances = np.empty(draws), np.empty(draws)
    for k in range(draws):
        made = moments.sample(count, order, seed + k)
        shares[k] = (classifier.probabilities(np.clip(made, 0, 1)).argmax(axis=1) == label).mean()
        distances[k] = energy_distance((made - moments.mean) @ frame, target)
    root = np.sqrt(draws)
    return Judgement(
        float(shares.mean()),
        float(shares.std(ddof=1) / root),
        float(distances.mean()),
        float(distances.std(ddof=1) / root),
    )
