"""How compiled code reaches the machine's state: `m.frames[f].state`, `m.now += cost`.

`m` is the address of a `MachineRecord`. To mypy it is that record; to numba it is a 64-bit integer, because numba takes
an integer from Python in a tenth of the time of a record array, and this module gives integers the record's attributes.
An attribute is a load or a store at a fixed place, so no function has to be compiled for it, and what isn't used costs
nothing.

Rows and records know their address alone. A number read from a record has 64 bits, whatever it takes in memory, so that
code needn't widen it. An array inside a record, or one that its record points at, is an ordinary array for numba.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils, imputils
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr, infer_global
from numba.extending import intrinsic, models, register_model
from numba.np import arrayobj, numpy_support

from simulator.compile import CHECKED, refuse_outside
from simulator.state.record import Field, Record
from simulator.state.schema import MachineRecord

_WITHOUT_END = 1 << 40
"""The length of an array whose indices aren't checked."""
_BYTES = ir.IntType(8).as_pointer()
_WORD = ir.IntType(64)


class _Row(types.Type):  # type: ignore[misc]
    """One record, by its address."""

    def __init__(self, record: type[Record]) -> None:
        self.record = record
        super().__init__(f"Row({record.__module__}.{record.__qualname__})")


class _Rows(types.Type):  # type: ignore[misc]
    """An array of records, by its address, the distance between two of them in memory (more than one takes, if they are
    one field of larger ones) and, where indices are checked, its length."""

    def __init__(self, record: type[Record]) -> None:
        self.record = record
        super().__init__(f"Rows({record.__module__}.{record.__qualname__})")


class PolicyMachine(types.Type):  # type: ignore[misc]
    """The machine, as a policy's functions have it: with the policy's own state."""

    machine = types.int64
    """what it is to functions that know no policy"""

    def __init__(self, own: type[Record], page: type[Record], process: type[Record]) -> None:
        self.records = {"own": own, "page": page, "process_state": process}
        names = ", ".join(f"{record.__module__}.{record.__qualname__}" for record in self.records.values())
        super().__init__(f"PolicyMachine({names})")


@register_model(_Row)
class _RowModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _BYTES)


@register_model(_Rows)
class _RowsModel(models.StructModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        members = [("base", types.voidptr), ("length", types.int64), ("stride", types.int64)]
        super().__init__(manager, kind, members)


@register_model(PolicyMachine)
class _PolicyMachineModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _WORD)


def _attribute(record: type[Record], name: str) -> Field[Any] | None:
    """The field behind an attribute; the address of an array elsewhere is a number of its own."""
    if name.endswith("_at") and name.removesuffix("_at") in record.fields:
        return Field("i8")
    return record.fields.get(name)


def _type(field: Field[Any]) -> Any:
    """What numba takes an attribute for."""
    if isinstance(field.kind, type):
        return (_Rows if field.length or field.shape else _Row)(field.kind)
    item = numpy_support.from_dtype(field.dtype)
    if field.length:
        return types.Array(item, 1, "C")
    if field.shape:
        return types.Array(item, len(field.shape), "C")
    return types.int64 if isinstance(item, types.Integer) and item != types.uint64 else item


@infer_getattr
class _RowAttributes(AttributeTemplate):  # type: ignore[misc]
    key = _Row

    def generic_resolve(self, row: Any, name: str) -> Any:
        field = _attribute(row.record, name)
        return None if field is None else _type(field)


@infer_getattr
class _MachineAttributes(AttributeTemplate):  # type: ignore[misc]
    key = types.int64

    def generic_resolve(self, _machine: Any, name: str) -> Any:
        field = _attribute(MachineRecord, name)
        return None if field is None else _type(field)


@infer_getattr
class _PolicyMachineAttributes(AttributeTemplate):  # type: ignore[misc]
    key = PolicyMachine

    def generic_resolve(self, machine: Any, name: str) -> Any:
        if name in machine.records:
            return (_Row if name == "own" else _Rows)(machine.records[name])
        field = _attribute(MachineRecord, name)
        return None if field is None else _type(field)


@infer_getattr
class _RowsAttributes(AttributeTemplate):  # type: ignore[misc]
    key = _Rows

    def generic_resolve(self, rows: Any, name: str) -> Any:
        field = _attribute(rows.record, name)
        return _Rows(field.kind) if field is not None and isinstance(_type(field), _Row) else None


@infer_global(operator.getitem)
class _GetRow(AbstractTemplate):  # type: ignore[misc]
    def generic(self, arguments: Any, _keywords: Any) -> Any:
        rows, index = arguments
        if isinstance(rows, _Rows) and isinstance(types.unliteral(index), types.Integer):
            return signature(_Row(rows.record), rows, types.int64)
        return None


def _place(builder: Any, record: type[Record], base: Any, name: str) -> Any:
    """The address of a field in memory."""
    offset = record.dtype.fields[name][1]  # type: ignore[index]
    return builder.gep(base, [_WORD(offset)], inbounds=True)


def _load(context: Any, builder: Any, place: Any, kind: Any) -> Any:
    return context.unpack_value(builder, kind, builder.bitcast(place, context.get_data_type(kind).as_pointer()))


def _array(context: Any, builder: Any, kind: Any, data: Any, shape: list[Any]) -> Any:
    """An array at an address, which nobody owns."""
    array = arrayobj.make_array(kind)(context, builder)
    size = context.get_abi_sizeof(context.get_data_type(kind.dtype))
    strides: list[Any] = []
    step = _WORD(size)
    for length in reversed(shape):
        strides.insert(0, step)
        step = builder.mul(step, length)
    pointer = builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer())
    arrayobj.populate_array(array, pointer, shape, strides, size, None)
    return array._getvalue()


def _rows(context: Any, builder: Any, record: type[Record], data: Any, length: Any, stride: Any = None) -> Any:
    rows = cgutils.create_struct_proxy(_Rows(record))(context, builder)
    rows.base, rows.length = data, length
    rows.stride = _WORD(record.dtype.itemsize) if stride is None else stride
    return rows._getvalue()


def _read(context: Any, builder: Any, record: type[Record], base: Any, name: str) -> Any:
    field = _attribute(record, name)
    assert field is not None
    kind = _type(field)
    if field.length:
        length = _read(context, builder, record, base, field.length) if CHECKED else _WORD(_WITHOUT_END)
        address = _load(context, builder, _place(builder, record, base, f"{name}_at"), types.int64)
        data = builder.inttoptr(address, _BYTES)
        if isinstance(kind, types.Array):
            return _array(context, builder, kind, data, [length])
        return _rows(context, builder, kind.record, data, length)
    place = _place(builder, record, base, name)
    if isinstance(kind, _Row):
        return place
    if isinstance(kind, _Rows):
        return _rows(context, builder, kind.record, place, _WORD(field.shape[0]))
    if field.shape:
        return _array(context, builder, kind, place, [_WORD(length) for length in field.shape])
    stored = numpy_support.from_dtype(field.dtype)
    return context.cast(builder, _load(context, builder, place, stored), stored, kind)


def _write(context: Any, builder: Any, record: type[Record], base: Any, name: str, value: Any, kind: Any) -> None:
    field = _attribute(record, name)
    assert field is not None
    stored = numpy_support.from_dtype(field.dtype)
    place = builder.bitcast(_place(builder, record, base, name), context.get_data_type(stored).as_pointer())
    context.pack_value(builder, stored, context.cast(builder, value, kind, stored), place)


@imputils.lower_getattr_generic(_Row)  # type: ignore[untyped-decorator]
def _read_row(context: Any, builder: Any, kind: Any, row: Any, name: str) -> Any:
    return _read(context, builder, kind.record, row, name)


@imputils.lower_setattr_generic(_Row)  # type: ignore[untyped-decorator]
def _write_row(context: Any, builder: Any, call: Any, arguments: Any, name: str) -> None:
    _write(context, builder, call.args[0].record, arguments[0], name, arguments[1], call.args[1])


@imputils.lower_getattr_generic(types.int64)  # type: ignore[untyped-decorator]
def _read_machine(context: Any, builder: Any, _kind: Any, m: Any, name: str) -> Any:
    return _read(context, builder, MachineRecord, builder.inttoptr(m, _BYTES), name)


@imputils.lower_getattr_generic(PolicyMachine)  # type: ignore[untyped-decorator]
def _read_policy_machine(context: Any, builder: Any, kind: Any, m: Any, name: str) -> Any:
    base = builder.inttoptr(m, _BYTES)
    if name not in kind.records:
        return _read(context, builder, MachineRecord, base, name)
    address = _read(context, builder, MachineRecord, base, f"{name}_at")
    data = builder.inttoptr(address, _BYTES)
    if name == "own":
        return data
    length = _read(context, builder, MachineRecord, base, f"{name}_room")
    return _rows(context, builder, kind.records[name], data, length)


@imputils.lower_getattr_generic(_Rows)  # type: ignore[untyped-decorator]
def _read_column(context: Any, builder: Any, kind: Any, value: Any, name: str) -> Any:
    rows = cgutils.create_struct_proxy(kind)(context, builder, value=value)
    place = _place(builder, kind.record, rows.base, name)
    return _rows(context, builder, kind.record.fields[name].kind, place, rows.length, rows.stride)


@imputils.lower_setattr_generic(PolicyMachine)  # type: ignore[untyped-decorator]
@imputils.lower_setattr_generic(types.int64)  # type: ignore[untyped-decorator]
def _write_machine(context: Any, builder: Any, call: Any, arguments: Any, name: str) -> None:
    base = builder.inttoptr(arguments[0], _BYTES)
    _write(context, builder, MachineRecord, base, name, arguments[1], call.args[1])


@imputils.lower_builtin(operator.getitem, _Rows, types.Integer)  # type: ignore[untyped-decorator]
def _get_row(context: Any, builder: Any, call: Any, arguments: Any) -> Any:
    kind = call.args[0]
    rows = cgutils.create_struct_proxy(kind)(context, builder, value=arguments[0])
    if CHECKED:
        refuse_outside(context, builder, arguments[1], rows.length)
    return builder.gep(rows.base, [builder.mul(arguments[1], rows.stride)])


@imputils.lower_cast(PolicyMachine, types.int64)  # type: ignore[untyped-decorator]
def _forget_policy(_context: Any, _builder: Any, _kind: Any, _other: Any, m: Any) -> Any:
    return m


@intrinsic  # type: ignore[untyped-decorator]
def address_of(_typing_context: Any, row: Any) -> Any:
    """Where a record lies in memory."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], _WORD)

    return types.int64(row), generate


def record_at(record: type[Record]) -> Any:
    """A function of an address, for compiled code, that gives the record that lies there."""

    @intrinsic  # type: ignore[untyped-decorator]
    def at(_typing_context: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], _BYTES)

        return _Row(record)(types.int64), generate

    return at


def machine(address: int) -> MachineRecord:
    """The machine at an address, for a call of a compiled function from Python: the address itself."""
    return address  # type: ignore[return-value]
