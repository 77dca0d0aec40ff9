"""Records: classes whose annotations are at once the fields of a numpy dtype, the attributes that compiled code reads
and writes, and the types that mypy checks.

A field is annotated with its Python type and its place in memory: `I4[Frame]` is a number of a frame, kept in four
bytes. A field may be a record itself. `Field(kind, shape)` is a short array inside the record; `Field(kind,
length=...)` an array elsewhere, of which the record keeps the address (in a field `<name>_at`), and whose length
another field holds. A field begins with the value that the class gives it, else with 0.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, NewType, Protocol, TypeVar, get_type_hints

import numpy as np

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

NONE: Any = -1
"""The number of no frame, page, content, thread or the like."""
Frame = NewType("Frame", int)
"""Number of a page frame."""
Pte = NewType("Pte", int)
"""Number of a page-table entry; in a working set also called its entry."""
Content = NewType("Content", int)
"""Number of page contents: what a frame or a slot of a paging file holds, resident or not."""
Thread = NewType("Thread", int)
"""Number of a thread."""
Nanoseconds = int
"""A simulated time, or a duration; a name only, for sums of times are times."""

I1 = Annotated[T, "i1"]
U1 = Annotated[T, "u1"]
I4 = Annotated[T, "i4"]
U4 = Annotated[T, "u4"]
I8 = Annotated[T, "i8"]
U8 = Annotated[T, "u8"]
F8 = Annotated[T, "f8"]


class Rows(Protocol[R_co]):
    """An array of records, as compiled code has it: `rows[i].field` is read, and written, in place."""

    def __getitem__(self, index: int, /) -> R_co:
        """One record."""

    def __getattr__(self, name: str, /) -> Any:
        """What all of them have as one field, which is a record itself: `rows.link[i]` is `rows[i].link`."""


class Field(Generic[T]):
    """One field of a record: its type in memory and, for an array, its shape or the field that holds its length."""

    def __init__(self, kind: Any, shape: tuple[int, ...] = (), length: str = "") -> None:
        self.kind = kind
        """"i4" or the like, or a class of records"""
        self.shape = shape
        self.length = length
        """of an array elsewhere: the field with the number of its items"""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of one item."""
        return np.dtype(getattr(self.kind, "dtype", self.kind))


class Record:
    """The base of all records; `dtype` is the record in memory, `fields` tells of each attribute."""

    dtype: np.dtype[Any]
    fields: dict[str, Field[Any]]

    def __init_subclass__(cls) -> None:
        """Lay out a record."""
        cls.fields = {}
        layout: list[Any] = []
        for name, hint in get_type_hints(cls, include_extras=True).items():
            if name in ("dtype", "fields"):
                continue
            kind, *rest = getattr(hint, "__metadata__", (hint,))
            field = cls.fields[name] = kind if isinstance(kind, Field) else Field(kind, *rest)
            layout.append((f"{name}_at", "i8") if field.length else (name, field.dtype, field.shape))
        cls.dtype = np.dtype(layout, align=True)

    @classmethod
    def begin(cls, rows: Any) -> None:
        """Give the fields of new records, all zeros, the values that they begin with."""
        for name, field in cls.fields.items():
            if hasattr(cls, name):
                rows[name] = getattr(cls, name)
            elif isinstance(field.kind, type) and issubclass(field.kind, Record) and not field.length:
                field.kind.begin(rows[name])


class Nothing(Record):
    """A record without fields."""
