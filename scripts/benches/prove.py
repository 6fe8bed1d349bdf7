# SPDX-License-Identifier: Apache-2.0
"""Measures what it costs to tell which goroutines leak, without a stop and with --prove.

Go processes with a heap of 100 MB and of 1 GB that the collector scans, and one with 100,000 leaked
goroutines on a small heap. In each round, one after the other: nothing; loiter without that
question; with it; with --prove; the process's own runtime.GC() and its goroutineleak profile
(Go 1.27). The target watches a 1 ms ticker: its longest gap in each phase is what the phase did to
the service. Medians are printed, and the bars that loiter has to reach. Not a test: numbers depend
on the machine and on what else runs.
"""
import json
import os
import sys
import tempfile
import time

import gobuild
from snapshot import BenchTarget, Sample, await_rest, bar, cell, median, run_loiter

PHASES = ('idle', 'not asked', 'likely', 'prove', 'GC()', 'goroutineleak')
ASK = {'not asked': ['--no-leaks'], 'likely': ['--leaks'], 'prove': ['--leaks', '--prove=20s']}
# Of the bars: a heap in MB (None: any), and its pause.
PAUSE_MS = {100: 30, 1000: 200}


class Answer:
    """A Sample, and what loiter said of itself in that run."""

    def __init__(self, sample, seen=None):
        quality = seen['quality'] if seen else {}
        self.wall, self.cpu, self.rss, self.gap = sample
        self.passes, self.span_s = quality.get('passes'), quality.get('span_s')
        self.stopped_ms = quality.get('stopped_ms')
        self.notes = quality.get('notes') or []
        found = seen['goroutines'] if seen else {}
        self.found = (found.get('likely') or 0) + (found.get('proven') or 0)


def ask_loiter(target, phase):
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, 'json')
        sample = run_loiter(target.pid, '--no-memory', '--json', '-o', path, *ASK[phase])
        with open(path, encoding='utf-8') as answer:
            return sample, json.load(answer)


def run_phase(target, phase, idle_ns):
    await_rest(target.pid)
    target.say('reset')
    seen = None
    if phase == 'idle':
        time.sleep(idle_ns / 1e9)
        sample = Sample(idle_ns)
    elif phase in ASK:
        sample, seen = ask_loiter(target, phase)
    else:
        sample = Sample(target.say('gc' if phase == 'GC()' else 'leaks')[0])
    return Answer(sample._replace(gap=target.say('gap')[0]), seen)


def measure(megabytes, leaks, options):
    """(what the target says of itself, {phase: [Answer]}); the first look warms things up."""
    samples = {phase: [] for phase in PHASES}
    argv = [gobuild.build('leakbench', options.release), str(megabytes), str(leaks)]
    with BenchTarget(argv) as target:
        idle_ns = max(ask_loiter(target, 'likely')[0].wall, 10**8)
        for r in range(options.rounds):
            for i in range(len(PHASES)):
                phase = PHASES[(i + r) % len(PHASES)]
                samples[phase].append(run_phase(target, phase, idle_ns))
                print(f'\r{megabytes} MB, {leaks:,} leaks: round {r + 1} of {options.rounds}, '
                      f'{phase} done          ', end='', file=sys.stderr, flush=True)
        print(file=sys.stderr)
        return target.truth, samples


ROW = '{:<14} {:>10} {:>10} {:>9} {:>11} {:>11} {:>7} {:>8}'


def print_table(truth, samples):
    print(f'{truth["scannable"] / 1e6:,.0f} MB scannable in {truth["objects"]:,} objects, '
          f'{truth["leaks"]:,} leaked goroutines')
    print(ROW.format('phase', 'wall', 'CPU', 'peak', 'ticker gap', 'stopped', 'passes', 'found'))
    print(ROW.format('', '', '', 'resident', '(longest)', '', '', ''))
    for phase, taken in samples.items():
        passes = median(taken, 'passes')
        stopped = median(taken, 'stopped_ms')
        print(ROW.format(phase, cell(median(taken, 'wall'), 'time'),
                         cell(median(taken, 'cpu'), 'time'), cell(median(taken, 'rss'), 'MB'),
                         cell(median(taken, 'gap'), 'time'),
                         '-' if stopped is None else f'{stopped:.1f} ms',
                         '-' if passes is None else f'{passes:g}',
                         f'{median(taken, "found"):g}' if phase in ASK else '-'))
    for note in sorted({n for taken in samples.values() for a in taken for n in a.notes}):
        print('    ' + note)
    print()


def a_pass_ns(samples):
    """CPU that a pass without a stop takes."""
    more = median(samples['likely'], 'cpu') - median(samples['not asked'], 'cpu')
    return more / max(median(samples['likely'], 'passes') or 1, 1)


def check_all_found(truth, samples):
    ok = True
    for phase in ('likely', 'prove'):
        found = median(samples[phase], 'found')
        ok &= bar(found == truth['leaks'], f'{phase}: {found:,g} of {truth["leaks"]:,} leaks')
    return ok


def check_gap(samples):
    gap, idle = (max(a.gap for a in samples[p]) for p in ('likely', 'idle'))
    return bar(gap <= 1.5 * idle + 1e6, f'ticker gap {gap / 1e6:.1f} ms without a stop '
               f'(idle: {idle / 1e6:.1f} ms)')


def check_heap(megabytes, truth, samples):
    gib = truth['scannable'] / 2**30
    a_gib = a_pass_ns(samples) / gib / 1e9
    ok = bar(a_gib <= 1.5, f'{a_gib:.2f} s CPU a pass and GiB (at most 1.5 s)')
    base = median(samples['not asked'], 'rss')
    for phase in ('likely', 'prove'):
        ratio = (median(samples[phase], 'rss') - base) * 1024 / truth['scannable']
        text = f'{phase}: {ratio:.2f} times the scannable heap in memory (at most 1.2)'
        # What has a fixed size weighs on a small heap.
        ok &= bar(ratio <= 1.2, text) if megabytes >= 1000 else not print('info  ' + text)
    ok &= check_gap(samples)
    stopped = median(samples['prove'], 'stopped_ms')
    limit = PAUSE_MS.get(megabytes)
    own = max(a.gap for a in samples['goroutineleak']) / 1e6
    collected = max(a.gap for a in samples['GC()']) / 1e6
    if stopped is None:
        return bar(False, 'it was never stopped: ' + '; '.join(samples['prove'][0].notes))
    if limit:
        ok &= bar(stopped <= limit, f'{stopped:.1f} ms stopped (at most {limit}; the longest gap '
                  f'of goroutineleak is {own:.1f} ms, of GC() {collected:.1f})')
    return ok


def check_many(samples):
    a_pass = a_pass_ns(samples) / 1e9
    return bar(a_pass <= 0.5, f'{a_pass:.2f} s CPU a pass (at most 0.5 s)') & check_gap(samples)


def run(options):
    ok = True
    for megabytes in options.heaps:
        truth, samples = measure(megabytes, options.leaks, options)
        print_table(truth, samples)
        ok &= check_heap(megabytes, truth, samples) & check_all_found(truth, samples)
        print()
    if options.many:
        truth, samples = measure(1, options.many, options)
        print_table(truth, samples)
        ok &= check_many(samples) & check_all_found(truth, samples)
    return 0 if ok else 1


def add_options(parser):
    parser.add_argument('--heaps', metavar='MB,MB', default='100,1000',
                        type=lambda text: [int(n) for n in text.split(',') if n])
    parser.add_argument('--leaks', type=int, default=1000, help='leaked goroutines on those heaps')
    parser.add_argument('--many', type=int, default=100_000,
                        help='leaked goroutines on a small heap; 0: none')
    parser.add_argument('--release', default=gobuild.releases()[-1], metavar='1.N.P',
                        help='of Go, that the target is built with')
    parser.add_argument('--rounds', type=int, default=3)
