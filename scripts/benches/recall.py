# SPDX-License-Identifier: Apache-2.0
"""Counts which leaks of the Go distribution's own leak programs `loiter snapshot` finds.

Each program is kept alive and looked at from outside, once while it runs and once with --prove;
then its own runtime says what it finds (Go 1.26, 1.27), or the answer key does (Go 1.21). To reach:
97 % of that, likely and proven each, and nobody more than the runtime or the answer key allows.
"""
import sys

import leakprograms
import leakrecall

ROW = '{:<10} {:<8} {:>9} {:>9} {:>9} {:>8} {:>8}'


def measure(release, options):
    outcomes = []
    programs = [p for p in leakprograms.programs(release)
                if not options.only or p.name in options.only]
    for r in range(options.rounds):
        for program in programs:
            outcomes.append(leakrecall.examine(program, release))
            print(f'\rgo{release}: round {r + 1} of {options.rounds}, {program.name} done        ',
                  end='', file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return outcomes


def report(release, outcomes, verbose):
    ok = True
    for grade in leakrecall.GRADES:
        found, all_ = leakrecall.share(outcomes, grade)
        strange = [line for o in outcomes for line in o.strange[grade]]
        share = found / all_ if all_ else 0
        good = share >= leakrecall.LEAST and not strange
        ok &= good
        print(ROW.format('go' + release, grade, len(outcomes), all_, found, f'{share:.2%}',
                         len(strange)), '' if good else 'FAIL')
        lines = leakrecall.missed(outcomes, grade)
        for line in strange + (lines if verbose else lines[:5]):
            print('    ' + line)
    return ok


def run(options):
    print(ROW.format('release', 'grade', 'processes', 'leaks', 'found', 'recall', 'strange'))
    ok = True
    for release in options.releases:
        ok &= report(release, measure(release, options), options.verbose)
    print(f'{"pass" if ok else "FAIL"}  at least {leakrecall.LEAST:.0%} of the leaks, and nobody '
          'else')
    return 0 if ok else 1


def add_options(parser):
    parser.add_argument('--releases', metavar='1.N.P,...', default='1.21.13,1.26.8,1.27.1',
                        type=lambda text: text.split(','))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--only', metavar='NAME,...', default='',
                        type=lambda text: [name for name in text.split(',') if name],
                        help='these programs alone')
    parser.add_argument('--verbose', action='store_true', help='every program that hid a leak')
