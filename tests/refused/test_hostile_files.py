"""Files and formulas made to exhaust time or memory: refused, or bounded, in a process with little memory."""

import ast
import json
import os
import resource
import runpy
import subprocess
import sys
import textwrap

import pytest
import sympy as sp

from symrg import FormulaError, SymrgError, parse
from symrg.errors import InvalidFile
from symrg.toml_file import MOST_BYTES, MOST_PARTS, table_of, text_of
from symrg.verification.equations_file import read

x, y = sp.symbols("x y", real=True)
MEMORY = 1 << 30  # bytes of address space beyond what the interpreter has after its imports
HEAD = """
import json, resource, sys, time
import sympy as sp
from symrg import *
from symrg.problem import Problem
from symrg.verification.equations_file import read, read_text
from symrg.verification.latex_input import parse_latex
from symrg.verification.checker import Malformed, check_text
pages = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (pages + {memory},) * 2)
resource.setrlimit(resource.RLIMIT_CPU, (60, 65))
x, m = sp.Symbol("x", real=True), sp.Symbol("m", positive=True)
found = {{}}
"""
CHAIN = '[symbols]\nx = "real"\nf = "function"\n[definitions]\na0 = "x + 1"\n'
CLAIM = '\n[[claim]]\nlhs = "a{n}"\nrhs = "1"\n'
# name -> what is tried, and a part of the refusal; "" where an answer is as good
BOMBS = {
    "tower": ('parse("9**9**9**9", [])', "too large"),
    "factorial": ('parse("factorial(10**9)", [])', "at most 1000"),
    "binomial": ('parse("binomial(10**9, 5*10**8)", [])', "at most 2000"),
    "decimal exponent": ('parse("1e999999999", [])', "decimal exponent"),
    "long number": ('parse("0." + "0" * 19000 + "1", [])', "digits"),
    "brackets": ('parse("(" * 10**5 + "x" + ")" * 10**5, [x])', "characters"),
    "shorter brackets": ('parse("(" * 9000 + "x" + ")" * 9000, [x])', "nested more than"),
    "ten megabytes": ('parse("a" * 10**7, [x])', "characters"),
    "power of a sum": ('parse("(x + 1)**10**6", [x])', "too large"),
    "factorials of factorials": ('parse("x" + "!" * 19000, [x])', "deep"),
    "indices": ('parse("x" + "[0]" * 6000, {"x": sp.IndexedBase("x")})', "deep"),
    "long name": ('parse("y" * 19000, [x])', "unknown symbol"),
    "LaTeX functions": (r'parse_latex(r"\sin " * 3000 + "x", [x])', "deep"),
    "LaTeX braces": ('parse_latex("{" * 9000 + "x" + "}" * 9000, [x])', "nested more than"),
    "LaTeX file": (r'parse_latex(r"\input{/etc/passwd}", [x])', "subset"),
    "LaTeX macro": (r'parse_latex(r"\def\a{\a\a}\a", [x])', "subset"),
    "dotted key": ('read_text(".".join(["a"] * 10**5) + " = 1")', "parts"),
    "dotted header": ('read_text("[" + ".".join(["a"] * 10**5) + "]")', "parts"),
    "nested arrays": ('read_text("a = " + "[" * 10**5)', "nested too deeply"),
    "nested tables": ('read_text("a = " + "{a = " * 10**5)', "nested too deeply"),
    "number in TOML": ('read_text("budget = " + "9" * 10**5)', "thousands of digits"),
    "endless device": ('read("/dev/zero")', "bytes"),
    "endless device as a model": ('Problem.from_toml("/dev/zero")', "bytes"),
    "cycle of definitions": (
        'read_text(\'[definitions]\\na = "b"\\nb = "a"\\n[[claim]]\\nlhs = "a"\\nrhs = "b"\')',
        "unknown symbol 'b'",
    ),
    "deep definitions": (
        "read_text({chain!r} + ''.join('a%d = \"%sa%d%s\"\\n' % (k, 'sin(' * 40, k - 1, ')' * 40)"
        " for k in range(1, 50)) + {claim!r}.format(n=49))",
        "deep",
    ),
    "certificate of brackets": ('check_text("[" * 10**6)', "not JSON"),
    "certificate of digits": ('check_text("9" * 10**5)', "not JSON"),
    "a sum to 10^15": ("verify(Claim(sp.Sum(sp.sin(x * sp.Symbol('k')), (sp.Symbol('k'), 1, 10**15)), 5), 3)", ""),
    "a power tower in a claim": ("verify(Claim(sp.exp(x)**(x**(x**x)), (x + 1)**(x**(x**(x + 2)))), 3)", ""),
    "a large expansion": ("verify(Claim((x + 1)**100000, (x + 1)**100000 + x), 3)", ""),
    "support of 10^15 points": (
        "StatisticalModel(-x * m - sp.log(sp.Sum(sp.exp(-x * m), (x, 0, 10**15))), sample=x, parameters=m,"
        " support=sp.Range(10**15)).check(1)",
        "within 1 s",
    ),
}


def tried(code, memory=MEMORY):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", HEAD.format(memory=memory) + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=280,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def outcomes():
    """All bombs one after the other in one process whose memory is limited."""
    lines = []
    for name, (code, _) in BOMBS.items():
        code = code.replace("{chain!r}", repr(CHAIN)).replace("{claim!r}", repr(CLAIM))
        lines += [
            "try:",
            f"    found[{name!r}] = ['value', repr(type({code}))]",
            "except (SymrgError, Malformed) as e:",
            f"    found[{name!r}] = ['refused', str(e)]",
            "except BaseException as e:",
            f"    found[{name!r}] = [type(e).__name__, str(e)[:200]]",
        ]
    return tried("\n".join([*lines, "print(json.dumps(found))"]))


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused_or_bounded(outcomes, name):
    kind, text = outcomes[name]
    reason = BOMBS[name][1]
    if reason:
        assert kind == "refused", (kind, text)
        assert reason in text
        assert len(text) < 1200  # a message is no second bomb
    else:
        assert kind in ("refused", "value"), (kind, text)


def test_the_limit_of_the_process_is_real():
    """The control: what is not refused meets the limits under which the bombs were tried."""
    assert tried(
        "try:\n    bytes(2 << 30)\nexcept MemoryError:\n    found['met'] = True\nprint(json.dumps(found))"
    ) == {"met": True}


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("x\u202ey", 1),  # right-to-left override
        ("x\u2066y", 1),  # isolate
        ("x\u200b+1", 1),  # zero-width space
        ("x\u0301", 1),  # combining accent
        ("\u0445+1", 0),  # Cyrillic letter that looks like x
        ("x\u0000", 1),
        ("\ud800", 0),  # half of a surrogate pair
        ("x\u00b2", 1),  # superscript: not the name x2
        ("x\u00bd", 1),  # one half: not the name x1/2
        ("\u0663*x", 0),  # an Arabic digit
        ("x\uff08y\uff09", 1),  # full-width brackets
    ],
)
def test_characters_that_look_like_others_are_refused(text, position):
    with pytest.raises(FormulaError) as caught:
        parse(text, {"x": x, "y": y, "x2": y, "xy": y, "x1": y})
    assert caught.value.position == position


def test_forms_of_one_letter_are_one_name():
    assert parse("\uff58 + 1", [x]) == x + 1  # the full-width letter is x, as in Python
    assert parse("x\u2082", {"x2": y}) == y  # an index below is part of a name


def test_depth_counts_the_definitions():
    deep = x
    for _ in range(3):
        deep = parse("sin(" * 45 + "d" + ")" * 45, {"d": deep})
    with pytest.raises(FormulaError, match="150 deep"):
        parse("sin(" * 45 + "d" + ")" * 45, {"d": deep})


def test_dotted_keys_are_counted_outside_of_what_they_may_hold():
    assert table_of('a.b."c d" = "1.2.3.4"', "f") == {"a": {"b": {"c d": "1.2.3.4"}}}
    assert table_of(".".join(["k"] * MOST_PARTS) + " = 1", "f")
    with pytest.raises(InvalidFile, match="f:2: a key of more than"):
        table_of("title = 'x'\n" + " . ".join(['"k"'] * (MOST_PARTS + 1)) + " = 1", "f")


def test_what_is_read_of_a_file_is_bounded(tmp_path):
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (MOST_BYTES + 1))
    with pytest.raises(InvalidFile, match="bytes"):
        read(large)
    large.write_bytes(b"#" * MOST_BYTES)
    assert len(text_of(large)) == MOST_BYTES
    for name in ("a\0b", "x" * 5000, str(tmp_path), "/dev/null/x"):
        with pytest.raises(InvalidFile):
            text_of(name)
    (tmp_path / "loop.toml").symlink_to(tmp_path / "loop.toml")
    with pytest.raises(InvalidFile, match="symbolic"):
        read(tmp_path / "loop.toml")


ATTACK_NAMES = [
    "__import__('os').system('touch {trace}')",
    "open('{trace}','w')",
    'f\'{{open("{trace}","w")}}\'',
    '"""\nopen("{trace}", "w")\n"""',
    'x"""\\',
    "\\",
    "a\nb",
    "x; open('{trace}', 'w')",
    "x#\u2028open('{trace}', 'w')",
]


@pytest.mark.parametrize("name", ATTACK_NAMES)
def test_generated_code_has_none_of_the_names_of_symbols(name, tmp_path):
    """Names reach neither compiled kernels, nor generated modules, nor what another system is told."""
    numerics = pytest.importorskip("numerics")
    from symrg import Claim, FokkerPlanck
    from symrg.verification.other_system import script_for
    from symrg.verification.reading import Reading

    trace = tmp_path / "trace"
    s, t = sp.Symbol(name.format(trace=trace), real=True), sp.Symbol("t", real=True)
    compiled = numerics.compile(s**2 + 1, (s,))
    assert compiled(2.0) == 5.0
    script = script_for(Reading.of(Claim(sp.sin(s) ** 2, 1 - sp.cos(s) ** 2)))
    path = numerics.generate_solver(
        FokkerPlanck(s, -s, 1, time=t), tmp_path / "made.py", domain={s: (-1, 1)}, shape=(8,), initial=sp.exp(-(s**2))
    )
    module = ast.parse(path.read_text())
    for node in ast.walk(module):  # a name may stand in what is printed, never in what is run
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = "text"
    code = ast.unparse(module)
    for text in (compiled.source, script, code):
        for word in ("__import__", "touch", "open("):
            assert word not in text
    runpy.run_path(str(path))
    assert not trace.exists()


def test_an_equations_file_that_names_itself_python_is_not_run(tmp_path):
    """Python is run only where its user names a .py file; the same text under any other name is read as TOML."""
    trace = tmp_path / "trace"
    text = f"open({str(trace)!r}, 'w')\nCLAIMS = []\n"
    for name in ("claims.toml", "claims", "claims.py.toml", "claims.txt"):
        (tmp_path / name).write_text(text)
        with pytest.raises(SymrgError):
            read(tmp_path / name)
    assert not trace.exists()


def test_peak_memory_is_that_of_the_limit():
    """The whole test process stays small too: nothing above was built here."""
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 << 20  # KiB
