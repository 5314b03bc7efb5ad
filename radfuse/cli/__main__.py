"""`python -m radfuse.cli`."""

from radfuse.cli import main

main()
