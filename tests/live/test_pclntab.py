# SPDX-License-Identifier: Apache-2.0
"""What image/ reads out of a binary equals what the runtime in it says, address by address."""
import os
import shutil
import struct
import subprocess

import pytest

import gobuild
from process import LOITER, Target

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/image/pcln_check')
MODES = ['default', 'stripped', 'pie', 'cgo']
# The oldest, the last with a relocated pclntab, and the newest take the rarer forms.
RARE = ['pie-stripped', 'cgo-stripped', 'c-shared', 'c-shared-stripped', 'default-strip',
        'pie-strip', 'cgo-strip', 'default-bare', 'pie-bare', 'c-shared-bare']


def combinations():
    releases = gobuild.releases()
    rare = [r for r in releases if gobuild.minor(r) in (18, 25)] + releases[-1:]
    return [(r, m) for r in releases for m in MODES] + [(r, m) for r in rare for m in RARE]


def without_sections(path):
    """The file cut off at its section table, and the header saying that it has none."""
    with open(path, 'r+b') as f:
        header = bytearray(f.read(64))
        f.seek(0)
        end = struct.unpack_from('<Q', header, 40)[0]
        struct.pack_into('<Q', header, 40, 0)
        struct.pack_into('<HH', header, 60, 0, 0)
        f.write(header)
        phoff, phnum = struct.unpack_from('<Q', header, 32)[0], struct.unpack_from('<H', header, 56)[0]
        f.seek(phoff)
        for _ in range(phnum):
            p = struct.unpack('<IIQQQQQQ', f.read(56))
            end = max(end, p[2] + p[5]) if p[0] == 1 else end
        f.truncate(end)


def build(release, mode):
    """The target built that way; -strip: by binutils as well, -bare: no section table."""
    base, _, last = mode.rpartition('-')
    if last not in ('strip', 'bare'):
        return gobuild.build('pcln', release, mode)
    path = gobuild.build('pcln', release, base)
    copy = f'{path}.{last}'
    shutil.copy(path, copy)
    if last == 'strip':
        subprocess.run(['strip', copy], check=True)
    else:
        without_sections(copy)
    return copy


@pytest.mark.parametrize('release,mode', combinations())
def test_every_address_reads_as_the_runtime_reads_it(release, mode):
    path = build(release, mode)
    argv = [gobuild.build_c('host', '-ldl'), path] if mode.startswith('c-shared') else [path]
    with Target(argv) as target:
        truth = target.say('truth')
        check = subprocess.run([CHECK, str(target.pid), target.truth['file'],
                                target.truth['base']], input=truth, capture_output=True,
                               check=False)
    assert check.returncode == 0, (check.stdout + check.stderr).decode('utf-8', 'replace')
    assert b' 0 differences' in check.stdout
