# Two commands: `make reproduce` runs the main job, `make test` passes the tests. Both build .venv first.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.PHONY: reproduce test coverage examples check docs bench format clean help

help:            ## list the targets
	@grep -hE '^[a-z]+: .*##|^[a-z]+:  +##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/'

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "symrg needs Python 3.11 or later; this is " + sys.version)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

reproduce: $(STAMP)  ## the main job: derive, verify, solve, train, prune, report
	$(BIN)/symrg reproduce

test: $(STAMP)  ## the whole test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

coverage: $(STAMP)  ## the whole suite with the branch coverage of each module
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term

examples: $(STAMP)  ## every example of every command's --help, through a shell, as printed (half an hour)
	SYMRG_ALL_EXAMPLES=1 $(BIN)/python -m pytest tests/test_help_examples.py

check: $(STAMP)  ## lint, types, import arrows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP)  ## the documentation, strictly: warnings are errors, every code block runs
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[docs]'
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -W -n -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

# py-pde, fplanck and FiPy want Python 3.12 or later, so the benchmark's peers have an environment of their own
PEERS       := .venv-peers
PEER_PYTHON ?= $(firstword $(shell for p in python3.14 python3.13 python3.12 python3 $$HOME/.pyenv/versions/3.1[2-9]*/bin/python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null && echo "$$p"; done))

$(PEERS)/.installed:
	@if [ -z "$(PEER_PYTHON)" ]; then echo "no Python 3.12 or later found: the peers are left out"; mkdir -p $(PEERS); else \
	$(PEER_PYTHON) -m venv $(PEERS) && $(PEERS)/bin/python -m pip install --quiet py-pde fplanck scikit-fem fipy diffrax; fi
	touch $@

# the Fisher stage's peers are measured with the torch of .venv, which their environment sees
FISHER_PEERS := .venv-fisher-peers
PURELIB      := import sysconfig; print(sysconfig.get_paths()["purelib"])

$(FISHER_PEERS)/.installed: $(STAMP)
	$(BIN)/python -m venv $(FISHER_PEERS)
	echo "import site; site.addsitedir('$$($(BIN)/python -c '$(PURELIB)')')" \
	  > "$$($(FISHER_PEERS)/bin/python -c '$(PURELIB)')/symrg.pth"
	$(FISHER_PEERS)/bin/python -m pip install --quiet backpack-for-pytorch nngeometry asdfghjkl curvlinops-for-pytorch
	touch $@

bench: $(STAMP) $(PEERS)/.installed $(FISHER_PEERS)/.installed  ## solvers, kernels, Fisher estimators beside other packages
	$(BIN)/python benchmarks/solvers.py --table build/benchmarks.md
	$(BIN)/python benchmarks/lines.py
	$(BIN)/python benchmarks/codegen.py
	OMP_NUM_THREADS=1 $(FISHER_PEERS)/bin/python benchmarks/fisher.py

format: $(STAMP)  ## lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:  ## remove what make built
	rm -rf $(VENV) $(PEERS) $(FISHER_PEERS) report .pytest_cache .mypy_cache .ruff_cache .hypothesis
