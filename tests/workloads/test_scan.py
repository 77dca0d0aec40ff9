"""What a field of a table says is what Python says it is."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from workloads.traces.scan import MOST_TICKS, after_quoted, hash_of, number_at, ticks_at, word_at, words_table


def text_of(field: str) -> NDArray[np.uint8]:
    """A field as the text that a parser gets."""
    return np.frombuffer(f"{field}\n".encode(), np.uint8)


@settings(deadline=None)
@given(number=st.integers(0, 1 << 65) | st.integers((1 << 64) - 3, (1 << 64) + 3), zeros=st.integers(0, 2))
@example(number=(1 << 64) - 1, zeros=0)
@example(number=1 << 64, zeros=0)
@example(number=10**19, zeros=0)
def test_numbers_are_read_up_to_64_bits(number: int, zeros: int) -> None:
    for written, hexadecimal in (
        (f"{number}", False),
        (f"0x{number:0{min(16, zeros)}x}", False),
        (f"0X{number:X}", True),
        (f"{number:x}", True),
    ):
        at, found = number_at(text_of(written), 0, hexadecimal)
        assert (at, found) == (len(written), number) if number < 1 << 64 else at == -1


@pytest.mark.parametrize("field", ["", "x", "-1", "+1", " 1", "0x", "0xg", "9" * 40, "1" + "0" * 20])
def test_what_is_no_number_is_refused(field: str) -> None:
    assert number_at(text_of(field), 0, 0)[0] == -1


@settings(deadline=None)
@given(
    number=st.decimals(-(10**10), 10**10, places=11, allow_nan=False) | st.integers(-MOST_TICKS, MOST_TICKS),
    digits=st.sampled_from([0, 3, 6, 9]),
)
@example(number=1_700_000_000_123_456_789, digits=0)
@example(number=Decimal("1700000000.123456789"), digits=9)
@example(number=Decimal("0.0000000005"), digits=9)
@example(number=Decimal("1567728010.8618117935"), digits=9)
@example(number=Decimal("0.00000000049999"), digits=9)
def test_times_are_read_to_the_last_digit(number: Decimal | int, digits: int) -> None:
    field = f"{Decimal(number):f}"
    exact = (Decimal(number) * 10**digits).quantize(Decimal(1), ROUND_HALF_UP)
    at, found = ticks_at(text_of(field), 0, digits)
    if abs(exact) < MOST_TICKS - 10:
        assert (at, found) == (len(field), exact)
    elif abs(exact) > MOST_TICKS + 10:
        assert at == -1


@settings(deadline=None)
@given(number=st.floats(-1e9, 1e9))
def test_times_that_python_prints_are_read(number: float) -> None:
    field = repr(number)
    at, found = ticks_at(text_of(field), 0, 9)
    exact = int((Decimal(field) * 10**9).quantize(Decimal(1), ROUND_HALF_UP))
    assert at == len(field)
    assert abs(found - exact) <= 1 if len(field) > 18 else found == exact


@pytest.mark.parametrize("field", ["", ".", "-", "e5", "1e", "1e+", "1e9999", "1e99999", "9" * 20, "1e10", "-1e10"])
def test_what_is_no_time_is_refused(field: str) -> None:
    at, _ = ticks_at(text_of(field), 0, 9)
    assert at == -1 or at < len(field)


def test_words_are_found_in_any_case_and_up_to_their_end() -> None:
    keys, values = words_table((("r", 1), ("write", 2), ("eightlet", 3)))
    for field, value in (("R", 1), ("wRiTe", 2), ("EIGHTLET", 3), ("r,w", 1), ("r w", 1), ('r"', 1)):
        assert word_at(text_of(field), 0, ord(","), keys, values)[1] == value
    for field in ("", "rr", "writer", "eightlets", "eightle"):
        assert word_at(text_of(field), 0, ord(","), keys, values)[1] == 0


def test_quotes_end_at_the_quote_that_is_not_doubled() -> None:
    assert after_quoted(text_of('ab""c",d'), 0) == 5
    assert after_quoted(text_of('ab""'), 0) == -1


def test_hashes_tell_ids_apart_and_are_never_0_or_all_ones() -> None:
    ids = [f"{prefix}{number}" for prefix in ("", "key:", "k") for number in range(3000)]
    found = [int(hash_of(text_of(field), 0, len(field))) for field in ids]
    assert len(set(found)) == len(ids)
    assert 0 < min(found) <= max(found) < (1 << 64) - 1
    assert hash_of(text_of("a  "), 0, 3) == hash_of(text_of("a"), 0, 1)
