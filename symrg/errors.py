"""The errors of symrg, one class per cause.

Every error that a user can mend is a `SymrgError`; where a Python user would catch `ValueError` or `TypeError`,
that is its second base. A message says what was given, what was expected, and how to mend it.
"""

from __future__ import annotations


class SymrgError(Exception):
    """Base class of every error that symrg raises on purpose."""


class NoClosedForm(SymrgError):
    """No closed form was found within the time budget; the message lists the routes tried."""


class TimeExpired(NoClosedForm):
    """The time budget ended before a question was settled either way; a larger one may settle it."""


class IrregularModel(SymrgError, ValueError):
    """The regularity conditions of the Fisher metric fail, e.g. the support moves with a parameter."""


class ImproperDensity(SymrgError, ValueError):
    """A density or posterior does not normalise to one on its support."""


class MissingAssumption(SymrgError, ValueError):
    """A symbol lacks an assumption (positive, real, ...) that the result needs; the message names it."""


class InvalidModel(SymrgError, ValueError):
    """A statistical model is not well formed: wrong sample, parameters, support or domain."""


class NotExponentialFamily(SymrgError, ValueError):
    """A log-density is not of the form theta . q(y) - psi(theta) + ln h(y); the message says why."""


class UnidentifiableModel(SymrgError, ValueError):
    """The data cannot see some combination of parameters where an identifiable model is needed."""


class InvalidEquation(SymrgError, ValueError):
    """An evolution equation is not well formed: shapes, symmetry or sign of the diffusion, symbols."""


class NoDetailedBalance(SymrgError, ValueError):
    """The stationary current does not vanish, so the asked-for potential does not exist."""


class FormulaError(SymrgError, ValueError):
    """Text that is not a formula. `position` is the offset of the first offending character."""

    def __init__(self, message: str, position: int = 0, text: str = ""):
        super().__init__(message)
        self.position = position
        self.text = text


class InvalidFile(SymrgError, ValueError):
    """An input file is malformed; the message names the file, the line and the remedy."""


class InvalidClaim(SymrgError, ValueError):
    """A claim is not well formed: unknown relation, shapes that differ, an order without a variable."""


class UnsupportedExpression(SymrgError, TypeError):
    """No kernel can be generated for a subexpression; the message names it."""


class InvalidGrid(SymrgError, ValueError):
    """A domain, shape or mesh on which the equation cannot be solved."""


class InvalidState(SymrgError, ValueError):
    """An initial density that is negative, not finite, without mass or off the grid."""


class SolverFailure(SymrgError, ArithmeticError):
    """A numerical method could not reach what was asked; the message says what it did reach."""


class UnsupportedLayer(SymrgError, TypeError):
    """A network contains a layer without a Fisher rule; the message names it."""


class DataError(SymrgError, ValueError):
    """A data set, checkpoint or image file is missing, truncated or not what it should be."""


class TrainingFailure(SymrgError, ArithmeticError):
    """Training met a value that is not finite; the message says at which step."""


class InvalidEstimator(SymrgError, ValueError):
    """A Fisher estimate or pruning rule was asked for with arguments that it cannot take."""


class InvalidMetric(SymrgError, ValueError):
    """A metric is not square, not symmetric or singular, or does not fit its coordinates."""


class UndefinedSymbol(SymrgError, ValueError):
    """An expression has free symbols that nothing gives a value; the message names them."""


class InvalidArguments(SymrgError, TypeError):
    """Arguments of a compiled function, or their declaration, are not what it takes; the message names them."""


class Disagreement(SymrgError, ArithmeticError):
    """A closed form and an independent computation gave different numbers; neither is returned."""


class MissingPackage(SymrgError, ImportError):
    """A package is not installed that only this part needs; the message says how to get it."""
