# SPDX-License-Identifier: Apache-2.0
"""Counts what loiter finds of the leaks that a process's own runtime finds, and what more.

Of each program (leakprograms.py): one look while it runs, one with --prove, then its own
goroutineleak profile; last, because that marks whom it found. Where the runtime has no detector
(before Go 1.26) the answer key says by function and wait reason who leaks.
"""
import collections
import re

import goprofile
import leakprograms
from process import snapshot_json

GRADES = ('likely', 'proven')
# The least that loiter has to find of what the runtime finds, each grade by itself.
LEAST = 0.97
# A stop of a test's process may take its time: what is found counts here.
LOOKS = {'likely': ['--leaks'], 'proven': ['--leaks', '--prove=5s']}

# own: the goroutines that leak; found: {grade: those that loiter found, of that grade or above};
# strange: {grade: sentences on those that nothing allows}; why: {grade: why there was no answer}.
Outcome = collections.namedtuple('Outcome', 'program own found strange why')


def _at_least(grade):
    return ('likely', 'proven') if grade == 'likely' else ('proven',)


def _in_key(program, goroutine):
    """Whether the answer key has it: the outermost function and the wait reason."""
    if not goroutine.frames:
        return False
    function = re.sub(r'^main\.', '', goroutine.frames[-1].function)
    # Go 1.18 to 1.25 have fewer words for waits for locks.
    reasons = [goroutine.reason.replace(' (leaked)', '')]
    if reasons[0] == 'semacquire':
        reasons = ['sync.WaitGroup.Wait', 'sync.Mutex.Lock', 'sync.RWMutex.RLock',
                   'sync.RWMutex.Lock']
    return any(p.search(f'{function}() [{r}]') for p in program.leaks for r in reasons)


def _own_leaks(text):
    return {int(n) for n in re.findall(r'^goroutine (\d+) \[[^\]]*\(leaked\)', text, re.M)}


def _found(seen, grade):
    return {g['id'] for g in seen['goroutine_list'] if g['verdict'] in _at_least(grade)}


def examine(program, release):
    """The Outcome of one process of the program."""
    with leakprograms.start(program, release) as target:
        seen = {grade: snapshot_json(target.pid, *LOOKS[grade]) for grade in GRADES}
        all_ = goprofile.parse_debug2(target.say('all').decode())
        own = _own_leaks(target.say('leaks').decode())
        # It may miss one whose address a stack has still held: later that is often gone.
        again = own | _own_leaks(target.say('leaks').decode())
    key = {i for i, g in all_.items() if _in_key(program, g)}
    if release not in leakprograms.WITH_DETECTOR:
        own = key
    found = {grade: _found(seen[grade], grade) for grade in GRADES}
    strange = {grade: [f'{program.name}: goroutine {i} [{all_[i].reason}] in '
                       f'{all_[i].frames[-1].function if all_[i].frames else "?"} is {grade}'
                       for i in sorted(found[grade] - again - key)] for grade in GRADES}
    why = {grade: ' '.join(seen[grade]['quality']['notes']) for grade in GRADES}
    return Outcome(program, own, found, strange, why)


def share(outcomes, grade):
    """(found, all) of the leaks that the runtimes found."""
    return (sum(len(o.own & o.found[grade]) for o in outcomes), sum(len(o.own) for o in outcomes))


def missed(outcomes, grade):
    """Lines on the programs with leaks that loiter did not find, worst first."""
    rows = [(len(o.own - o.found[grade]), o) for o in outcomes if o.own - o.found[grade]]
    return [f'{o.program.name}: {n} of {len(o.own)} not {grade}; {o.why[grade]}'
            for n, o in sorted(rows, key=lambda row: -row[0])]
