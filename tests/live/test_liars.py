# SPDX-License-Identifier: Apache-2.0
"""Processes whose runtime memory lies: written to from outside while they stand still.

Whatever is written, loiter ends soon, stays small, and either refuses with one sentence or shows a
snapshot that says what it could not read; it never shows the lie as a fact.
"""
import json
import os
import struct
import subprocess

import pytest

import gobuild
from process import LOITER, Target, assert_refused, Run, snapshot_json

RELEASE = '1.22.12'
# runtime.g of Go 1.22, as the layout table has it.
STACK_LO, STACK_HI, SCHED_SP, SCHED_PC, STATUS, GOID, LABELS, WAITING = (
    0, 8, 56, 64, 144, 152, 344, 312)
SUDOG_WAITLINK, SUDOG_C = 64, 80
HCHAN_QCOUNT, HCHAN_DATAQSIZ, HCHAN_ELEMTYPE, HCHAN_RECVQ_FIRST = 0, 8, 32, 56
QUICK_S, SMALL_KB = 10, 256 << 10


class Victim:
    """A stopped tiny process and a pen."""

    def __init__(self):
        self.path = gobuild.build('tiny', RELEASE)
        self.target = Target([self.path])
        self.pid = self.target.pid
        self.mem = os.open(f'/proc/{self.pid}/mem', os.O_RDWR)
        parked = [g for g in snapshot_json(self.pid)['goroutine_list']
                  if g['wait_reason'] == 'chan receive']
        self.gs = [int(g['g_addr'], 16) for g in parked]
        self.goid = parked[0]['id']

    def symbol(self, name):
        table = subprocess.run(['nm', self.path], capture_output=True, text=True, check=True)
        return next(int(line.split()[0], 16) for line in table.stdout.splitlines()
                    if line.endswith(' ' + name))

    def read(self, address):
        return struct.unpack('<Q', os.pread(self.mem, 8, address))[0]

    def write(self, address, *words):
        data = struct.pack(f'<{len(words)}Q', *words)
        assert os.pwrite(self.mem, data, address) == len(data)

    def slice(self, *words):
        """Overwrites runtime.allgs (pointer, len, cap), and allglen with the length."""
        self.write(self.symbol('runtime.allgs'), *words)
        self.write(self.symbol('runtime.allglen'), words[1])

    def allgs(self):
        at = self.symbol('runtime.allgs')
        return self.read(at), self.read(at + 8), self.read(at + 16)

    def close(self):
        os.close(self.mem)
        self.target.close()


@pytest.fixture
def victim():
    v = Victim()
    yield v
    v.close()


def refused_or_honest(pid):
    """Refused, or the rest of the process shown with the lie counted or left out."""
    limited = ['prlimit', f'--as={SMALL_KB << 10}', LOITER, 'snapshot', str(pid), '--json',
               '--goroutines']
    result = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=QUICK_S)
    assert result.returncode in (0, 3, 5), result
    if result.returncode:
        assert result.stdout == '' and result.stderr.count('\n') == 1, result
        return None
    return json.loads(result.stdout)


def unsure(seen):
    q = seen['quality']
    return q['torn'] + q['unreadable'] > 0 or q['notes']


@pytest.mark.parametrize('length', [1 << 20, 1 << 29, 1 << 40, 1 << 61, (1 << 64) - 1],
                         ids=lambda n: f'{n:#x}')
def test_allglen_absurd(victim, length):
    ptr, _, _ = victim.allgs()
    victim.slice(ptr, length, length)
    run = Run('snapshot', victim.pid)
    assert_refused(run, 3 if run.code == 3 else 5)
    assert run.seconds < QUICK_S, run


def test_allglen_zero(victim):
    ptr, _, cap = victim.allgs()
    victim.slice(ptr, 0, cap)
    assert Run('snapshot', victim.pid).code in (3, 5)


@pytest.mark.parametrize('ptr', [0, 8, 0xdeadbeef000, (1 << 47) - 8, 1 << 63, (1 << 64) - 8],
                         ids=hex)
def test_allgs_elsewhere(victim, ptr):
    _, length, cap = victim.allgs()
    victim.slice(ptr, length, cap)
    run = Run('snapshot', victim.pid)
    assert_refused(run, 3 if run.code == 3 else 5)


def test_allgs_points_at_itself(victim):
    at = victim.symbol('runtime.allgs')
    victim.slice(at, 3, 3)
    assert Run('snapshot', victim.pid).code in (3, 5)


@pytest.mark.parametrize('value', [0, 1, 0x400000, 0xdeadbeef000, 1 << 63, (1 << 64) - 1], ids=hex)
def test_one_entry_of_allgs_is_no_g(victim, value):
    ptr, length, _ = victim.allgs()
    entries = [victim.read(ptr + 8 * i) for i in range(length)]
    victim.write(ptr + 8 * entries.index(victim.gs[0]), value)
    seen = refused_or_honest(victim.pid)
    if seen:
        assert victim.goid not in [g['id'] for g in seen['goroutine_list']]
        assert unsure(seen)


@pytest.mark.parametrize('field, value', [
    (STACK_LO, 0), (STACK_LO, (1 << 64) - 1), (STACK_HI, (1 << 64) - 8), (STACK_HI, 0),
    (STACK_HI, 1 << 40), (SCHED_SP, 0), (SCHED_SP, 8), (SCHED_SP, (1 << 64) - 16),
    (SCHED_PC, 0), (SCHED_PC, 0xdeadbeef), (STATUS, 77), (STATUS, 0x1004), (GOID, 0),
    (GOID, (1 << 64) - 1), (LABELS, 8), (LABELS, 0x400000), (WAITING, 8), (WAITING, 0x400000)],
    ids=lambda v: f'{v:#x}')
def test_a_g_with_an_absurd_field(victim, field, value):
    victim.write(victim.gs[0] + field, value)
    seen = refused_or_honest(victim.pid)
    if seen:
        others = [g for g in seen['groups']
                  if any(f['function'] == 'main.park' for f in g['stack'])]
        assert sum(g['count'] for g in others) >= 3


def test_a_cycle_of_sudogs(victim):
    sudog = victim.read(victim.gs[0] + WAITING)
    victim.write(sudog + SUDOG_WAITLINK, sudog)
    seen = refused_or_honest(victim.pid)
    assert seen is None or seen['goroutines']['total'] == 5


def test_a_cycle_in_a_channels_queue(victim):
    sudog = victim.read(victim.gs[0] + WAITING)
    # sudog.next is the second word.
    victim.write(sudog + 8, sudog)
    seen = refused_or_honest(victim.pid)
    assert seen is None or seen['goroutines']['total'] == 5


@pytest.mark.parametrize('field, value', [
    (HCHAN_QCOUNT, 1 << 60), (HCHAN_DATAQSIZ, 1 << 60), (HCHAN_ELEMTYPE, 0),
    (HCHAN_ELEMTYPE, 0x400000), (HCHAN_ELEMTYPE, 0xdeadbeef000), (HCHAN_RECVQ_FIRST, 8),
    (HCHAN_RECVQ_FIRST, 0x400000)], ids=lambda v: f'{v:#x}')
def test_an_absurd_channel(victim, field, value):
    hchan = victim.read(victim.read(victim.gs[0] + WAITING) + SUDOG_C)
    victim.write(hchan + field, value)
    seen = refused_or_honest(victim.pid)
    if seen:
        assert seen['goroutines']['total'] == 5
        assert seen['quality']['goroutines_read'] >= 5


def test_a_cycle_of_frame_pointers(victim):
    # At sched.sp stands the saved frame pointer's chain: sched.bp is 48 bytes into gobuf.
    bp = victim.read(victim.gs[0] + SCHED_SP + 48)
    victim.write(bp, bp)
    seen = refused_or_honest(victim.pid)
    if seen:
        longest = max(len(g['stack']) for g in seen['groups'])
        assert longest <= 512
