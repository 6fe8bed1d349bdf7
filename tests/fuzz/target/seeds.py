#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets of user/target: /proc of this very process, and cores built here."""

import os
import struct
import sys


def save(directory, name, data):
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, name), "wb") as out:
        out.write(data)


def proc(name):
    with open("/proc/self/" + name, "rb") as f:
        return f.read(16 * 1024)


def note(kind, desc):
    desc += b"\0" * (-len(desc) % 4)
    return struct.pack("<III", 5, len(desc), kind) + b"CORE\0\0\0\0" + desc


def notes():
    files = [(0x10000, 0x12000, 0, b"/bin/x"), (0x12000, 0x13000, 2, b"/bin/x"),
             (0x20000, 0x21000, 0, b"/lib/y (deleted)")]
    nt_file = struct.pack("<QQ", len(files), 4096)
    for start, end, page, _ in files:
        nt_file += struct.pack("<QQQ", start, end, page)
    nt_file += b"".join(path + b"\0" for _, _, _, path in files)
    prstatus = struct.pack("<32xI300x", 4242)
    prpsinfo = struct.pack("<24xI12x16s80x", 4242, b"shop-api")
    auxv = struct.pack("<6Q", 3, 0x10040, 31, 0x30010, 0, 0)
    return (note(1, prstatus) + note(3, prpsinfo) + note(6, auxv) + note(0x46494C45, nt_file) +
            note(1, prstatus))


def core(machine=62, kind=4):
    segments = [(0x30000, 64, 0x1000, 6), (0x10000, 32, 0x2000, 5), (0x20000, 0, 0x2000, 4),
                (0x31000, 64, 0x1000, 6)]
    body = notes()
    at = 64 + 56 * (len(segments) + 1)
    phdrs = struct.pack("<IIQQQQQQ", 4, 0, at, 0, 0, len(body), 0, 4)
    at += len(body)
    for address, filesz, memsz, flags in segments:
        phdrs += struct.pack("<IIQQQQQQ", 1, flags, at, address, 0, filesz, memsz, 1)
        body += b"/execfn\0" * (filesz // 8)
        at += filesz
    head = b"\x7fELF\2\1\1" + b"\0" * 9
    head += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, 0, 64, 0, 0, 64, 56,
                        len(segments) + 1, 0, 0, 0)
    return head + phdrs + body


def main():
    out = sys.argv[1]
    save(f"{out}/maps", "self", proc("maps"))
    save(f"{out}/maps", "deleted", b"1000-2000 r-xp 0 fd:01 7      /a b (deleted)\n"
         b"1800-3000 rw-s 00001000 00:00 0 \n")
    save(f"{out}/core", "core", core())
    save(f"{out}/core", "arm", core(machine=183))
    save(f"{out}/core", "executable", core(kind=2))
    # The first byte chooses the parser.
    for number, name in enumerate(["net/tcp", "net/tcp6", "net/udp", "net/udp6", "net/unix",
                                   "stat", "cgroup", "mountinfo", "smaps"]):
        try:
            save(f"{out}/proc", name.replace("/", "-"), bytes([number]) + proc(name))
        except OSError:
            pass  # a kernel without IPv6 has fewer
    save(f"{out}/proc", "status", bytes([8]) + proc("status"))
    save(f"{out}/proc", "container", bytes([6]) + b"0::/docker/" + b"0123456789abcdef" * 4 + b"\n")


main()
