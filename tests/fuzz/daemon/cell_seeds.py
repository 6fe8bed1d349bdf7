#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets of user/daemon: an examination, and answers of cells."""
import os
import struct
import sys

PARTS = 15


def save(directory, name, data):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as out:
        out.write(data)


def text(value):
    return struct.pack("<I", 0xFFFFFFFF) if value is None else struct.pack("<I", len(value)) + value


def finding(evidence):
    return (struct.pack("<IQq", 5, 12031, -1) + text(b"orphan-send") + text(None) +
            text(b"they can never run again") + text(b"") + struct.pack("<I", len(evidence)) +
            b"".join(text(e) for e in evidence))


def examined(findings):
    return (struct.pack("<IQIdd", 0x3145584C, 1700000000, 5, 60.0, 12.5) + text(b"growth") +
            struct.pack("<I", 1) + struct.pack("<Qq", 3, 4096) * 3 + struct.pack("<QI", 1 << 30, PARTS) +
            struct.pack("<Q", 7) * PARTS + struct.pack("<I", len(findings)) + b"".join(findings))


def answer(err, body, promised=None):
    return struct.pack("<IiQ", 0x3143534C, err, len(body) if promised is None else promised) + body


def main(directory):
    seeds = os.path.join(directory, "examined")
    save(seeds, "none", examined([]))
    save(seeds, "two", examined([finding([b"3 of 3 passes", b""]), finding([])]))
    seeds = os.path.join(directory, "answer")
    save(seeds, "bytes", answer(0, b"hello"))
    save(seeds, "error", answer(-3, b"pid 7".ljust(704, b"\0")))
    save(seeds, "short", answer(0, b"hello", 1 << 40))


main(sys.argv[1])
