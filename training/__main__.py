"""`python -m training`."""

import sys

try:
    from training.cli import main
except ModuleNotFoundError as error:
    package = str(error.name).split(".")[0]
    sys.exit(f"error: the package {package} is not installed: pip install -e '.[train]' in Mien's sources")

main()
