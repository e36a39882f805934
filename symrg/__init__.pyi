# What `symrg/__init__.py` loads at first use, for editors and type checkers; a test holds the two together.
from symrg import bayes as bayes
from symrg import correspondence as correspondence
from symrg import erg as erg
from symrg import errors as errors
from symrg import families as families
from symrg.derivation import Derivation as Derivation
from symrg.errors import FormulaError as FormulaError
from symrg.errors import IrregularModel as IrregularModel
from symrg.errors import NoClosedForm as NoClosedForm
from symrg.errors import SymrgError as SymrgError
from symrg.exponential import ExponentialFamily as ExponentialFamily
from symrg.fokker_planck import FokkerPlanck as FokkerPlanck
from symrg.manifold import Manifold as Manifold
from symrg.model import StatisticalModel as StatisticalModel
from symrg.parsing import parse as parse
from symrg.verification import Claim as Claim
from symrg.verification import verify as verify

__version__: str
__all__: list[str]

def load_ipython_extension(ipython: object) -> None: ...
