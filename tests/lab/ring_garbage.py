"""Sends garbage into relaisd's process group of the ring: run inside a node. Usage: ring_garbage.py GROUP COUNT SEED"""

import ctypes
import ctypes.util
import random
import sys
import time

CS_OK, CS_ERR_TRY_AGAIN, CPG_TYPE_AGREED = 1, 6, 2


class CpgName(ctypes.Structure):
    _fields_ = [("length", ctypes.c_uint32), ("value", ctypes.c_char * 128)]


class IoVector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def messages(count, seed):
    """Random bytes of random lengths; every third begins as a message of relais may: small little-endian numbers."""
    generator = random.Random(seed)
    for index in range(count):
        length = generator.choice((0, 1, 2, 7, 8, 16, 63, 200, 1200, 60000))
        head = bytes(generator.choice((0, 1, 2, 3, 255)) for _ in range(min(length, 24))) if index % 3 == 0 else b""
        yield head + generator.randbytes(length - len(head))


def main():
    group, count, seed = sys.argv[1].encode(), int(sys.argv[2]), int(sys.argv[3])
    cpg = ctypes.CDLL("libcpg.so.4")
    handle = ctypes.c_uint64()
    callbacks = (ctypes.c_void_p * 2)()
    if cpg.cpg_initialize(ctypes.byref(handle), callbacks) != CS_OK:
        sys.exit("cpg_initialize failed")
    name = CpgName(len(group), group)
    if cpg.cpg_join(handle, ctypes.byref(name)) != CS_OK:
        sys.exit("cpg_join failed")
    time.sleep(0.2)
    for message in messages(count, seed):
        buffer = ctypes.create_string_buffer(message, max(len(message), 1))
        vector = IoVector(ctypes.cast(buffer, ctypes.c_void_p), len(message))
        while True:
            code = cpg.cpg_mcast_joined(handle, CPG_TYPE_AGREED, ctypes.byref(vector), 1)
            cpg.cpg_dispatch(handle, 2)   # CS_DISPATCH_ALL: a member that does not read makes its corosync grow
            if code == CS_OK:
                break
            if code != CS_ERR_TRY_AGAIN:
                sys.exit(f"cpg_mcast_joined failed: {code}")
            time.sleep(0.005)
    time.sleep(0.5)
    cpg.cpg_leave(handle, ctypes.byref(name))
    cpg.cpg_finalize(handle)
    print(f"sent {count}")


main()
