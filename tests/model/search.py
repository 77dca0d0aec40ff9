"""`python -m tests.model.search N SEED`: random machines, engine against model, the first disagreement in full.

Case number i of a search is `random_case(Random(SEED + i))`, so any case is found again with `search 1 SEED+i`.
Exit status: 0 all agree, 1 a disagreement or an exception.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import signal
import sys
import time
import traceback
from typing import Any, Self

from simulator.config import Machine, MemoryManager, Process
from tests.model.cases import PAGE, Case, RunList, Spec, code
from tests.model.compare import differences, run_engine
from tests.model.machines import random_case
from tests.model.shrink import shrink

HANGS = 20
"""processor seconds after which a case counts as hanging"""


def _expire(signum: int, frame: Any) -> None:
    del signum, frame
    raise TimeoutError(f"no end within {HANGS} s")


def examine(case: Case, check: bool) -> list[str] | None:
    """`differences`, with exceptions and hangs as differences too."""
    signal.signal(signal.SIGPROF, _expire)
    signal.setitimer(signal.ITIMER_PROF, HANGS)
    try:
        return differences(case, check)
    except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is searched for
        return [f"exception: {type(error).__name__}", traceback.format_exc(limit=-8)]
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _warm_up() -> None:
    """Let the engine be compiled before anything is timed."""
    with contextlib.suppress(Exception):
        spec = Spec(Process(name="a"), (RunList([(1, 0, 1, 1)]),))
        run_engine(Case(Machine(memory=8 * PAGE), MemoryManager(), [spec]))


def _examine_seed(job: tuple[int, bool]) -> tuple[int, list[str] | None]:
    seed, check = job
    return seed, examine(random_case(random.Random(seed)), check)


def _category(lines: list[str] | None) -> str:
    return (lines or ["agree"])[0].split(":")[0]


def _report(seed: int, lines: list[str], options: argparse.Namespace) -> None:
    out = _say
    case = random_case(random.Random(seed))
    out(f"seed {seed} disagrees:\n")
    if options.shrink:
        kind = _category(lines) in {"exception", "outcome"}

        def fails(smaller: Case) -> bool:
            found = examine(smaller, False)
            return bool(found) and (
                _category(found) == _category(lines) if kind else "exception" not in _category(found)
            )

        case = shrink(case, fails, options.shrink)
        lines = examine(case, True) or lines
    out("\n".join(lines[:120]) + "\n")
    if options.code or options.shrink:
        out(code(case) + "\n")


def main() -> int:
    """Run the search."""
    parser = argparse.ArgumentParser(prog="python -m tests.model.search", description=__doc__)
    parser.add_argument("count", type=int, help="how many machines")
    parser.add_argument("seed", type=int, help="seed of the first one")
    parser.add_argument("--jobs", type=int, default=1, help="processes to use")
    parser.add_argument("--shrink", type=float, default=0, metavar="SECONDS", help="make the case smaller first")
    parser.add_argument("--code", action="store_true", help="print the case as constructor code")
    parser.add_argument("--check", action="store_true", help="check the model's invariants after every action")
    parser.add_argument("--all", action="store_true", help="go on after a disagreement, one line each")
    options = parser.parse_args()
    jobs = [(options.seed + i, options.check) for i in range(options.count)]
    skipped = bad = done = 0
    _warm_up()
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(options.jobs, _warm_up) if options.jobs > 1 else _Here() as pool:
        for seed, lines in pool.imap_unordered(_examine_seed, jobs):
            done += 1
            skipped += lines is None
            if lines:
                bad += 1
                if not options.all:
                    _report(seed, lines, options)
                    break
                _say(f"seed {seed}: {lines[0]}\n")
    seconds = time.monotonic() - began
    _say(f"{done} machines, {bad} disagree, {skipped} too long to compare, {seconds:.1f} s\n")
    return 1 if bad else 0


class _Here:
    """A pool of this process alone."""

    imap_unordered = staticmethod(map)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


if __name__ == "__main__":
    sys.exit(main())
