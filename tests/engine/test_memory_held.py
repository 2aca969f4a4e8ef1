"""The C library takes memory as it was told: in one place for all threads, and large pieces outside it."""

import ctypes
import json
import subprocess
import sys

import pytest

from engine.system import LARGE

PIECES = 20

# What it is told holds for a whole process, so this is one of its own.
TAKING = """
import ctypes, json, os, re, sys, threading
from engine.system import hold_memory_together

library = ctypes.CDLL(None)
library.malloc.argtypes, library.malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
library.free.argtypes, library.fdopen.restype = [ctypes.c_void_p], ctypes.c_void_p
library.malloc_info.argtypes, library.fclose.argtypes = [ctypes.c_int, ctypes.c_void_p], [ctypes.c_void_p]


def told():
    file = os.memfd_create("told")
    stream = library.fdopen(os.dup(file), b"w")
    library.malloc_info(0, stream)
    library.fclose(stream)
    text = os.pread(file, 1 << 20, 0).decode()
    return text.count("<heap nr="), int(re.findall('type="mmap" count="([0-9]+)"', text)[-1])


def take():
    for octets in (4_000, large):
        for piece in [library.malloc(octets) for _ in range(pieces)]:
            library.free(piece)  # the first large one would teach it to put the next into the heap
    kept.extend(library.malloc(large) for _ in range(pieces))


is_told, large, pieces, kept = (*json.loads(sys.argv[1]), [])
if is_told:
    hold_memory_together()
before = told()
thread = threading.Thread(target=take)
thread.start()
thread.join()
print(json.dumps([told()[0], told()[1] - before[1]]))
"""


def takes(*, is_told: bool) -> tuple[int, int]:
    """(heaps, large pieces outside them) of a process with a thread that takes and gives back, and then takes."""
    words = [sys.executable, "-c", TAKING, json.dumps([is_told, LARGE, PIECES])]
    heaps, outside = json.loads(subprocess.run(words, check=True, capture_output=True, timeout=60).stdout)
    return heaps, outside


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_info"), reason="not glibc")
def test_threads_share_one_heap_and_large_pieces_lie_outside_it() -> None:
    heaps, outside = takes(is_told=True)
    assert heaps == 1 and outside > PIECES // 2  # one that Python itself gave back meanwhile may be missing
    heaps, outside = takes(is_told=False)
    assert heaps > 1 and outside < PIECES // 2
