"""Reads damaged trace files: `python -m tests.workloads.fuzz N SEED [--jobs 2] [--first K]`.

Each input is drawn from the seed and its number alone: samples of all formats, cut, changed, spliced, compressed and
damaged again, and now and then a small file that expands to a large one. Whatever the bytes, reading must end in runs
or an InputError of one line. Another exception, memory beyond `ROOM`, more rows than `MOST_ROWS`, or a reader that
doesn't answer for `PATIENCE` seconds (it is ended) is reported, with the input's number and a file that holds it.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import NamedTuple

import numpy as np

from simulator.registry import names
from simulator.rng import generator
from tests.workloads.format_checks import IN_MEMORY
from tests.workloads.samples import samples
from tests.workloads.trace_files import COMPRESS
from workloads.base import InputError
from workloads.traces.cache import open_trace
from workloads.traces.format import guess, named, regions_in
from workloads.traces.runs import OPTIONAL, Runs

ROOM = 768 << 20
"""Bytes of address space that reading may take beside what the process has when everything is loaded."""

PATIENCE = 300.0
"""Seconds without an answer after which a reader is ended; long, since other programs may keep the machine busy."""

MOST_ROWS = 1 << 27
"""Rows that no input of these sizes may turn into: a line of 10 bytes may ask for 65536 pages."""

BOMB = 1 << 24
"""Bytes that a bomb expands to."""

RARE = 4000
"""One input in so many is a bomb; one in 50 goes through the cache."""

INTERESTING = (
    *(b"\0", b"\n", b"\r", b"\xff", b"\t", b" ", b",", b'"', b"-", b"0", b":", b"(", b"e9"),
    *(b"9" * 25, b"0x" + b"f" * 20),
)


class Input(NamedTuple):
    """A file to read, and how."""

    data: bytes
    suffix: str
    format: str
    """a format's name; auto: guessed"""
    cached: bool
    """through the cache, as a config's trace is"""
    bomb: bool


class Answer(NamedTuple):
    """What came of an input."""

    number: int
    outcome: str
    """read, refused, or what went wrong"""
    rows: int
    seconds: float


def drawn(seed: int, number: int) -> Input:
    """The input of a number; the same in every process."""
    rng = generator(seed, f"fuzz/{number}")
    suffixes = list(COMPRESS)
    suffix = "" if rng.random() < 0.6 else suffixes[rng.integers(1, len(suffixes))]
    formats = [*names("format")]
    if rng.integers(RARE) == 0:
        known, content = _bomb(rng)
        return Input(_compressed(content, suffix or ".gz"), suffix or ".gz", known, cached=False, bomb=True)
    known, data = _sample(rng)
    for _ in range(rng.integers(0, 5)):
        data = _damage(rng, data)
    if suffix:
        data = COMPRESS[suffix](data)
        if rng.random() < 0.3:
            data = _damage(rng, data)
    way = rng.random()
    chosen = "auto" if way < 0.4 else known if way < 0.9 else formats[rng.integers(len(formats))]
    return Input(data, suffix, chosen, cached=bool(rng.integers(50) == 0), bomb=False)


def _sample(rng: np.random.Generator) -> tuple[str, bytes]:
    known = samples()
    name = sorted(known)[rng.integers(len(known))]
    return name, known[name][rng.integers(len(known[name]))]


def _damage(rng: np.random.Generator, data: bytes) -> bytes:
    start, length = _place(rng, data), int(rng.integers(1, 40))
    inside = data[start : start + length]
    kind = rng.integers(8)
    if kind == 0:
        return data[:start]
    if kind == 1:
        return data[:start] + rng.bytes(1) + data[start + 1 :]
    if kind == 2:
        return data[:start] + bytes(byte ^ (1 << int(rng.integers(8))) for byte in inside[:1]) + data[start + 1 :]
    if kind == 3:
        return data[:start] + rng.bytes(length) + data[start:]
    if kind == 4:
        return data[:start] + inside * int(rng.integers(2, 50)) + data[start + length :]
    if kind == 5:
        return data[:start] + data[start + length :]
    if kind == 6:
        return data[:start] + INTERESTING[rng.integers(len(INTERESTING))] + data[start + int(rng.integers(3)) :]
    _, other = _sample(rng)
    begin = _place(rng, other)
    return data[:start] + other[begin : begin + int(rng.integers(1, 400))] + data[start + int(rng.integers(0, 400)) :]


def _place(rng: np.random.Generator, data: bytes) -> int:
    return int(rng.integers(0, len(data) + 1))


def _bomb(rng: np.random.Generator) -> tuple[str, bytes]:
    # A format's name, and what is repeated: one byte, a line or a whole sample.
    name, data = _sample(rng)
    lines = data.splitlines(keepends=True)
    return name, [b"\0", b"\n", b" ", b"1", b"1\n", lines[rng.integers(len(lines))], data][rng.integers(7)]


@cache
def _compressed(content: bytes, suffix: str) -> bytes:
    return COMPRESS[suffix](content * max(1, BOMB // len(content)))


def read(path: Path, given: Input) -> int:
    """Read a file as an input says; its rows. Raises InputError, or AssertionError where the runs break their rules."""
    rows, columns = 0, None
    for runs in _runs(path, given):
        rows += len(runs.page)
        found = [name for name in OPTIONAL if getattr(runs, name) is not None]
        assert columns in (None, found), f"columns {columns}, then {found}"
        columns = found
        assert all(column is None or len(column) == len(runs.page) for column in runs), "columns of different lengths"
        assert (runs.fetches.astype(int) + runs.loads + runs.stores > 0).all(), "a run without references"
        assert rows <= MOST_ROWS, f"more than {MOST_ROWS} rows"
    return rows


def _runs(path: Path, given: Input) -> Iterator[Runs]:
    if given.cached:
        stream = open_trace(path, given.format)
        for block in stream.blocks():
            yield Runs(stream.pages[block.page], *block[1:4])
        return
    known = guess(path) if given.format == "auto" else named(given.format)
    regions_in(known, path)
    yield from known.runs(path)


def answer(directory: Path, seed: int, number: int) -> Answer:
    """Make an input, read it, and say what came of it."""
    given = drawn(seed, number)
    path = directory / f"input{given.suffix}"
    path.write_bytes(given.data)
    begin, rows = time.monotonic(), 0
    try:
        rows = read(path, given)
        outcome = "read"
    except InputError as error:
        outcome = "refused" if "\n" not in str(error) and str(error) else f"InputError of several lines: {error!r}"
    except Exception as error:  # noqa: BLE001 - whatever is raised is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        outcome = f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}: {error}"[:300]
    return Answer(number, outcome, rows, time.monotonic() - begin)


def warm(directory: Path) -> None:
    """Load and compile all readers by reading the samples undamaged; raises InputError if one can't be read."""
    for name, contents in samples().items():
        for content in contents:
            path = directory / "input"
            path.write_bytes(content)
            for given in (Input(content, "", name, True, False), Input(content, "", name, False, False)):
                read(path, given)
    for suffix, compress in COMPRESS.items():
        (directory / f"input{suffix}").write_bytes(compress(samples()["text"][0]))
        read(directory / f"input{suffix}", Input(b"", suffix, "text", False, False))


def _work(seed: int, numbers: Iterable[int], pipe: Connection) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as name:
        os.environ["PAGESIM_CACHE"] = str(Path(name) / "cache")
        os.environ["PAGESIM_CACHE_SIZE"] = "1 MiB"
        warm(Path(name))
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
        for number in numbers:
            pipe.send(number)
            pipe.send(answer(Path(name), seed, number))
    pipe.send(None)


class _Worker:
    """A process that reads inputs; another takes its place if it hangs or dies."""

    def __init__(self, seed: int, numbers: range) -> None:
        self.seed, self.numbers = seed, numbers
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(self.seed, self.numbers, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.now, self.since, self.ready = self.numbers.start, time.monotonic(), False

    def heard(self) -> Answer | None:
        """The next answer; None if there is none yet, or no more."""
        try:
            message = self.pipe.recv()
        except EOFError:
            return self.replaced("the reader died")
        self.since, self.ready = time.monotonic(), True
        if isinstance(message, Answer):
            return message
        if message is None:
            self.process.join()
            self.pipe.close()
            self.numbers = self.numbers[:0]
        else:
            self.now = message
        return None

    def replaced(self, why: str) -> Answer:
        """End the process, and let another begin after the input that it was at."""
        self.process.kill()
        self.process.join()
        self.pipe.close()
        if not self.ready:
            raise RuntimeError("a reader could not read the samples undamaged")
        failed = Answer(self.now, why, 0, time.monotonic() - self.since)
        self.numbers = range(self.now + self.numbers.step, self.numbers.stop, self.numbers.step)
        if self.numbers:
            self._start()
        return failed


def answers(seed: int, numbers: range, jobs: int) -> Iterator[Answer]:
    """What came of each input, from `jobs` processes, in no order."""
    workers = [_Worker(seed, numbers[job::jobs]) for job in range(jobs) if numbers[job::jobs]]
    while workers := [worker for worker in workers if worker.numbers]:
        ready = wait([worker.pipe for worker in workers], timeout=1.0)
        for worker in workers:
            found = None
            if worker.pipe in ready:
                found = worker.heard()
            elif worker.ready and time.monotonic() - worker.since > PATIENCE:
                found = worker.replaced(f"no answer in {PATIENCE:.0f} s")
            if found is not None:
                yield found


def main(arguments: list[str], say: Callable[[str], object] = print) -> int:
    """Read the inputs and print the figures; 1 if there was something to report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("inputs", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    given = parser.parse_args(arguments)
    begin, outcomes, rows, slowest = time.monotonic(), Counter[str](), 0, Answer(0, "", 0, 0.0)
    for count, found in enumerate(answers(given.seed, range(given.first, given.first + given.inputs), given.jobs), 1):
        right = found.outcome in ("read", "refused")
        outcomes[found.outcome if right else "reported"] += 1
        rows, slowest = rows + found.rows, max(slowest, found, key=lambda each: each.seconds)
        if not right:
            say(f"input {found.number} of seed {given.seed}, kept in {kept(given.seed, found.number)}: {found.outcome}")
        if count % 10_000 == 0:
            say(f"{count} inputs in {time.monotonic() - begin:.0f} s: {dict(outcomes)}")
    seconds, peak = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10
    say(
        f"{sum(outcomes.values())} inputs in {seconds:.0f} s ({sum(outcomes.values()) / seconds:.0f} a second): "
        f"{outcomes['read']} read ({rows} rows), {outcomes['refused']} refused, {outcomes['reported']} reported; "
        f"the slowest, {slowest.number}, took {slowest.seconds:.2f} s; most memory {peak} MiB"
    )
    return int(outcomes["reported"] > 0)


def kept(seed: int, number: int) -> Path:
    """A file that holds an input, and how it was read in its name."""
    given = drawn(seed, number)
    way = f"{given.format}{'-cached' if given.cached else ''}"
    path = Path(tempfile.gettempdir()) / f"pagesim-fuzz-{seed}-{number}-{way}{given.suffix}"
    path.write_bytes(given.data)
    return path


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main(sys.argv[1:]))
