# SPDX-License-Identifier: Apache-2.0
"""Stops a process thousands of times by --prove's exact pass, and looks whether it took any harm.

The target (tests/targets/stopped) computes sums that are known beforehand, sends itself signals, needs
preemption for its collections, profiles itself, forks, makes threads and calls into C. After all stops
each of these must go on, nothing be spoiled, no thread be stopped or traced; and not once may a
living goroutine have been called dead. Not a test only for the time that it takes.
"""
import sys

import gobuild
import test_prove
from snapshot import bar

BATCH = 100


def add_options(parser):
    parser.add_argument('--stops', type=int, default=10000, help='of each kind (default 10000)')
    parser.add_argument('--kinds', nargs='+', default=['cgo', 'default'], help='how it is built')
    parser.add_argument('--release', default=gobuild.releases()[-1], help='of Go')


def stop_often(target, stops):
    """{why not: how often}, pauses in ms, how many of the lost were found and how many could be."""
    lost = set(target.truth['lost'])
    why, pauses, found, wrong = {}, [], 0, []
    for done in range(0, stops, BATCH):
        for p in test_prove.passes(target, min(BATCH, stops - done)):
            reason = p.get('why_not', p.get('why'))
            why[reason] = why.get(reason, 0) + 1
            if reason is None:
                pauses.append(p['stopped_ms'])
                found += len(p['dead'])
                wrong += sorted(set(p['dead']) - lost)
        print(f'\r{done + BATCH:,} of {stops:,}, {len(wrong)} wrong     ', end='',
              file=sys.stderr, flush=True)
        test_prove.await_turns(target)
    print(file=sys.stderr)
    return why, sorted(pauses), found / max(1, len(pauses) * len(lost)), wrong


def run(options):
    ok = True
    for kind in options.kinds:
        with test_prove.start(options.release, kind) as target:
            why, pauses, recall, wrong = stop_often(target, options.stops)
            state = test_prove.await_turns(target)
            test_prove.assert_free(target.pid)
        exact = why.pop(None, 0)
        print(f'{options.release} {kind}: {exact:,} exact passes, {recall:.1%} of the lost found; '
              f'pause {pauses[len(pauses) // 2]:.1f} ms (median), {pauses[-1]:.1f} ms (longest)')
        for reason, n in sorted(why.items(), key=lambda r: -r[1])[:10]:
            print(f'    {n:6,} times not: {reason}')
        print('    turns: ' + ', '.join(f'{n:,} {name}' for name, n in state.items()
                                         if name != 'late_us'))
        ok &= bar(not wrong, f'{len(wrong)} living goroutines called dead')
        ok &= bar(exact >= 0.7 * options.stops, 'most passes are exact')
    return 0 if ok else 1
