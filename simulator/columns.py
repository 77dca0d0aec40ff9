"""Columns of pandas frames, made from the codes and numbers of the machine's logs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def category(codes: NDArray[Any], names: Sequence[str]) -> pd.Categorical:
    """The names at these places; missing where a code is -1."""
    return pd.Categorical.from_codes(codes, categories=pd.Index(list(names), dtype=object))


def known(values: NDArray[Any], which: NDArray[np.bool_]) -> pd.arrays.IntegerArray:
    """The values, missing where `which` is false."""
    return pd.arrays.IntegerArray(np.where(which, values, values.dtype.type(0)), ~which)
