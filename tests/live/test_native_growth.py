# SPDX-License-Identifier: Apache-2.0
"""loiter attach: memory that is mapped and never given back is named by its site, nothing else."""
import os
import re

import pytest

import gobuild
from process import Target
from test_attach import Attached, split

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')

OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]
# Looks as often as a test wants them; what is traced may cost as much as the target.
OFTEN = ('--interval', '600ms', '--budget', '100')
# Enough of them to judge by, in which all was seen; and if that never comes.
SEEN_LOOKS, LOOKS = 9, 50


def attach(target, *args, looks=LOOKS):
    """The documents of an attach that ends when there is enough, however slow the machine is."""
    documents, seen = [], 0
    wanted = sum(bool(s['pattern']) for s in target.truth['sites'])
    with Attached(target.pid, '--probes', 'memory', *args) as attached:
        for document in attached:
            documents.append(document)
            memory = document.get('events', {}).get('memory') or {}
            seen = seen + 1 if (memory.get('seen') or 0) > 0.95 else 0
            # By number: a stripped program's have no names.
            told = len(memory_findings(document)) >= wanted
            if (seen >= SEEN_LOOKS and told) or document.get('number') == looks:
                attached.interrupt()
                break
        code, rest, err = attached.rest()
    assert (code, err) == (130, ''), err
    return split(documents + rest)


def mapper(*sites):
    return Target([gobuild.build_c('mapper', '-pthread'), *sites])


def memory_findings(closing):
    return {f['site'].split()[0]: f for f in closing.get('findings', [])
            if f['pattern'] in ('native-growth', 'cgo-heap')}


def check(target, documents):
    _, (closing,) = documents
    leaks = {s['func']: s['pattern'] for s in target.truth['sites'] if s['pattern']}
    findings = memory_findings(closing)
    assert {site: f['pattern'] for site, f in findings.items()} == leaks, findings
    for site, finding in findings.items():
        # On a busy machine the pace may leave gaps.
        rough = any('rough' in line for line in finding['evidence'])
        assert finding['verdict'] == ('candidate' if rough else 'suspect')
        assert finding['group'] is None and finding['bytes'] >= 1 << 20
        words = re.match(r'\+([\d.]+) MiB a minute, ([\d.]+) of ([\d.]+) MiB given back in ',
                         finding['evidence'][0])
        assert words, finding
        rate, back, had = map(float, words.groups())
        # What is moved just when we look, or was mapped again in a gap, looks like given back; what
        # is moved all the time may be so with a large piece.
        assert back <= (0.4 if site == 'grow_here' else 0.2) * had, (site, finding)
        # Ticks may be late, but there are none too many.
        assert rough or 30 < rate < 1.2 * 300, (site, finding)


def test_what_a_c_program_never_unmaps_is_named():
    with mapper('work', 'leak', 'realloc', 'blocks', 'pool', 'churn', 'ring') as target:
        check(target, attach(target, *OFTEN))


def test_pools_bursts_and_rings_are_not_named():
    with mapper('work', 'pool', 'burst', 'churn', 'ring') as target:
        check(target, attach(target, *OFTEN))


@pytest.mark.parametrize('release', [OLDEST, NEWEST])
def test_mappings_of_a_go_program_are_told_from_its_heap(release):
    with Target([gobuild.build('mapper', release), 'work', 'leak', 'heap', 'pool', 'churn',
                 'ring']) as target:
        check(target, attach(target, *OFTEN))


@pytest.mark.parametrize('release,mode', [(OLDEST, 'cgo'), (NEWEST, 'cgo-stripped')])
def test_what_c_maps_for_go_is_named_in_c(release, mode):
    with Target([gobuild.build('mapper', release, mode), 'work', 'cleak', 'cblock', 'heap',
                 'churn']) as target:
        documents = attach(target, *OFTEN)
        if mode == 'cgo':
            check(target, documents)
            return
        _, (closing,) = documents
        found = sorted(f['pattern'] for f in memory_findings(closing).values())
        assert found == ['cgo-heap', 'native-growth'], closing['findings']


def test_with_most_calls_unseen_nobody_is_wronged():
    with mapper('syscalls', 'leak', 'churn', 'ring') as target:
        _, (closing,) = attach(target, '--interval', '600ms', looks=14)
        assert set(memory_findings(closing)) <= {'leak_here'}, closing['findings']
