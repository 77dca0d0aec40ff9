"""The B-tree against a tree of lists, searched entry by entry."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.rng import generator
from tests.workloads.examples import columns, fits
from tests.workloads.naive import LOAD, STORE, Log
from workloads.base import StreamContext
from workloads.draws import scatter, skewed, zipf_table
from workloads.synthetic.btree import BTree

CONTEXT = StreamContext(base=None, seed=1, name="a", page_size=4096, address_space=1 << 50)  # type: ignore[arg-type]


def nodes_of(keys: int, fanout: int) -> list[list[list[Any]]]:
    """The levels of a bulk-loaded tree from the root; a node is a list of (its first key, what it leads to)."""
    level: list[list[Any]] = [[(k, k) for k in range(i, min(i + fanout, keys))] for i in range(0, keys, fanout)]
    levels = [level]
    while len(level) > 1:
        entries = [(node[0][0], number) for number, node in enumerate(level)]
        level = [entries[i : i + fanout] for i in range(0, len(entries), fanout)]
        levels.insert(0, level)
    return levels


def by_entry(tree: BTree, page_size: int, references: int) -> Log:
    """The same operations on a tree of lists."""
    log, levels = Log(page_size, tree.code()), nodes_of(tree.keys, tree.fanout)
    numbers, table = generator(1, "workload/a/keys"), zipf_table(tree.keys, tree.exponent)
    entry = tree.node // tree.fanout
    starts = [tree.code_pages * page_size + tree.node * sum(map(len, levels[:i])) for i in range(len(levels))]
    while log.references < references:
        key = skewed(numbers, tree.keys, tree.exponent, table) * scatter(tree.keys) % tree.keys
        kind, number, address = numbers.random(), 0, 0
        for start, level in zip(starts, levels, strict=True):
            log.step()
            node, address = level[number], start + number * tree.node
            low, high = 0, len(node) - 1
            while low < high:
                middle = (low + high + 1) // 2
                log.at(LOAD, address + middle * entry)
                low, high = (middle, high) if node[middle][0] <= key else (low, middle - 1)
            number = node[low][1]
        assert number == key
        if kind < tree.inserts:
            for moved in range(len(node) - 2, low - 1, -1):
                log.at(LOAD, address + moved * entry)
                log.at(STORE, address + (moved + 1) * entry)
        log.at(STORE if kind < tree.inserts + tree.updates else LOAD, address + low * entry)
    return log


@settings(deadline=None, max_examples=20)
@given(
    keys=st.integers(1, 1500), fanout=st.integers(2, 40), entry=st.integers(1, 300),
    exponent=st.sampled_from([0.0, 0.8]), updates=st.sampled_from([0.0, 0.3]), inserts=st.sampled_from([0.0, 0.5]),
    code=st.sampled_from([0, 2]), page_size=st.sampled_from([64, 1000, 4096]),
)  # fmt: skip
def test_operations_are_those_on_a_tree_of_lists(
    keys: int, fanout: int, entry: int, exponent: float, updates: float, inserts: float, code: int, page_size: int
) -> None:
    tree = BTree(
        keys=keys, fanout=fanout, node=fanout * entry + entry // 2, references=1000, exponent=exponent, updates=updates,
        inserts=inserts, code_pages=code, instructions=3,
    )  # fmt: skip
    stream = tree.stream(replace(CONTEXT, page_size=page_size))
    assert by_entry(tree, page_size, 1000).equals(stream, 1000)


@given(st.integers(1, 5000), st.integers(2, 70))
def test_levels_are_as_wide_as_their_nodes(keys: int, fanout: int) -> None:
    levels = BTree(keys=keys, fanout=fanout, references=1).levels()
    assert levels.tolist() == [len(level) for level in nodes_of(keys, fanout)]


def test_each_level_is_visited_once_in_each_operation() -> None:
    # 20,000 keys in leaves of 100: 200 leaves, 2 nodes above them, a root; a page each, one step each.
    tree = BTree(keys=20_000, fanout=100, references=400_000, code_pages=1, instructions=1)
    assert tree.levels().tolist() == [1, 2, 200]
    page, fetches, _, stores = columns(tree.stream(CONTEXT))
    inner, leaves = (page >= 1) & (page < 4), page >= 4
    operations = int(leaves.sum())
    assert abs(int(fetches.sum()) - 3 * operations) <= 3
    assert abs(int(inner.sum()) - 2 * operations) <= 2
    assert stores.sum() == 0
    # Uniform keys: all leaves alike, by Pearson's test at a significance of 10^-6.
    counts = [int((page == leaf).sum()) for leaf in range(4, 204)]
    assert fits(np.array(counts), np.full(200, 1 / 200))


@pytest.mark.parametrize("wrong", [{"updates": 0.6, "inserts": 0.6}, {"node": 64, "fanout": 65}, {"fanout": 1}])
def test_impossible_trees_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BTree(**{"keys": 10, "references": 1, **wrong})
