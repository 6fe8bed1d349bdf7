# SPDX-License-Identifier: Apache-2.0
"""Measures what `loiter attach` costs its target: CPU a unit of work, with and without it.

Five kinds of work, each by a process of its own. In each round, one after the other: nothing,
loiter attach at the default budget, bpftrace that counts runtime.gopark (where it is installed, and
the target is a Go program). What is compared is the target's CPU time a unit of work, for the http
server also the 99th percentile of its clients' latencies. Ratios are of one round's neighbours; the
median of them is printed with the least and the greatest. Last, what loiter says of its own cost
against what was measured, and what loiter itself takes for 100,000 goroutines.
"""
import collections
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import gobuild
from process import LOITER, Target

KINDS = ('http', 'pingpong', 'spawn', 'malloc', 'mutex')
IS_GO = {'http', 'pingpong', 'spawn'}
# CPU ns a unit of work, the 99th percentile of latencies in ns, share of CPU that loiter claims.
Sample = collections.namedtuple('Sample', 'cpu p99 claimed', defaults=(None, ))


class Load(Target):
    """A program that answers each line with the work it has done and what that took."""

    def say(self, line=''):
        self._child.stdin.write(line.encode() + b'\n')
        return [int(n) for n in self._line().split()]


def start(kind, release):
    """The program that works, and for http the one that asks it."""
    if kind not in IS_GO:
        return Load([gobuild.build_c('load', '-pthread'), kind]), None
    program = gobuild.build('load', release)
    load = Load([program, kind])
    return load, Load([program, 'client', str(load.truth['port'])]) if kind == 'http' else None


class Watcher:
    """loiter, bpftrace or nothing, at work on a process."""

    def __init__(self, phase, pid, directory, options):
        self._report = os.path.join(directory, 'report')
        argv = {'off': None,
                'loiter': [LOITER, 'attach', str(pid), '--json', '-o', self._report,
                           '--budget', str(options.budget), *options.attach],
                'bpftrace': ['bpftrace', '-p', str(pid), '-e',
                             f'uprobe:/proc/{pid}/exe:runtime.gopark {{ @ = count(); }}']}[phase]
        self._child = argv and subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                                stdout=subprocess.DEVNULL)
        # Calibration and the attaching itself are not what is measured.
        if argv:
            time.sleep(4)

    def stop(self):
        """The share of the target's CPU that loiter claims to have cost; None for the others."""
        if not self._child:
            return None
        self._child.send_signal(signal.SIGINT)
        self._child.wait()
        if not os.path.exists(self._report):
            return None
        claimed = None
        with open(self._report, encoding='utf-8') as lines:
            for line in lines:
                claimed = (json.loads(line).get('overhead') or {}).get('target_cpu', claimed)
        os.unlink(self._report)
        return claimed


def lap(load, client, seconds):
    units, cpu, _ = load.say()
    if client:
        client.say()
    time.sleep(seconds)
    more, cpu_more, _ = load.say()
    p99 = client.say()[2] if client else None
    return (cpu_more - cpu) / max(1, more - units), p99


def measure(kind, options, phases, directory):
    """{phase: [Sample]}; the first lap, which warms things up, is not counted."""
    samples = {phase: [] for phase in phases}
    load, client = start(kind, options.release)
    try:
        lap(load, client, 1)
        for r in range(options.rounds):
            for phase in phases:
                watcher = Watcher(phase, load.pid, directory, options)
                cpu, p99 = lap(load, client, options.seconds)
                samples[phase].append(Sample(cpu, p99, watcher.stop()))
                print(f'\r{kind}: round {r + 1} of {options.rounds}, {phase} done   ', end='',
                      file=sys.stderr, flush=True)
    finally:
        load.close()
        if client:
            client.close()
    print(file=sys.stderr)
    return samples


def ratios(samples, phase, field):
    pairs = zip(samples['off'], samples[phase])
    return [getattr(on, field) / getattr(off, field) for off, on in pairs if getattr(off, field)]


ROW = '{:<10} {:<9} {:>12} {:>9} {:>16} {:>10} {:>8}'


def spread(values):
    if not values:
        return '-', '-'
    return f'{statistics.median(values):.3f}x', f'[{min(values):.3f} {max(values):.3f}]'


def print_table(results):
    print(ROW.format('work', 'phase', 'CPU a unit', 'ratio', '[least, most]', 'p99', 'ratio'))
    for kind, samples in results.items():
        for phase, taken in samples.items():
            cpu = statistics.median(s.cpu for s in taken)
            latencies = [s.p99 for s in taken if s.p99]
            p99 = f'{statistics.median(latencies) / 1e6:.2f} ms' if latencies else '-'
            middle, ends = spread(ratios(samples, phase, 'cpu')) if phase != 'off' else ('', '')
            late = spread(ratios(samples, phase, 'p99'))[0] if phase != 'off' else ''
            print(ROW.format(kind, phase, f'{cpu:,.0f} ns', middle, ends, p99, late))
        print()


def bar(ok, text):
    print(f'{"pass" if ok else "FAIL"}  {text}')
    return ok


def check_kind(kind, samples):
    """At most 1.02x; noise is how far the phases without it lie apart."""
    on = ratios(samples, 'loiter', 'cpu')
    off = [s.cpu for s in samples['off']]
    noise = (max(off) - min(off)) / statistics.median(off)
    ok = bar(statistics.median(on) <= 1.02 + noise,
             f'{kind}: {statistics.median(on):.3f}x CPU (at most 1.02, noise {noise:.3f})')
    claims = [s.claimed for s in samples['loiter'] if s.claimed]
    if claims and statistics.median(on) - 1 > noise:
        claim, real = statistics.median(claims), statistics.median(on) - 1
        ok &= bar(real / 1.5 <= claim <= real * 1.5,
                  f'{kind}: it says {claim:.2%}, measured {real:.2%} (within a factor of 1.5)')
    late = ratios(samples, 'loiter', 'p99')
    if late:
        still = [s.p99 for s in samples['off']]
        most = max(still) / statistics.median(still)
        ok &= bar(statistics.median(late) <= max(1.05, most),
                  f'{kind}: p99 {statistics.median(late):.2f}x (noise up to {most:.2f}x)')
    return ok


def check_own_cost(options):
    """What loiter takes for 100,000 parked goroutines at the default interval, from look to look."""
    seconds = 30
    with Target([gobuild.build('bench', options.release), '100000', '3']) as target:
        run = subprocess.run([LOITER, 'attach', str(target.pid), '--json', '--for', f'{seconds}s'],
                             check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    looks = [line for line in map(json.loads, run.stdout.splitlines())
             if line['schema'] == 'loiter.interval/1'][1:]
    spent_s = [look['elapsed_s'] * look['overhead']['core_percent'] / 100 for look in looks]
    share = (spent_s[-1] - spent_s[0]) / (looks[-1]['elapsed_s'] - looks[0]['elapsed_s'])
    rss = max(look['overhead']['rss_bytes'] for look in looks)
    ok = bar(share <= 0.01, f'100,000 goroutines: {share:.2%} of a core (at most 1 %), beside '
             f'{spent_s[0] * 1e3:.0f} ms for setting up and the first look')
    return ok & bar(rss <= 64e6, f'100,000 goroutines: {rss / 1e6:.0f} MB resident '
                    '(at most 64 MB)')


def add_options(parser):
    parser.add_argument('--work', default=','.join(KINDS), type=lambda text: text.split(','),
                        metavar='KIND,KIND', help=f'of {", ".join(KINDS)}')
    parser.add_argument('--release', default=gobuild.releases()[-1], metavar='1.N.P',
                        help='of Go, that the targets are built with')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--budget', type=float, default=1, metavar='PERCENT',
                        help='of loiter attach; much more than 1 shows what its own estimate is worth')
    parser.add_argument('--attach', default=[], type=str.split, metavar='"OPTION ..."',
                        help='more options of loiter attach')
    parser.add_argument('--seconds', type=int, default=10, help='that each lap lasts')


def run(options):
    peer = shutil.which('bpftrace')
    if not peer:
        print('bpftrace is not installed: no peer', file=sys.stderr)
    results = {}
    with tempfile.TemporaryDirectory() as directory:
        for kind in options.work:
            phases = ['off', 'loiter'] + (['bpftrace'] if peer and kind in IS_GO else [])
            results[kind] = measure(kind, options, phases, directory)
    print_table(results)
    ok = True
    for kind, samples in results.items():
        ok &= check_kind(kind, samples)
    ok &= check_own_cost(options)
    return 0 if ok else 1
