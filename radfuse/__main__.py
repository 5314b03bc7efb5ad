"""`python -m radfuse`."""

from radfuse.cli import main

main()
