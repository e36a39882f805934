"""SymPy's names of elementary functions of one argument: data alone, for the parser and for each evaluator."""

TRIGONOMETRIC = ("sin", "cos", "tan", "cot", "sec", "csc")
HYPERBOLIC = ("sinh", "cosh", "tanh", "coth", "sech", "csch")
INVERSE = ("asin", "acos", "atan", "asinh", "acosh", "atanh")
ERROR_FUNCTIONS = ("erf", "erfc", "erfi")
"""Error functions, all entire."""
ENTIRE_OR_MEROMORPHIC = (*TRIGONOMETRIC, *HYPERBOLIC, *ERROR_FUNCTIONS)
"""Those without a branch cut."""
ELEMENTARY = (*TRIGONOMETRIC, *HYPERBOLIC, *INVERSE)
"""Trigonometric and hyperbolic functions, and their inverses by logarithms of one argument."""
