"""Random messages of every kind, made from the types that their fields declare."""

from __future__ import annotations

import hypothesis.strategies as st
import msgspec
from msgspec import inspect

from parallel.protocol.messages import Message

#: Each kind of message.
KINDS = Message.__subclasses__()

#: What msgpack has of its own: what `Any` stands for on the wire.
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def values_of(kind: inspect.Type) -> st.SearchStrategy[object]:
    """Return the values that a field of some type may have."""
    match kind:
        case inspect.IntType(ge=ge, lt=lt):
            low = -(2**63) if ge is None else int(ge)
            return st.integers(low, 2**64 - 1 if lt is None else int(lt) - 1)
        case inspect.StrType(max_length=most):
            return st.text(max_size=most)
        case inspect.BytesType(min_length=least, max_length=most):
            return st.binary(min_size=least or 0, max_size=most)
        case inspect.FloatType(ge=low, le=high):
            return st.floats(low, high, allow_nan=False)
        case inspect.BoolType():
            return st.booleans()
        case inspect.NoneType():
            return st.none()
        case inspect.AnyType():
            return plain
        case inspect.ListType(item_type=item):
            return st.lists(values_of(item), max_size=3)
        case inspect.DictType(key_type=key, value_type=value):
            return st.dictionaries(values_of(key), values_of(value), max_size=3)
        case inspect.UnionType(types=types):
            return st.one_of(*map(values_of, types))
        case inspect.EnumType(cls=enum):
            return st.sampled_from(list(enum))
        case inspect.StructType(cls=struct):
            return messages_of(struct)
    raise NotImplementedError(kind)


def messages_of(cls: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    """Return messages of one kind, their defaults sometimes left out."""
    fields = inspect.type_info(cls).fields
    needed = {f.name: values_of(f.type) for f in fields if f.required}
    others = {f.name: values_of(f.type) for f in fields if not f.required}
    return st.fixed_dictionaries(needed, optional=others).map(lambda kw: cls(**kw))
