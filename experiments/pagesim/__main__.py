"""`python -m pagesim`: the command."""

import sys

import pagesim

sys.exit(pagesim.main())
