"""The hash join against one with lists, tuple by tuple."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.rng import generator
from tests.workloads.examples import columns, fits
from tests.workloads.naive import LOAD, STORE, WORD, Log
from workloads.base import InputError, StreamContext
from workloads.draws import skewed, zipf_table
from workloads.synthetic.hash_join import HashJoin, _hash

CONTEXT = StreamContext(base=None, seed=1, name="a", page_size=4096, address_space=1 << 50)  # type: ignore[arg-type]


def splitmix(key: int) -> int:
    """The finaliser of splitmix64, 62 bits."""
    mask = (1 << 64) - 1
    z = (key + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) >> 2


def probe_keys(join: HashJoin) -> list[int]:
    """Keys of the probe table."""
    numbers, table = generator(1, "workload/a/keys"), zipf_table(join.build, join.exponent)
    keys = []
    for _ in range(join.probe):
        if join.matches < 1 and numbers.random() >= join.matches:
            keys.append(join.build + int(numbers.random() * join.build))
        else:
            keys.append(skewed(numbers, join.build, join.exponent, table))
    return keys


class Joined:
    """The same join; a hash table is a list of keys."""

    def __init__(self, join: HashJoin, page_size: int) -> None:
        """Runs it."""
        self.join, self.log = join, Log(page_size, join.code())
        self.found: list[int] = []
        tables = [list(range(join.build)), probe_keys(join)]
        parts = [[[key for key in keys if self.part(key) == p] for p in range(join.partitions)] for keys in tables]
        largest = max(map(len, parts[0]))
        self.slots = int(largest / join.load_factor) + 1
        self.bases, at = [], join.code_pages * page_size
        for length in (join.build, join.probe, self.slots, join.build, join.probe):
            self.bases.append(at)
            at += -(-length * join.width // page_size) * page_size
        if join.partitions == 1:
            self.one(tables, self.bases[:2])
            return
        for which in (0, 1):
            self.partition(which, tables[which], parts[which])
        for p in range(join.partitions):
            begins = [sum(map(len, parts[which][:p])) * join.width for which in (0, 1)]
            for slot in range(self.slots if p else 0):
                self.log.words(STORE, self.bases[2] + slot * join.width, join.width)
            self.one([parts[0][p], parts[1][p]], [self.bases[3] + begins[0], self.bases[4] + begins[1]])

    def part(self, key: int) -> int:
        """The partition of a key."""
        return (splitmix(key) >> 32) % self.join.partitions

    def partition(self, which: int, keys: list[int], parts: list[list[int]]) -> None:
        """Counting and copying."""
        width, done = self.join.width, [0] * len(parts)
        self.log.steps = 0
        for i in range(len(keys)):
            self.log.step()
            self.log.at(LOAD, self.bases[which] + i * width)
        self.log.steps = 0
        for i, key in enumerate(keys):
            self.log.step()
            self.log.words(LOAD, self.bases[which] + i * width, width)
            p = self.part(key)
            place = sum(map(len, parts[:p])) + done[p]
            done[p] += 1
            self.log.words(STORE, self.bases[3 + which] + place * width, width)

    def one(self, tables: list[list[int]], bases: list[int]) -> None:
        """Building and probing."""
        slots: list[int | None] = [None] * self.slots
        width = self.join.width
        for keys, base, building in zip(tables, bases, (True, False), strict=True):
            self.log.steps = 0
            for i, key in enumerate(keys):
                self.log.step()
                self.log.words(LOAD, base + i * width, width)
                slot = splitmix(key) % self.slots
                self.log.at(LOAD, self.bases[2] + slot * width)
                while slots[slot] is not None and (building or slots[slot] != key):
                    slot = (slot + 1) % self.slots
                    self.log.at(LOAD, self.bases[2] + slot * width)
                if building:
                    slots[slot] = key
                    self.log.words(STORE, self.bases[2] + slot * width, width)
                elif slots[slot] is not None:
                    self.found.append(key)
                    self.log.words(LOAD, self.bases[2] + slot * width + WORD, width - WORD)


@settings(deadline=None, max_examples=40)
@given(
    build=st.integers(1, 120), probe=st.integers(0, 200), width=st.integers(1, 70),
    load_factor=st.sampled_from([0.3, 0.95]), partitions=st.sampled_from([1, 1, 2, 5]),
    matches=st.sampled_from([1.0, 0.4, 0.0]), exponent=st.sampled_from([0.0, 0.9]), code=st.sampled_from([0, 2]),
    page_size=st.sampled_from([64, 1000, 4096]),
)  # fmt: skip
def test_references_are_those_of_a_join_with_lists(
    build: int, probe: int, width: int, load_factor: float, partitions: int, matches: float, exponent: float,
    code: int, page_size: int,
) -> None:  # fmt: skip
    join = HashJoin(
        build=build, probe=probe, width=width, load_factor=load_factor, partitions=partitions, matches=matches,
        exponent=exponent, code_pages=code, instructions=3,
    )  # fmt: skip
    stream = join.stream(replace(CONTEXT, page_size=page_size))
    naive = Joined(join, page_size)
    assert naive.log.equals(stream)
    assert columns(stream)[0].max() < len(stream.pages)
    assert stream.references is None
    keys = probe_keys(join)
    assert sorted(naive.found) == sorted(key for key in keys if key < build)


def test_long_tables_are_joined_across_blocks() -> None:
    join = HashJoin(build=5000, probe=9000, load_factor=0.9)
    stream = join.stream(replace(CONTEXT, page_size=256))
    assert len(list(stream.blocks())) > 1
    assert Joined(join, 256).log.equals(stream)


def test_hashes_are_spread_evenly() -> None:
    hashes = np.array([_hash(key) for key in range(50_000)])
    assert hashes.tolist()[:100] == [splitmix(key) for key in range(100)]
    for buckets in (hashes % 97, (hashes >> 32) % 64):  # Pearson, significance 10^-6
        assert fits(np.bincount(buckets), np.full(buckets.max() + 1, 1 / (buckets.max() + 1)))


def test_tables_too_large_are_refused() -> None:
    with pytest.raises(InputError, match="a: found a footprint of"):
        HashJoin(build=1, probe=1 << 30, width=1 << 16).stream(CONTEXT)
