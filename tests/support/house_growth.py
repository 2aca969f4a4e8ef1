"""How much an object remembers: what lies in all the containers that it holds, and in theirs."""

import gc
from collections import deque
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_NOT_ITS_OWN = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)
_CONTAINERS = (dict, list, set, frozenset, tuple, deque)


def entries(root: object) -> int:
    """The entries of every container that can be reached from it."""
    seen: set[int] = set()
    todo: list[Any] = [root]
    count = 0
    while todo:
        each = todo.pop()
        if id(each) in seen or isinstance(each, _NOT_ITS_OWN):
            continue
        seen.add(id(each))
        count += len(each) if isinstance(each, _CONTAINERS) else 0
        todo += gc.get_referents(each)
    return count
