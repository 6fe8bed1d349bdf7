# SPDX-License-Identifier: Apache-2.0
"""loiter attach tells leaks of C memory from what is healthy, and says when it cannot."""
import os
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import gobuild
from process import PATIENCE_S, Target
from test_attach import Attached, function_of, split
from watchpoints import REGISTERS, Registers

NEWEST = gobuild.releases()[-1]
# Looks as often as a test wants them: the budget is another test's.
OFTEN = ('--interval', '500ms', '--budget', '100')
# At the default budget and interval: some 80 s, and more on a machine that has more to do.
WITHIN_S = 160

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


def c_findings(document):
    return {function_of(f['site']): f for f in document.get('findings', ())
            if f['pattern'] == 'cgo-heap'}


def watch_until_named(target):
    """What was ever said of each site, and the closing report once all leaks are suspect."""
    said = {}
    with Attached(target.pid, '--probes', 'memory', '--for', f'{WITHIN_S}s', '--fail-on',
                  'suspect', patience_s=WITHIN_S + PATIENCE_S) as attached:
        for document in attached:
            found = c_findings(document)
            for name, finding in found.items():
                said.setdefault(name, set()).add(finding['verdict'])
            if all(name in found and found[name]['verdict'] == 'suspect'
                   for name in target.truth['leaks']):
                break
        else:
            raise AssertionError(f'not all leaks were named: {said}')
        attached.interrupt()
        code, documents, _ = attached.rest()
    _, (closing,) = split(documents)
    return code, said, closing


def check_leak(name, finding, truth):
    assert finding['verdict'] == 'suspect'
    assert finding['count'] >= 3 and finding['bytes'] > 0
    evidence = finding['evidence']
    assert re.match(rf'C: {name} \S+:\d+', evidence[0]), evidence
    if 'go' in truth:
        assert evidence[1].startswith(f"Go: {truth['go'][name]} main.go:"), evidence
        assert f"called by {truth['caller']} main.go:" in evidence[1], evidence
    else:
        assert f"called by {truth['caller']} " in evidence[0], evidence
    survivors, rate, watched = evidence[-3:]
    assert re.match(r'none of [\d,]+ sampled was seen to be freed', survivors)
    assert re.match(r'about [\d.]+ \w+ a minute \([\d.]+ \w+ to [\d.]+ \w+\): \d+ % of all', rate)
    words = re.match(r'(\d+) of them, chosen at random, were watched by the processor for (\d+) s '
                     r'or more: nothing read, wrote or freed them', watched)
    assert words and int(words[1]) >= 3 and int(words[2]) >= 32, watched


def test_both_leaks_are_suspect_and_nothing_healthy_is():
    """In C and through cgo at once, for each takes more than a minute."""
    with Target([gobuild.build_c('careless', '-pthread')]) as plain, \
         Target([gobuild.build('careless', NEWEST, 'cgo')]) as cgo, \
         ThreadPoolExecutor() as pool:
        for target, (code, said, closing) in zip((plain, cgo),
                                                 pool.map(watch_until_named, (plain, cgo))):
            truth, found = target.truth, c_findings(closing)
            assert code == 130
            assert set(said) <= set(truth['leaks'] + truth['healthy']), said
            for name in truth['leaks']:
                check_leak(name, found[name], truth)
            for name in truth['healthy']:
                assert said.get(name, set()) <= {'candidate'}, said
                # By then it was seen to be used.
                assert name not in found or found[name]['verdict'] == 'candidate'


def sites_until(attached, done):
    for document in attached:
        heap = (document.get('events') or {}).get('c_heap')
        if heap and done(heap):
            return heap
    raise AssertionError(f'{attached.argv} ended')


def leaker():
    return Target([gobuild.build_c('leaker', '-pthread')])


def test_without_debug_registers_a_leak_stays_a_candidate_and_says_why():
    with leaker() as target, Registers(target.pid), \
         Attached(target.pid, '--probes', 'memory', *OFTEN) as attached:
        heap = sites_until(attached, lambda heap: heap['unwatched'])
        assert 'debug registers are in use' in heap['unwatched']
        for document in attached:
            found = c_findings(document)
            if 'leak_small' in found:
                break
        assert found['leak_small']['verdict'] == 'candidate'
        doubt = found['leak_small']['evidence'][-1]
        assert doubt.startswith('a candidate and no more: ')
        assert 'debug registers are in use' in doubt


def test_a_killed_attach_leaves_no_watchpoint():
    with leaker() as target:
        with Attached(target.pid, '--probes', 'memory', *OFTEN) as attached:
            heap = sites_until(attached, lambda heap: sum(s['watching'] for s in heap['sites']) > 1)
            assert heap['unwatched'] is None
            with Registers(target.pid) as left:
                assert len(left.fds) <= REGISTERS - 2
        # The end of that block killed it; the kernel closes what it had a moment later.
        deadline = time.monotonic() + PATIENCE_S
        while True:
            with Registers(target.pid) as left:
                if len(left.fds) == REGISTERS:
                    break
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert target.alive()
