# SPDX-License-Identifier: Apache-2.0
"""Each row of the memory patterns on a process that has it, and on a healthy one that looks alike."""
import json
import os

import pytest

import gobuild
from process import Run, Target, snapshot

MIB = 1 << 20
ENDS = (gobuild.releases()[0], gobuild.releases()[-1])
HARMLESS = {'explained'}
GO_EXPLAINED = ['idle', 'lazy', 'room', 'slots', 'deep']
C_EXPLAINED = ['cfree', 'cslots', 'cstacks']
GO_HEALTHY = ['live', 'small']
C_HEALTHY = ['cfull']
C_GROWS = ['cheap', 'cblocks', 'cmaps', 'cthreads']


def with_modes(go, c):
    """Go's rows on both ends of the releases, the newest stripped too; C's where there is cgo."""
    ret = [(name, release, 'default') for name in go for release in ENDS]
    ret += [(name, ENDS[-1], 'stripped') for name in go]
    return ret + [(name, release, 'cgo') for name in c for release in ENDS]


def start(name, release, mode):
    env = {**os.environ}
    if name == 'lazy':
        env['GODEBUG'] = 'madvdontneed=0'
    return Target([gobuild.build('memory', release, mode), name], env=env)


def look(pid, *args):
    return json.loads(snapshot(pid, '--memory', '--json', *args))


def memory_findings(document, rows=('heap-not-returned', 'gc-headroom', 'stack-growth', 'cgo-heap',
                                    'cgo-threads', 'growing-global', 'native-growth',
                                    'goroutine-held', 'unexplained')):
    return [f for f in document['findings'] if f['pattern'] in rows]


def close_to(bytes_told, truth):
    """Within 2 % or 1 MiB."""
    return abs(bytes_told - truth) <= max(MIB, truth * 0.02)


@pytest.mark.parametrize('name,release,mode', with_modes(GO_EXPLAINED, C_EXPLAINED))
def test_what_looks_like_a_leak_is_explained(name, release, mode):
    with start(name, release, mode) as target:
        document = look(target.pid)
        row = target.ask('truth')['rows'][0]
    found = memory_findings(document)
    assert {f['verdict'] for f in found} <= HARMLESS, found
    own = [f for f in found if f['pattern'] == row['pattern']]
    assert own, found
    if name in ('idle', 'slots', 'lazy', 'cfree', 'cstacks', 'room'):
        assert any(close_to(f['bytes'], row['bytes']) for f in own), (row, own)
    # malloc() has 16 bytes more for each of its blocks.
    if name == 'cslots':
        assert own[0]['bytes'] == pytest.approx(row['bytes'] * 1040 / 1024, rel=0.02)
    if 'site' in row:
        assert any(f['site'].startswith(row['site']) for f in own), own
    assert all(f['summary'] and f['evidence'] for f in own)


@pytest.mark.parametrize('name,release,mode', with_modes(GO_HEALTHY, C_HEALTHY))
def test_the_healthy_have_nothing_to_answer_for(name, release, mode):
    with start(name, release, mode) as target:
        found = memory_findings(look(target.pid))
    # Room for the next collection is there in every program.
    assert {f['pattern'] for f in found} <= {'gc-headroom'}, found
    assert {f['verdict'] for f in found} <= HARMLESS, found


def saved_pair(target, folder):
    paths = [folder / 'a.json', folder / 'b.json']
    run = Run('snapshot', target.pid, '--memory', '--json', '-o', paths[0])
    assert run.code == 0, run
    row = target.ask('grow')['rows'][0]
    run = Run('snapshot', target.pid, '--memory', '--json', '-o', paths[1])
    assert run.code == 0, run
    return paths, row


def diff(paths):
    run = Run('diff', *paths, '--json')
    assert run.code == 0, run
    return json.loads(run.out)


def serious(told):
    return [f for f in told['findings'] if f['verdict'] not in HARMLESS]


@pytest.mark.parametrize('name,release,mode', with_modes(['global'], C_GROWS))
def test_what_grows_is_named_by_two_looks(name, release, mode, tmp_path):
    with start(name, release, mode) as target:
        # The first is what there is at the start; what comes is growth.
        target.ask('grow')
        paths, row = saved_pair(target, tmp_path)
    told = diff(paths)
    found = serious(told)
    assert [f['pattern'] for f in found] == [row['pattern']], found
    # Two looks that are moments apart.
    assert found[0]['verdict'] == 'candidate'
    if name == 'cthreads':
        assert told['threads']['change'] == 16
        return
    change = {p['name']: p['change'] for p in told['memory']['parts']}
    part = {'global': 'go.heap.live', 'cheap': 'c.heap.used'}.get(name, 'c.mmap')
    assert close_to(change[part], 24 * MIB * (1040 / 1024 if name == 'cheap' else 1)), change
    if name == 'global' and told['memory']['retained_by']:
        top = told['memory']['retained_by'][0]
        # Without symbols a variable is called by where it stands.
        if mode != 'stripped':
            assert top['variable'] == row['site']
        assert found[0]['site'] == top['variable'] and close_to(top['change'], 24 * MIB)


@pytest.mark.parametrize('name,release,mode', with_modes(['ring', 'live'], ['cfull']))
def test_what_stays_has_not_grown(name, release, mode, tmp_path):
    with start(name, release, mode) as target:
        target.ask('grow')
        paths, _ = saved_pair(target, tmp_path)
    assert serious(diff(paths)) == []
