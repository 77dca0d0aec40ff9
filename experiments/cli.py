"""Where environments that were installed before version 0.5 look for the command."""

import sys

from experiments.command.cli import main

if __name__ == "__main__":
    sys.exit(main())
