"""`python -m symrg` is the command `symrg`."""

from symrg.cli import main

if __name__ == "__main__":
    main()
