"""`python -m symrg` is the command `symrg`."""

import sys

from symrg.cli import main

sys.exit(main())
