#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a C header of the pages' style and script, with the policy that allows these two alone.

embed_assets.py STYLE SCRIPT HEADER
"""
import base64
import hashlib
import sys


def c_array(name, data):
    lines = [', '.join(f'{b}' for b in data[i:i + 24]) for i in range(0, len(data), 24)]
    return f'static const char {name}[] = {{\n\t' + ',\n\t'.join(lines) + '\n};\n'


def digest(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def main():
    style, script = (open(path, 'rb').read() for path in sys.argv[1:3])
    for data in (style, script):
        # Plain ASCII is a C char, and has the digest that the browser makes of its characters.
        assert data.isascii() and b'</' not in data, 'a page cannot carry this'
    policy = ("default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
              f"style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'")
    with open(sys.argv[3], 'w', encoding='ascii') as out:
        out.write('/* SPDX-License-Identifier: Apache-2.0 */\n/* Made by embed_assets.py. */\n'
                  '#pragma once\n\n')
        out.write(c_array('page_style', style) + '\n' + c_array('page_script', script) + '\n')
        out.write(f'#define PAGE_POLICY "{policy}"\n')
        out.write(f'#define PAGE_SCRIPT "\'sha256-{digest(script)}\'"\n')


main()
