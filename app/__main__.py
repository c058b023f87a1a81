"""`python -m app` is the `mien` command line."""

from app.cli import main

main()
