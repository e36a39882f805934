r"""Names of symbols and functions as LaTeX: Greek, indices, accents, and nothing that could do harm.

A name such as ``theta_star`` becomes ``\theta_{*}``. A name that is LaTeX already is kept as long as it uses only
commands that draw a letter; anything else (``\input``, unbalanced braces, ``%``) is shown as the text that it is.
"""

from __future__ import annotations

import re
import unicodedata

from sympy.printing.conventions import split_super_sub

_GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip
_CAPITAL = {"Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"}
_VARIANTS = {"varepsilon", "vartheta", "varphi", "varrho", "varsigma", "varpi", "ell", "hbar", "infty", "nabla"}
_LATIN_CAPITALS = {
    "Alpha": "A", "Beta": "B", "Epsilon": "E", "Zeta": "Z", "Eta": "H", "Iota": "I", "Kappa": "K",
    "Mu": "M", "Nu": "N", "Omicron": "O", "Rho": "P", "Tau": "T", "Chi": "X",
}  # fmt: skip
_ACCENTS = ("hat", "bar", "tilde", "dot", "ddot", "vec")
_UNICODE = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _GREEK)) | dict(
    zip("ΓΔΘΛΞΠΣΥΦΨΩ", ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"))
)
_UNICODE |= {"ϵ": "epsilon", "ϑ": "vartheta", "ϕ": "phi", "ϱ": "varrho", "ϖ": "varpi"}
_UNICODE |= {"ℓ": "ell", "ħ": "hbar", "∞": "infty", "∇": "nabla", "∂": "partial"}
_LOW = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_HIGH = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_MARKS = {
    "\u0300": "grave", "\u0301": "acute", "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0306": "breve",
    "\u0307": "dot", "\u0308": "ddot", "\u030c": "check", "\u20d7": "vec",
}  # fmt: skip
_CHANGES = {"δ": r"\delta", "Δ": r"\Delta", "∂": r"\partial"}
_HARMLESS = (
    set(_GREEK)
    | _CAPITAL
    | _VARIANTS
    | set(_ACCENTS)
    | {"mathcal", "mathbb", "mathrm", "mathbf", "mathit", "mathsf", "mathfrak", "boldsymbol", "overline", "widehat"}
    | {"prime", "star", "ast", "dagger", "parallel", "perp", "partial", "langle", "rangle", "mid", "circ", "pm", "mp"}
    | {"mathrm", "left", "right", "text", "cdot", "times", "odot", "oplus", "int", "sum", "Re", "Im"}
    | {",", ";", ":", "!", " "}
)
_SPECIAL = {
    "\\": r"\backslash ", "{": r"\{", "}": r"\}", "$": r"\$", "%": r"\%", "#": r"\#", "&": r"\&", "_": r"\_",
    "^": r"\text{\textasciicircum}", "~": r"\sim ",
}  # fmt: skip


def is_greek(name: str) -> bool:
    """Whether the name, without its indices, is a Greek letter."""
    base = re.split(r"[_^\d]", name.lstrip("\\"), maxsplit=1)[0]
    return base in _GREEK or base in _CAPITAL or base in _VARIANTS or base in _UNICODE


def plain_letters(name: str) -> str:
    """The name with indices as ``_1`` and ``^1`` where it has them as Unicode: x₁ is x_1."""
    name = re.sub("[₀-₉]+", lambda m: "_" + m[0].translate(_LOW), name)
    return re.sub("[⁰¹²³⁴-⁹]+", lambda m: "^" + m[0].translate(_HIGH), name)


def symbol_name(name: str) -> str:
    r"""LaTeX of a symbol's name: ``mu_2`` is ``\mu_{2}``, ``count`` is ``\mathrm{count}``."""
    name = plain_letters(name)
    if name.endswith("'"):
        return symbol_name(name[:-1]) + "'"
    if re.search(r"[\\{}$%#&~ ^]", name) and not re.fullmatch(r"\w+(\^\w+|_\w+)*", name):
        return name if _draws_a_letter(name) else _as_text(name)
    base, supers, subs = split_super_sub(name)
    text = _letter(base)
    if supers:
        text += "^{" + " ".join(map(_index, supers)) + "}"
    if subs:
        indices = list(map(_index, subs))
        text += "_{" + (r"\," if any(i.startswith(r"\mathrm{") for i in indices) else " ").join(indices) + "}"
    return text


def function_name(name: str) -> str:
    r"""LaTeX of an undefined function's name: one letter as a symbol, longer ones upright with operator spacing."""
    text = symbol_name(name)
    return re.sub(r"^\\mathrm\{(\w+)\}", r"\\operatorname{\1}", text)


def _draws_a_letter(name: str) -> bool:
    depth = 0
    for token in re.findall(r"\\[A-Za-z]+|\\.|.", name, flags=re.DOTALL):
        if token.startswith("\\"):
            if token[1:] not in _HARMLESS:
                return False
        elif token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth < 0:
                return False
        elif token in "$%#&~\n":
            return False
    return depth == 0


def _as_text(name: str) -> str:
    return r"\mathrm{" + "".join(_SPECIAL.get(c, c) for c in name) + "}"


def _letter(base: str) -> str:
    if base.endswith("prime") and len(base) > 5:
        return _letter(base[:-5]) + "'"
    for accent in sorted(_ACCENTS, key=len, reverse=True):
        if base.endswith(accent) and len(base) > len(accent) and base != "hbar":
            return f"\\{accent}{{{_letter(base[: -len(accent)])}}}"
    if base == "lamda":
        return r"\lambda"
    if base == "omicron":
        return "o"
    if base in _LATIN_CAPITALS:
        return rf"\mathrm{{{_LATIN_CAPITALS[base]}}}"
    if base in _GREEK or base in _CAPITAL or base in _VARIANTS:
        return "\\" + base
    if base in _UNICODE:
        return "\\" + _UNICODE[base] if base != "ο" else "o"
    if base[:1] in _CHANGES and len(base) > 1:  # a displacement or difference: δμ, Δt
        return rf"{_CHANGES[base[0]]} {_letter(base[1:])}"
    if not base.isascii():
        return _beyond_ascii(base)
    if len(base) <= 1 or base.isdigit():
        return base
    if base[0] == "d" and (base[1:] in _GREEK or len(base) == 2):  # the differential of a coordinate
        return "d" + _letter(base[1:])
    return rf"\mathrm{{{base}}}"


def _beyond_ascii(base: str) -> str:
    """A name with letters that TeX has not: accents are set as such, Greek by name, others by their number."""
    letters: list[str] = []
    for c in unicodedata.normalize("NFD", base):
        if c in _MARKS and letters:
            letters[-1] = rf"\{_MARKS[c]}{{{letters[-1]}}}"
        elif c in _UNICODE:
            letters.append("\\" + _UNICODE[c])
        elif c.isascii():
            letters.append(c)
        else:
            letters.append(f"u{ord(c):04x}")
    if len(letters) == 1:
        return letters[0] if letters[0].startswith("\\") else rf"\mathrm{{{letters[0]}}}"
    return (
        rf"\mathrm{{{' '.join(letters)}}}"
        if any(x.startswith("\\") for x in letters)
        else rf"\mathrm{{{''.join(letters)}}}"
    )


def _index(text: str) -> str:
    if text in ("star", "ast", "*"):
        return "*"
    if text == "prime":
        return r"\prime"
    if text == "plus":
        return "+"
    if text == "minus":
        return "-"
    if re.fullmatch(r"[ijklmnpqabcdrst]{2,4}", text):  # tensor indices: mu_ij
        return " ".join(text)
    if re.fullmatch(r"[a-z]\d+", text):
        return text
    return _letter(text)
