"""Matrix multiplication against its loops, element by element."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workloads.examples import columns
from tests.workloads.naive import LOAD, STORE, Log, stretches
from workloads.base import InputError, StreamContext
from workloads.synthetic.matrix_multiply import MatrixMultiply

CONTEXT = StreamContext(base=None, seed=1, name="a", page_size=64, address_space=1 << 40)  # type: ignore[arg-type]


def by_element(n: int, block: int, element: int, page_size: int, code: tuple[int, int]) -> Log:
    """The textbook's loops."""
    log, matrix = Log(page_size, code), -(-n * n * element // page_size)
    a, b, c = (page_size * (code[0] + k * matrix) for k in range(3))
    starts = range(0, n, block)
    for ii, jj, kk in ((ii, jj, kk) for ii in starts for jj in starts for kk in starts):
        for i in range(ii, min(ii + block, n)):
            for j in range(jj, min(jj + block, n)):
                log.step()
                if kk > 0:
                    log.at(LOAD, c + (i * n + j) * element)
                for k in range(kk, min(kk + block, n)):
                    log.at(LOAD, a + (i * n + k) * element)
                    log.at(LOAD, b + (k * n + j) * element)
                log.at(STORE, c + (i * n + j) * element)
    return log


@settings(deadline=None, max_examples=30)
@given(
    st.integers(1, 14), st.integers(0, 16), st.sampled_from([1, 4, 8, 24, 200]), st.sampled_from([64, 96, 4096]),
    st.sampled_from([0, 1, 3]),
)  # fmt: skip
def test_the_references_are_those_of_the_loops(n: int, block: int, element: int, page_size: int, code: int) -> None:
    workload = MatrixMultiply(n=n, block=block, element=element, code_pages=code, instructions=5)
    stream = workload.stream(replace(CONTEXT, page_size=page_size))
    log = by_element(n, min(block or n, n), element, page_size, (code, 5))
    assert log.equals(stream)
    assert stream.references == log.references
    assert len(stream.pages) == code + 3 * -(-n * n * element // page_size)


def test_long_rows_come_in_blocks() -> None:
    stream = MatrixMultiply(n=50).stream(CONTEXT)
    assert by_element(50, 50, 8, 64, (0, 1)).equals(stream)
    assert len(list(stream.blocks())) > 2
    row = MatrixMultiply(n=1 << 20, element=1).stream(replace(CONTEXT, page_size=1 << 20, address_space=1 << 50))
    first = next(row.blocks())
    # Row 0 of A is one page; column 0 of B has each element on a page of its own.
    assert first.page[:6].tolist() == [0, 1 << 20, 0, (1 << 20) + 1, 0, (1 << 20) + 2]


def test_three_matrices_of_two_pages_by_hand() -> None:
    # 2 x 2 elements of 8 bytes in pages of 16: a row is a page. C00 = A00 B00 + A01 B10, and so on.
    stream = MatrixMultiply(n=2).stream(replace(CONTEXT, page_size=16))
    a0, a1, b0, b1, c0, c1 = range(6)
    one = [[b0, 0, 1, 0], [a0, 0, 1, 0], [b1, 0, 1, 0], [c0, 0, 0, 1]]
    two = [[b0, 0, 1, 0], [a1, 0, 1, 0], [b1, 0, 1, 0], [c1, 0, 0, 1]]
    first = [[a0, 0, 1, 0], *one, [a0, 0, 1, 0], *one, [a1, 0, 1, 0], *two, [a1, 0, 1, 0], *two]
    assert stretches(stream) == first
    assert all((column >= 0).all() for column in columns(stream))


def test_matrices_too_large_are_refused() -> None:
    with pytest.raises(InputError, match="found a footprint of"):
        MatrixMultiply(n=1 << 20, element=4096).stream(CONTEXT)
