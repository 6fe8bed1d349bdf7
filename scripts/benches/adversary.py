# SPDX-License-Identifier: Apache-2.0
"""Looks for living goroutines that loiter calls leaked, in a program whose references all move.

The program has 300 leaks, and some 230 goroutines that are alive by one reference each, which moves
or hides in one of 40 ways. `loiter snapshot --leaks` (or --prove) looks at it again and again; each
answer is held against the truth. At the end the program halts, and says whether every wake-up arrived.
Exit code 1 when a living one was called likely or proven, or a wake-up was lost.
"""
import collections
import json
import time

import gobuild
import process
from process import Run, Target

NAMES = {'small': ['-heap=16'],
         'medium': ['-heap=64', '-gc=200ms'],
         'large': ['-heap=900', '-gc=10s', '-churn=64', '-wake=30s'],
         'growing': ['-heap=64', '-gc=0', '-grow=1024']}


def add_options(parser):
    parser.add_argument('--for', dest='seconds', type=float, default=600, help='seconds each')
    parser.add_argument('--release', default=gobuild.releases()[-1])
    parser.add_argument('--prove', action='store_true', help='the exact pass, which stops it')
    parser.add_argument('heaps', nargs='*', default=['small', 'large'], metavar='HEAP',
                        help=f'of {", ".join(NAMES)}')


def middle(numbers):
    return sorted(numbers)[len(numbers) // 2] if numbers else float('nan')


class Tally:
    """What the answers said, against the truth."""

    def __init__(self, leaked):
        self.leaked = leaked
        self.looks = self.failed = 0
        self.wrong = collections.Counter()
        self.recall, self.passes, self.spans, self.stops = [], [], [], []
        self.grades, self.notes = collections.Counter(), collections.Counter()

    def add(self, look, target):
        self.looks += 1
        ids = collections.defaultdict(set)
        for g in look['goroutine_list']:
            ids[g['verdict']].add(g['id'])
        dead = ids['likely'] | ids['proven']
        self.grades['likely' if dead else 'suspect' if ids['suspect'] & self.leaked else 'none'] += 1
        for g in dead - self.leaked:
            self.wrong[target.ask(f'who {g}')['way']] += 1
        if dead:
            self.recall.append(len(dead & self.leaked) / len(self.leaked))
        else:
            self.notes.update(look['quality']['notes'])
        self.passes.append(look['quality']['passes'] or 0)
        self.spans.append(look['quality']['span_s'] or 0)
        if look['quality']['stopped_ms'] is not None:
            self.stops.append(look['quality']['stopped_ms'])

    def print(self, name):
        print(f'{name:8} {self.looks:5} looks  {self.grades["likely"]} graded, '
              f'{self.grades["suspect"]} suspect, {self.grades["none"]} nothing, '
              f'{self.failed} failed')
        print(f'         {sum(self.wrong.values())} living ones called dead {dict(self.wrong)}')
        print(f'         recall {middle(self.recall):.3f} (least {min(self.recall, default=0):.3f}), '
              f'{middle(self.passes)} passes over {middle(self.spans):.1f} s')
        if self.stops:
            print(f'         stopped for {middle(self.stops):.1f} ms, at most {max(self.stops):.1f}')
        for note, n in self.notes.most_common(3):
            print(f'         {n}x {note}')


def look_at(target, prove):
    run = Run('snapshot', target.pid, '--json', '--goroutines', '--no-memory',
              '--prove=5s' if prove else '--leaks')
    return json.loads(run.out) if run.code == 0 else None


def soak(name, options):
    argv = [gobuild.build('adversary', options.release), *NAMES[name]]
    with Target(argv) as target:
        tally = Tally(set(target.truth['leaked']))
        end = time.monotonic() + options.seconds
        while time.monotonic() < end:
            look = look_at(target, options.prove)
            if look:
                tally.add(look, target)
            else:
                tally.failed += 1
        check = target.ask('check')
        tally.print(name)
        print(f'         wake-ups: {"all arrived" if check["ok"] else check["wrong"]}', flush=True)
        return not tally.wrong and check['ok']


def run(options):
    process.PATIENCE_S = 600
    return 0 if all([soak(name, options) for name in options.heaps]) else 1
