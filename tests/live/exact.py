# SPDX-License-Identifier: Apache-2.0
"""What the tests of attach's faults share: a target whose work is exact, and runs on it."""
import json

import gobuild
from process import Run, Target
from test_attach import split

NEWEST = gobuild.releases()[-1]
# Bursts as often as they can be: the budget is another test's.
OFTEN = ('--interval', '100ms', '--budget', '100')


def exact(kind='c', release=NEWEST, prefix=()):
    """A target whose work has an outcome that is known beforehand."""
    if kind == 'c':
        return Target([gobuild.build_c('exact', '-pthread')], ready_prefix=prefix)
    return Target([gobuild.build('exact', release, kind)], ready_prefix=prefix)


def documents(run):
    return split([json.loads(line) for line in run.out.splitlines()])


def attach(target, *args, **kw):
    """A run that must go well: (intervals, the closing report)."""
    run = Run('attach', target.pid, '--json', *args, **kw)
    assert run.code == 0, run
    intervals, (closing,) = documents(run)
    return intervals, closing


def refusals(intervals):
    """Why each collector was refused, in the last interval that says so."""
    last = [i for i in intervals if 'collectors' in i][-1]
    return {name: c['refused'] for name, c in last['collectors'].items() if c['refused']}
