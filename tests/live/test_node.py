# SPDX-License-Identifier: Apache-2.0
"""loiter attach --all and --cgroup: every process, inside one budget."""
import contextlib
import json
import os
import subprocess
import sys

import pytest

import gobuild
from process import LOITER, Run, Target
from test_attach import OFTEN, Attached, grower

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root, for processes of others')
CGROUPS = '/sys/fs/cgroup/unified' if os.path.isdir('/sys/fs/cgroup/unified') else '/sys/fs/cgroup'
SICK = {'threads': 'cgo-threads', 'rss': 'unexplained'}
HEALTHY = ('pool', 'burst', 'saw', 'lock', 'idle')


def climber(kind):
    return Target([gobuild.build_c('climber', '-pthread', '-g'), kind])


@contextlib.contextmanager
def many(**targets):
    """Targets by name, all of them closed in the end."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(make()) for name, make in targets.items()}


def findings_of(documents, pid):
    """{pattern: finding} of a process, in any of the intervals."""
    return {f['pattern']: f for d in documents
            if d['schema'] == 'loiter.interval/1' and d['process']['pid'] == pid
            for f in d.get('findings', ())}


def locks_of(documents, pid):
    return [lock for d in documents
            if d['schema'] == 'loiter.interval/1' and d['process']['pid'] == pid
            for lock in (d['events'].get('locks') or {}).get('contended', ())]


def names(stack):
    return [frame['function'] for frame in stack]


def until(attached, ready, most=120):
    """The documents up to the look of the node after which ready(documents) is true."""
    documents, looks = [], 0
    for document in attached:
        documents.append(document)
        if document['schema'] == 'loiter.node/1':
            if looks and ready(documents):
                return documents
            looks += 1
            assert looks < most, {d['process']['pid']: [f['pattern'] for f in d['findings']]
                                  for d in documents if d.get('findings')}
    raise AssertionError(f'{attached.argv} ended')


@pytest.fixture(scope='module')
def seen():
    """(targets, documents): one run on all kinds of them, until the sick ones are named."""
    makes = {kind: lambda kind=kind: climber(kind) for kind in (*SICK, *HEALTHY)}
    with many(go=lambda: grower('growth', 'idle'), healthy=lambda: grower('burst', 'pool', 'idle'),
              deadlock=lambda: Target([gobuild.build_c('deadlock', '-pthread', '-g')]),
              **makes) as targets, Attached('--all', *OFTEN) as attached:

        def is_done(documents):
            found = {name: findings_of(documents, t.pid) for name, t in targets.items()}
            return all(pattern in found[kind] for kind, pattern in SICK.items()) and \
                found['go'] and found['deadlock'] and locks_of(documents, targets['lock'].pid)

        documents = until(attached, is_done)
        # And as many looks again, in which a healthy one might be taken for another.
        looks = 0
        for document in attached:
            documents.append(document)
            looks += document['schema'] == 'loiter.node/1'
            if looks == 12:
                break
        attached.interrupt()
        code, rest, err = attached.rest()
        assert (code, err) == (130, '')
        yield targets, documents + rest


@pytest.mark.parametrize('kind', sorted(SICK))
def test_a_c_process_that_only_grows_is_named(seen, kind):
    targets, documents = seen
    found = findings_of(documents, targets[kind].pid)
    assert set(found) == {SICK[kind]}
    assert found[SICK[kind]]['verdict'] == 'suspect'
    assert 'a minute' in found[SICK[kind]]['summary']


@pytest.mark.parametrize('kind', (*HEALTHY, 'healthy'))
def test_what_only_looks_so_is_not(seen, kind):
    targets, documents = seen
    assert findings_of(documents, targets[kind].pid) == {}


def test_a_go_process_that_grows_is_named_with_its_site(seen):
    targets, documents = seen
    leaks = {site['func'] for site in targets['go'].truth['sites'] if site['leaks']}
    found = findings_of(documents, targets['go'].pid)
    assert {f['site'].split()[0] for f in found.values()} <= leaks and found
    closing = [d for d in documents if d['schema'] == 'loiter.snapshot/1']
    assert targets['go'].pid in {d['process']['pid'] for d in closing}


def test_a_lock_that_is_held_long_is_told_with_both_sides(seen):
    targets, documents = seen
    locks = locks_of(documents, targets['lock'].pid)
    assert locks and max(lock['longest_s'] for lock in locks) >= 0.1
    assert any('hold_it' in names(lock['waiter']['stack']) and
               'hold_it' in names(lock['waker']['stack'])
               for lock in locks if lock.get('waiter') and lock.get('waker')), locks


def test_a_deadlock_is_found_in_whatever_process(seen):
    targets, documents = seen
    found = findings_of(documents, targets['deadlock'].pid)
    assert found['lock-cycle']['verdict'] == 'proven'


def test_the_node_says_how_it_fared(seen):
    targets, documents = seen
    nodes = [d for d in documents if d['schema'] == 'loiter.node/1']
    assert [n['number'] for n in nodes] == list(range(len(nodes)))
    last = nodes[-1]
    assert last['processes']['total'] >= len(targets) and last['processes']['go'] >= 2
    assert last['processes']['stuck'] == 0 and last['processes']['probed_max'] == 0
    assert last['futex']['on'] and 0 < last['futex']['seen'] <= 1 and last['futex']['hits'] > 0
    # How much it is hangs on what else runs on the machine.
    assert last['overhead']['cpu_ms'] > 0 and last['overhead']['rss_bytes'] > 0


def test_processes_that_come_and_go_hold_up_nobody():
    with Attached('--all', *OFTEN) as attached:
        late, churn = None, []
        try:
            began = ended = 0
            for document in attached:
                if document['schema'] == 'loiter.node/1':
                    churn = [c for c in churn if c.poll() is None]
                    churn += [subprocess.Popen(['sleep', '0.8']) for _ in range(20)]
                    late = late or climber('threads')
                    began += document['processes']['began']
                    ended += document['processes']['ended']
                elif late and 'cgo-threads' in findings_of([document], late.pid):
                    break
            assert began >= 20 and ended >= 20
        finally:
            for c in churn:
                c.wait()
            if late:
                late.close()
        attached.interrupt()
        code, _, err = attached.rest()
        assert (code, err) == (130, '')


def test_what_ends_is_told_once_more():
    with grower('idle') as target, Attached('--all', *OFTEN) as attached:
        until(attached, lambda documents: target.pid in
              {d['process']['pid'] for d in documents if 'process' in d})
        target.tell('exit')
        # Others end as well.
        while attached.until('exited')[-1]['process']['pid'] != target.pid:
            pass
        attached.interrupt()
        attached.rest()


@contextlib.contextmanager
def cgroup_of(target):
    name = f'{CGROUPS}/loiter-node-{os.getpid()}'
    try:
        os.makedirs(name + '/below')
        with open(name + '/below/cgroup.procs', 'w', encoding='ascii') as procs:
            procs.write(str(target.pid))
    except OSError as error:
        pytest.skip(f'no cgroup can be made: {error}')
    try:
        yield name
    finally:
        with open(os.path.dirname(name) + '/cgroup.procs', 'w', encoding='ascii') as procs:
            procs.write(str(target.pid))
        os.rmdir(name + '/below')
        os.rmdir(name)


def test_a_cgroup_limits_it_to_its_own():
    with climber('threads') as inside, climber('threads') as outside, cgroup_of(inside) as name:
        with Attached('--cgroup', name, *OFTEN) as attached:
            documents = until(attached, lambda d: findings_of(d, inside.pid))
            attached.interrupt()
            documents += attached.rest()[1]
    assert {d['process']['pid'] for d in documents if 'process' in d} == {inside.pid}
    assert {d['processes']['total'] for d in documents if 'processes' in d} == {1}
    assert {d['overhead']['rss_bytes'] < 64e6 for d in documents if 'processes' in d} == {True}
    assert outside.pid != inside.pid


def test_the_table_names_the_worst_first():
    with climber('threads') as target:
        run = Run('attach', '--all', '--for', '12s', *OFTEN)
    assert run.code == 0, run
    text = run.out.decode()
    lines = text.splitlines()
    rows = [i for i, line in enumerate(lines) if line.split()[:1] == [str(target.pid)]]
    assert all(lines[i].split()[1].startswith('c-climber') for i in rows)
    assert any('cgo-threads' in lines[i + 1] and lines[i].split()[2] == 'c' for i in rows)
    assert 'budget of 100 %' in text and f'pid {target.pid}' in text


def test_fail_on_is_met_by_a_c_process():
    with climber('threads'):
        run = Run('attach', '--all', '--for', '12s', '--fail-on', 'suspect', *OFTEN)
    assert run.code == 1, run


def test_probes_that_are_asked_for_are_on_the_busiest_alone():
    with grower('idle') as target, Attached('--all', '--probes', 'oncpu', *OFTEN) as attached:
        documents = until(attached, lambda documents: target.pid in
                          {d['process']['pid'] for d in documents if 'process' in d} and
                          [d['processes']['probed'] for d in documents
                           if 'processes' in d][-1:] > [0])
        attached.interrupt()
        code, _, err = attached.rest()
    assert (code, err) == (130, '')
    nodes = [d for d in documents if d['schema'] == 'loiter.node/1']
    assert nodes[-1]['processes']['probed_max'] == 8
    assert 0 < nodes[-1]['processes']['probed'] <= 8
    assert nodes[-1]['futex']['on'] is False and nodes[-1]['futex']['refused'] is None


def test_every_field_is_in_the_man_page(seen, tmp_path):
    path = tmp_path / 'node.json'
    path.write_text('\n'.join(map(json.dumps, seen[1])))
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man'), path],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout


def test_a_process_that_cannot_be_read_to_the_end_holds_up_nobody():
    with climber('stuck') as stuck, climber('threads') as other, \
         Attached('--all', *OFTEN) as attached:
        documents = until(attached, lambda documents: any(
            d['processes']['stuck'] for d in documents if 'processes' in d) and
            'cgo-threads' in findings_of(documents, other.pid))
        looks = [d['span_s'] for d in documents if 'processes' in d]
        # It was waited for, once.
        assert len(looks) >= 3 and stuck.alive()
        attached.interrupt()
        code, _, err = attached.rest()
        assert (code, err) == (130, '')
