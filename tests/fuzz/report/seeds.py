#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes seeds: answers as collectors give them.

usage: seeds.py DIRECTORY
"""
import os
import sys


def field(number, payload):
    """A field of bytes, shorter than 128 of them."""
    return bytes([number << 3 | 2, len(payload)]) + payload


SEEDS = {
    'taken': b'\1',
    'partial': b'\1' + field(1, b'\x08\x03' + field(2, b'too old')),
    'warning': b'\1' + field(1, field(2, 'langsam, b\u00f6se \x1b[31m'.encode())),
    'minus': b'\1' + field(1, b'\x08' + b'\xff' * 9 + b'\1'),
    'status': b'\0' + b'\x08\x0e' + field(2, b'not today') + field(3, field(1, b'type.example/x')),
    'html': b'\0<html><body>502 Bad Gateway</body></html>',
    'unknown': b'\1' + b'\x78\1' * 50 + b'\x0d1234' + b'\x0912345678',
}


def main(argv):
    folder = os.path.join(argv[1], 'otlp_reply')
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        with open(os.path.join(folder, name), 'wb') as out:
            out.write(data)


if __name__ == '__main__':
    main(sys.argv)
