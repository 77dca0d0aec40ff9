"""`python -m tests.windows.search N SEED`: makes N random lists of operations, compares the machine with the plain
model, and shrinks and prints the first list on which they differ."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from simulator.rng import generator
from tests.windows.plain.drive import drive, possible, specified
from tests.windows.plain.records import Op

LENGTHS = (5, 20, 40, 80)


def failure(operations: Sequence[Op]) -> str:
    """What goes wrong with a list of operations; nothing if all is well, or if the plain model doesn't know."""
    if not specified(operations):
        return ""
    try:
        drive(operations)
    except Exception as error:  # noqa: BLE001 # a machine that fails in any way is what is looked for
        return f"{type(error).__name__}: {error}"
    return ""


def shrink(operations: list[Op]) -> list[Op]:
    """A shorter list that goes wrong too: no single operation of it can be left out."""
    size = len(operations) // 2
    while size:
        start = 0
        while start < len(operations):
            fewer = operations[:start] + operations[start + size :]
            if failure(fewer):
                operations = fewer
            else:
                start += size
        size //= 2
    return operations


def main(count: int, seed: int) -> int:
    """Search; 1 if a difference was found."""
    for number in range(seed, seed + count):
        random = generator(number, "search")

        def choose(items: Sequence[Any], random: Any = random) -> Any:
            return items[int(random.integers(len(items)))]

        operations = possible(choose, choose(LENGTHS))
        if failure(operations):
            operations = shrink(operations)
            print(f"seed {number}: {failure(operations)}")  # noqa: T201
            print(*operations, sep="\n")  # noqa: T201
            return 1
        if (number - seed) % 100 == 99:
            print(f"{number - seed + 1} lists agree", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
