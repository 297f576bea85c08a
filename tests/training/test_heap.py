"""What a long run no longer uses is the system's again."""

import ctypes
import sys

import psutil
import pytest

from tunesmith.training.heap import ReleasedHeap

BLOCK_BYTES = 64 * 1024
N_BLOCKS = 2000


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="glibc's heap"
)
def test_gaps_between_blocks_go_back_at_the_end_of_an_epoch():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes, libc.free.argtypes = [ctypes.c_size_t], [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK_BYTES) for _ in range(N_BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK_BYTES)
    kept = blocks[::16]
    for block in set(blocks) - set(kept):
        libc.free(block)
    before = psutil.Process().memory_info().rss
    ReleasedHeap().on_epoch_end(None, None, None)
    assert psutil.Process().memory_info().rss < before - N_BLOCKS * BLOCK_BYTES // 2
    for block in kept:
        libc.free(block)
