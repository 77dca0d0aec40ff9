"""How long a disk takes: the tables of each service model, seek by distance, transfer by page, and the draws."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest

from simulator.config import Disk
from simulator.hardware.quantiles import exponential, from_samples, lognormal
from simulator.hardware.service import QUANTILES, SEEKS, ServiceTable, draw, service_time
from simulator.memory.state import State
from simulator.registry import find, names
from tests.simulator.small import build, loads

MASK = (1 << 64) - 1


def tables(model: str, **parameters: Any) -> ServiceTable:
    """The tables of a registered model."""
    made: ServiceTable = find("disk", model)(**parameters).tables()
    return made


def splitmix(key: int, counter: int) -> int:
    """Draw number `counter`, from plain integers."""
    z = (key + (counter + 1) * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


@pytest.mark.parametrize("name", names("disk"))
def test_every_model_gives_whole_tables(name: str, tmp_path: Path) -> None:
    """Ascending non-negative quantiles, as many as the kernel reads; at least one channel."""
    (tmp_path / "samples").write_text("100\n200\n")
    table = tables(name, **({"read": tmp_path / "samples"} if name == "empirical" else {}))
    for latency in (table.latency_read, table.latency_write):
        assert latency.dtype == np.int64
        assert latency.shape == (QUANTILES,)
        assert latency[0] >= 0
        assert (np.diff(latency) >= 0).all()
    assert table.seek.shape == (SEEKS,)
    assert min(table.per_page_read, table.per_page_write, table.rotation, table.seek.min()) >= 0
    assert table.channels >= 1


def test_a_constant_disk_is_constant() -> None:
    table = tables("constant", read=7, write=9, per_page=2, channels=3)
    assert set(table.latency_read) == {7}
    assert set(table.latency_write) == {9}
    assert (table.per_page_read, table.per_page_write, table.channels, table.rotation) == (2, 2, 3, 0)


@pytest.mark.parametrize("model", ["ssd", "nvme"])
@pytest.mark.parametrize("kind", ["read", "write"])
def test_flash_has_the_median_the_percentile_and_the_mean_of_its_lognormal(model: str, kind: str) -> None:
    """Mean of a log-normal: median x exp(sigma^2 / 2), sigma = ln(p99 / median) / z(0.99)."""
    config = find("disk", model)()
    median, p99 = getattr(config, f"{kind}_median"), getattr(config, f"{kind}_p99")
    latency = getattr(config.tables(), f"latency_{kind}")
    sigma = np.log(p99 / median) / NormalDist().inv_cdf(0.99)
    assert latency[QUANTILES // 2 - 1] <= median <= latency[QUANTILES // 2]
    assert abs((latency <= p99).sum() - 0.99 * QUANTILES) <= 1
    assert latency.mean() == pytest.approx(median * np.exp(sigma**2 / 2), rel=2e-3)


def test_equal_percentiles_make_a_lognormal_constant() -> None:
    assert set(lognormal(500, 500)) == {500}


def test_an_exponential_table_has_its_mean_and_variance() -> None:
    """Slices have the mean of what lies in them, so the mean is nearly exact; the variance lacks what is within a
    slice, 1/4096 of the slices being the tail beyond -ln(1/4096) = 8.3 means."""
    table = exponential(1_000_000)
    assert table.mean() == pytest.approx(1_000_000, rel=1e-4)
    assert table.std() == pytest.approx(1_000_000, rel=1e-3)
    assert (table <= 1_000_000).mean() == pytest.approx(1 - np.exp(-1), abs=1 / QUANTILES)


def test_samples_come_back_as_their_quantiles() -> None:
    """Of 1, 2, ... 4096 the middle of slice i lies between sample i and i + 1."""
    table = from_samples(np.arange(1, QUANTILES + 1, dtype=np.float64))
    assert abs(table - (np.arange(QUANTILES) + 1)).max() <= 1
    assert set(from_samples(np.array([42.0]))) == {42}


def test_measured_reads_stand_in_for_writes_that_were_not_measured(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("# nanoseconds\n10\n\n30 # slow\n")
    table = tables("empirical", read=tmp_path / "r")
    assert (table.latency_read == table.latency_write).all()
    assert (table.latency_read[0], table.latency_read[-1], table.latency_read.mean()) == (10, 30, 20)


@pytest.mark.parametrize(
    ("text", "found"), [("", "found no latency"), ("10\nfast\n", ":2: found 'fast'"), ("-1\n", ":1:")]
)
def test_bad_samples_are_told_by_file_and_line(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "bad").write_text(text)
    with pytest.raises(ValueError, match="bad") as error:
        tables("empirical", read=tmp_path / "bad")
    assert found in str(error.value)


def test_a_hard_disk_seeks_with_the_square_root_of_the_distance() -> None:
    """From 1 ms to 16 ms; at a quarter of the span half of the way between; 7,200 turns a minute are 8.33 ms each."""
    table = tables("hdd")
    assert (table.seek[0], table.seek[-1]) == (1_000_000, 16_000_000)
    assert table.seek[256] == pytest.approx(1_000_000 + 15_000_000 / 2, rel=1e-3)
    assert (np.diff(table.seek) >= 0).all()
    assert table.rotation == 8_333_333
    assert table.channels == 1


def hdd_state() -> State:
    """A disk of 1024 pages with 100 ns overhead, 10 ns a page, 1,000 to 11,000 ns seek, 60,000 ns a revolution."""
    parameters = {
        "track_seek": 1_000,
        "full_seek": 11_000,
        "rotations_per_minute": 1_000_000,
        "per_page": 10,
        "overhead": 100,
    }
    state = build([loads([1])], machine={"disks": {"d": Disk(model="hdd", parameters=parameters)}}).state
    state.arrays["disks"]["span"] = 1024
    return state


def test_service_time_is_overhead_transfer_seek_and_rotation() -> None:
    """The head is at 0. (1) 4 pages from 0: no seek: 100 + 40. (2) from 4, where it ended: the same. (3) from 264,
    256 away: a quarter of 1024 is place 256 of the seek table, 1,000 + 10,000 x sqrt(256/1023) = 6,002; half a turn
    30,000. (4) back by 260, no turn to wait: place 260, 1,000 + 10,000 x sqrt(260/1023) = 6,041."""
    state = hdd_state()
    half = 1 << 31
    taken = [
        service_time(state.address, 0, 0, offset, pages, u)
        for offset, pages, u in [(0, 4, half), (4, 4, half), (264, 0, half), (4, 0, 0)]
    ]
    assert taken == [140, 140, 100 + 6_002 + 30_000, 100 + 6_041]


def test_a_seek_beyond_the_span_takes_the_longest_there_is() -> None:
    state = hdd_state()
    assert service_time(state.address, 0, 0, 5_000, 0, 0) == 100 + 11_000


@pytest.mark.parametrize("key", [0, 1, 0x0123456789ABCDEF, MASK])
def test_draws_are_those_of_splitmix64(key: int) -> None:
    for counter in (0, 1, 2, 1_000_003):
        assert int(draw(np.uint64(key), np.int64(counter))) & MASK == splitmix(key, counter)


def test_draws_are_uniform_over_the_slices() -> None:
    """40,960 draws over 4,096 slices: chi-squared has mean 4,095 and standard deviation 90; five of them are
    allowed."""
    slices = [splitmix(12345, n) >> 52 for n in range(10 * QUANTILES)]
    counts = np.bincount(slices, minlength=QUANTILES)
    assert abs(((counts - 10) ** 2 / 10).sum() - (QUANTILES - 1)) < 5 * 90
