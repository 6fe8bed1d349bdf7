# SPDX-License-Identifier: Apache-2.0
"""Measures what `loiter snapshot --memory` costs, against what else tells where memory is.

One Go process with a heap of about a GiB in 5 M objects. In each round, one after the other:
nothing; loiter with less and less left out; the process's own runtime.ReadMemStats and heap
profile; /proc/PID/smaps and smaps_rollup; gcore, once. A thread of the target maps and unmaps
memory all the time: its longest turn in each phase is what the phase did to it. Medians are
printed, and the bars that loiter has to reach. Not a test: numbers depend on the machine.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import gobuild
from process import LOITER
from snapshot import (BenchTarget, Sample, await_rest, bar, cell, median, run_loiter,
                      run_spending)

ITEMS_A_GIB = 1_420_000


def core(target):
    with tempfile.TemporaryDirectory() as directory:
        return run_spending('gcore', '-o', os.path.join(directory, 'core'), str(target.pid))


PHASES = {
    'idle': None,
    'no memory': lambda t: run_loiter(t.pid, '--no-memory'),
    # A heap of that size is too large for more than the ledger, unless one asks for it.
    'ledger': lambda t: run_loiter(t.pid),
    'and holders': lambda t: run_loiter(t.pid, '--memory'),
    'ReadMemStats': lambda t: Sample(t.say('memstats')[0]),
    'its heap profile': lambda t: Sample(t.say('profile')[0]),
    'smaps': lambda t: run_spending('cat', f'/proc/{t.pid}/smaps'),
    'smaps_rollup': lambda t: run_spending('cat', f'/proc/{t.pid}/smaps_rollup'),
    'gcore': core,
}


def run_phase(target, phase, idle_ns):
    await_rest(target.pid)
    target.say('reset')
    if phase == 'idle':
        time.sleep(idle_ns / 1e9)
        sample = Sample(idle_ns)
    else:
        sample = PHASES[phase](target)
    return sample._replace(gap=target.say('gap')[0])


def measure(target, rounds, phases):
    """{phase: [Sample]}; the first look, which warms things up, is not counted."""
    samples = {phase: [] for phase in phases}
    idle_ns = max(run_loiter(target.pid).wall, 10**8)
    for r in range(rounds):
        for i in range(len(phases)):
            phase = phases[(i + r) % len(phases)]
            if phase == 'gcore' and r:
                continue
            samples[phase].append(run_phase(target, phase, idle_ns))
            print(f'\rround {r + 1} of {rounds}, {phase} done          ', end='', file=sys.stderr,
                  flush=True)
    print(file=sys.stderr)
    return samples


ROW = '{:<20} {:>10} {:>10} {:>9} {:>12}'


def print_table(samples):
    print(ROW.format('phase', 'wall', 'CPU', 'peak', 'longest turn'))
    print(ROW.format('', '', '', 'resident', 'of the thread'))
    for phase, taken in samples.items():
        print(ROW.format(phase, cell(median(taken, 'wall'), 'time'), cell(median(taken, 'cpu'), 'time'),
                         cell(median(taken, 'rss'), 'MB'), cell(median(taken, 'gap'), 'time')))
    print()


def check_answer(target):
    """What it found beside what the process says of itself."""
    out = subprocess.run([LOITER, 'snapshot', str(target.pid), '--memory', '--json'],
                         stdout=subprocess.PIPE, check=True).stdout
    memory = json.loads(out)['memory']
    alloc = target.say('memstats')[1]
    off = memory['go']['heap_alloc_bytes'] / alloc - 1
    held = memory.get('retained_by') or [{'variable': None, 'bytes': 0}]
    ok = bar(abs(off) <= 0.001, f'HeapAlloc is off by {100 * off:.3f} % of {alloc:,} bytes')
    ok &= bar(sum(p['bytes'] for p in memory['parts']) == memory['rss_bytes'],
              'the parts sum to RSS')
    return ok & bar(held[0]['variable'] == 'main.shelf',
                    f'{held[0]["variable"]} holds {held[0]["bytes"] / alloc:.1%} of it')


def check(samples):
    extra = median(samples['ledger'], 'cpu') - median(samples['no memory'], 'cpu')
    ok = bar(extra <= 0.3e9, f'ledger and Go numbers: {extra / 1e9:.2f} s CPU (at most 0.3 s)')
    held = median(samples['and holders'], 'cpu') - median(samples['ledger'], 'cpu')
    rss = median(samples['and holders'], 'rss') * 1024
    ok &= bar(held <= 3e9, f'who holds the heap: {held / 1e9:.2f} s CPU (at most 3 s)')
    ok &= bar(rss <= 1 << 30, f'in {rss / 2**20:.0f} MiB of memory (at most 1 GiB)')
    gap, idle = (max(s.gap for s in samples[p]) for p in ('and holders', 'idle'))
    return ok & bar(gap <= 10e6, f'the thread\'s longest turn: {gap / 1e6:.1f} ms '
                    f'(at most 10 ms; {idle / 1e6:.1f} ms when nobody looks)')


def run(options):
    phases = [p for p in PHASES if p != 'gcore' or (shutil.which('gcore') and not options.no_gcore)]
    items = int(options.gib * ITEMS_A_GIB)
    with BenchTarget([gobuild.build('heapbench', options.release), str(items)]) as target:
        samples = measure(target, options.rounds, phases)
        print_table(samples)
        ok = check_answer(target)
    return 0 if ok & check(samples) else 1


def add_options(parser):
    parser.add_argument('--gib', type=float, default=1.0, help='how large the heap is')
    parser.add_argument('--release', default=gobuild.releases()[-1], metavar='1.N.P',
                        help='of Go, that the target is built with')
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--no-gcore', action='store_true')
