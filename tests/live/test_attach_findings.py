# SPDX-License-Identifier: Apache-2.0
"""loiter attach: threads that come, go and stay; locks, loops and C memory, up to the report."""
import os
import re

import pytest

import gobuild
from process import Run, Target
from test_attach import Attached, AttachedText, function_of, split
from test_oncpu import prefer

OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]
# Looks as often as a test wants them: the budget is another test's.
OFTEN = ('--interval', '500ms', '--budget', '100')

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


def functions(stack):
    return [frame['function'] for frame in stack]


def threads_until(attached, enough):
    """The threads of each interval, until the sum of them is enough."""
    got = []
    for document in attached:
        threads = document.get('events', {}).get('threads')
        if threads:
            got.append((document, threads))
            if enough(got):
                return got
    raise AssertionError(f'{attached.argv} ended: {got[-1:]}')


@pytest.mark.parametrize('flags', [('-fomit-frame-pointer',), ('-fno-omit-frame-pointer',)])
def test_threads_that_stay_are_told_from_those_that_go(flags):
    with Target([gobuild.build_c('spawner', '-pthread', *flags)]) as target, \
         Attached(target.pid, '--probes', 'threads', *OFTEN) as attached:
        got = threads_until(attached, lambda got: got[-1][0]['threads']['climb'])
        attached.interrupt()
        _, (closing,) = split(attached.rest()[1])
        document, threads = got[-1]
        assert document['threads']['rate_per_min'] > 0
        # 3 ms, and what it takes to begin and to end.
        assert 0.003 < threads['median_life_s'] < 0.3
        born = sum(t['births'] for _, t in got)
        assert born > sum(t['exits'] for _, t in got) > born / 2
        by = {name: s for s in threads['sites'] for name in ('stayer', 'goer')
              if name in functions(s['stack'])}
        assert by['stayer']['alive'] == by['stayer']['born'] > 5
        # The last one may live.
        assert by['goer']['alive'] <= 1 and by['goer']['born'] > 5
        assert functions(by['stayer']['stack'])[:2] == ['make', 'stayer']
        # There is no pattern for it, so it is no finding.
        assert closing['findings'] == []


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
@pytest.mark.parametrize('mode', ['cgo', 'cgo-stripped'])
def test_go_threads_are_born_in_its_scheduler(release, mode):
    with Target([gobuild.build('cgotrace', release, mode)]) as target, \
         Attached(target.pid, '--probes', 'threads', *OFTEN) as attached:
        threads_until(attached, lambda got: True)
        target.say('block 30')
        got = threads_until(attached, lambda got: sum(t['births'] for _, t in got) >= 25)
        births = [s for _, t in got for s in t['sites'] if s['births']]
        assert sum(s['births'] for s in births) == sum(t['births'] for _, t in got)
        for site in births:
            assert 'runtime.newm' in functions(site['stack']), site
            assert not any(f.startswith('_cgo_') for f in functions(site['stack'])), site
        assert sum(s['alive'] for s in got[-1][1]['sites']) >= 25
        assert got[-1][1]['forks'] == 0


def text_until(n, pid, *args):
    """What a person reads, without the line breaks, who ends it once n things are proven."""
    with AttachedText(pid, *args) as attached:
        lines = []
        for line in attached:
            lines.append(line)
            if ''.join(lines).count('PROVEN') == n:
                break
        attached.interrupt()
        code, rest, err = attached.rest()
    assert (code, err) == (130, ''), (code, err, lines)
    return ' '.join(''.join(lines + rest).split())


def cycles_of(document):
    return [f for f in document.get('findings', ()) if f['pattern'] == 'lock-cycle']


def test_a_deadlock_is_proven_with_its_threads_stacks_and_locks():
    with Target([gobuild.build_c('deadlock', '-pthread')]) as target:
        truth = target.truth
        with Attached(target.pid, *OFTEN) as attached:
            for interval in attached:
                if len(cycles_of(interval)) == len(truth['cycles']):
                    break
            attached.interrupt()
            code, documents, _ = attached.rest()
        text = text_until(len(truth['cycles']), target.pid, *OFTEN)
        # As long as it takes to see them on a machine that is busy.
        for seconds in 2, 15, 45:
            run = Run('attach', target.pid, '--for', f'{seconds}s', '--fail-on', 'proven', *OFTEN)
            if run.code:
                break
    assert code == 130 and run.code == 1, (code, run)
    (closing,) = split(documents)[1]
    cycles = cycles_of(closing)
    assert sorted(f['count'] for f in cycles) == sorted(len(c) for c in truth['cycles'])
    for cycle in truth['cycles']:
        (finding,) = [f for f in cycles if f'thread {cycle[0]} ' in f['evidence'][0]]
        assert finding['verdict'] == 'proven' and finding['group'] is None
        assert len(finding['evidence']) == len(cycle)
        for tid, owner, line in zip(cycle, cycle[1:] + cycle[:1], finding['evidence']):
            lock = truth['waits_for'][str(tid)]
            assert line.startswith(f'thread {tid} ('), line
            assert line.endswith(f'for the pthread_mutex {lock:#x}, which thread {owner} holds')
            # One thread alone calls take_second() itself.
            chain = 'take_both' if len(cycle) > 1 else 'sick'
            assert re.search(rf'take_second deadlock.c:\d+, called by {chain} ', line), line
            assert re.search(r'sick deadlock.c:\d+,? for', line), line
            assert line in text
    assert text.count('PROVEN') == 2 * len(cycles)


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_a_c_leak_below_go_is_a_candidate_with_both_stacks(release):
    with Target([gobuild.build('cgotrace', release, 'cgo')]) as target, \
         Attached(target.pid, '--probes', 'memory', '--fail-on', 'suspect', *OFTEN) as attached:
        for document in attached:
            if any(f['site'].startswith('leak_in_c ') for f in document.get('findings', ())):
                break
        else:
            raise AssertionError('the leak was never named')
        attached.interrupt()
        code, documents, _ = attached.rest()
    # No verdict of --fail-on.
    assert code == 130
    _, (closing,) = split(documents)
    findings = {function_of(f['site']): f for f in closing['findings']}
    # Its healthy twin may stand beside it; nothing else allocates.
    assert 'leak_in_c' in findings and set(findings) <= {'leak_in_c', 'twin_in_c'}
    for finding in findings.values():
        assert (finding['pattern'], finding['verdict']) == ('cgo-heap', 'candidate')
    leak = findings['leak_in_c']
    assert leak['count'] >= 8 and leak['bytes'] >= 8 * 128
    in_c, in_go, survivors, rate, doubt = leak['evidence']
    assert re.fullmatch(r'C: leak_in_c main\.go:\d+', in_c)
    assert re.fullmatch(r'Go: main\.leakOne main\.go:\d+, called by main\.leaker main\.go:\d+', in_go)
    assert re.match(r'none of [\d,]+ sampled was seen to be freed; [\d,]+ are older than 10 s', survivors)
    assert re.match(r'about [\d.]+ \w+ a minute \([\d.]+ \w+ to [\d.]+ \w+\): \d+ % of all', rate)
    assert doubt.startswith('a candidate and no more: ')


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_a_goroutine_that_never_leaves_the_cpu_is_named(release):
    """At a high priority, for on a machine with more to do than CPUs nobody is always on one."""
    argv = ['nice', '-n', '-20', gobuild.build('busy', release), 'one loop']
    with Target(argv, start_new_session=True) as target, prefer(target.pid), \
         Attached(target.pid, '--probes', 'oncpu', *OFTEN) as attached:
        for document in attached:
            if document.get('findings'):
                break
        attached.interrupt()
        _, (closing,) = split(attached.rest()[1])
        spin = target.truth['spin']
    for findings in (document['findings'],
                     [f for f in closing['findings'] if f['pattern'] != 'select-forever']):
        (finding,) = findings
        assert (finding['pattern'], finding['verdict']) == ('busy-goroutine', 'suspect')
        # The innermost function that all of a thousand stacks have in common.
        assert function_of(finding['site']) in ('main.spin', 'main.spinInner', 'main.start.func1')
        assert finding['evidence'][0].startswith(f'goroutine {spin}: ')
