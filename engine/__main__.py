"""`python -m engine` is `posthoused`."""

from engine.cli import main

main()
