# SPDX-License-Identifier: Apache-2.0
"""Looks in cells: the same answers without privileges, whatever befalls the target or them."""
import gzip
import json
import os
import re
import signal
import subprocess
import time

import pytest

import cells
import gobuild
from cells import Cells
from process import PATIENCE_S, Target, snapshot
from stalledfs import OPEN, READ, StalledFS

NEWEST = gobuild.releases()[-1]



@pytest.fixture(scope='module')
def daemon():
    with Cells() as c:
        yield c


def until(true, what):
    """Waits for what has no descriptor to wait on."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.005)


def first_victim(pid):
    with open(f'/proc/{pid}/oom_score_adj', encoding='ascii') as text:
        return text.read() == '1000\n'


def leaves(value, path=''):
    if isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], f'{path}.{key}')
    elif isinstance(value, list):
        for i, element in enumerate(value):
            yield from leaves(element, f'{path}[{i}]')
    else:
        yield path, value


def differs(daemon, pid):
    """What a cell says otherwise than a look of our own before and one after it, which agree."""
    def look():
        return dict(leaves(json.loads(snapshot(pid, '--json'))))

    # The first of ours has pages of files fetched; a cell never does.
    look()
    before = look()
    answer = daemon.ask(pid, cells.SNAPSHOT)
    assert answer.err == '', answer
    inside, after = dict(leaves(json.loads(answer.body))), look()
    return {k for k in before.keys() | inside.keys()
            if before.get(k) == after.get(k) and before.get(k) != inside.get(k)}


@pytest.mark.parametrize('name, mode', [('goroutines', 'stripped'), ('goroutines', 'cgo'),
                                        ('memory', 'cgo'), ('leaks', 'default')])
def test_a_cell_says_what_a_snapshot_says(daemon, name, mode):
    with Target([gobuild.build(name, NEWEST, mode)]) as t:
        # Frozen, it is the same at all looks; and a cell needs nothing of it.
        os.kill(t.pid, signal.SIGSTOP)
        found = differs(daemon, t.pid)
        os.kill(t.pid, signal.SIGCONT)
    # Ages and costs are those of the look.
    assert {k for k in found if not k.endswith(('_s', '_ms')) and 'evidence' not in k
            and k != '.time'} == set()


def test_the_forms_are_those_of_snapshot(daemon, newest):
    os.kill(newest.pid, signal.SIGSTOP)
    try:
        for what, debug, form in ((cells.GOROUTINE, 1, 'debug1'),
                                  (cells.FLAMEGRAPH, 0, 'flamegraph')):
            answer = daemon.ask(newest.pid, what, debug=debug)
            assert answer.body == snapshot(newest.pid, '--format', form), answer
        for what in (cells.GOROUTINE, cells.GOROUTINELEAK, cells.HEAP, cells.THREADCREATE):
            answer = daemon.ask(newest.pid, what)
            assert answer.err == '' and gzip.decompress(answer.body), answer
        threads = newest.status('Threads')
        answer = daemon.ask(newest.pid, cells.THREADCREATE, debug=1)
        assert answer.body.startswith(f'threadcreate profile: total {threads}\n'.encode())
        answer = daemon.ask(newest.pid, cells.EXAMINATION)
        assert answer.err == '' and answer.body[:4] == b'LXE1', answer
    finally:
        os.kill(newest.pid, signal.SIGCONT)


def records(text):
    """Head and records of a debug=1 text: each their numbers before the @."""
    lines = [re.findall(r'\d+', line.partition('@')[0]) for line in text.splitlines()
             if '@' in line and not line.startswith('#')]
    return [[int(n) for n in line] for line in lines]


def test_texts_add_up_and_are_read_by_pprof(daemon, tmp_path):
    with Target([gobuild.build('heapsites', NEWEST)]) as t:
        answer = daemon.ask(t.pid, cells.HEAP, debug=1)
    assert answer.err == '', answer
    head, *sites = records(answer.body.decode())
    assert head == [sum(column) for column in zip(*sites)] and head[0] > 0
    (tmp_path / 'heap').write_bytes(answer.body)
    top = subprocess.run(['nice', 'go', 'tool', 'pprof', '-top', str(tmp_path / 'heap')], text=True,
                         env=gobuild.local_env(), stdout=subprocess.PIPE, check=True).stdout
    assert 'inuse_space' in top
    with Target([gobuild.build('leaks', NEWEST)]) as t:
        answer = daemon.ask(t.pid, cells.GOROUTINELEAK, debug=1)
        every = daemon.ask(t.pid, cells.GOROUTINELEAK, debug=2)
    text = answer.body.decode()
    total = int(re.match(r'goroutineleak profile: total (\d+)\n', text)[1])
    assert total == sum(count for count, in records(text)) > 0
    # As Go's own: those that are not leaked are there as well.
    assert len(re.findall(rb'^goroutine \d+ ', every.body, re.M)) > total


def test_a_cell_may_stop_its_target_when_asked_to(daemon):
    with Target([gobuild.build('leaks', NEWEST, 'default')]) as t:
        answer = daemon.ask(t.pid, cells.SNAPSHOT, prove_ms=2000)
        assert answer.err == '', answer
        proven = json.loads(answer.body)
        assert proven['quality']['stopped_ms'] > 0
        assert proven['goroutines']['proven'] > 0
        # It runs again.
        assert t.status('State')[0] != 't'
        answer = daemon.ask(t.pid, cells.SNAPSHOT)
        assert json.loads(answer.body)['quality'].get('stopped_ms') is None


def test_no_target_is_stopped_for_longer_than_is_allowed(daemon, newest):
    answer = daemon.ask(newest.pid, cells.SNAPSHOT, prove_ms=5001)
    assert answer.err == 'EPERM' and '5000 ms' in answer.why, answer


def test_targets_that_end_meanwhile_do_no_harm():
    def descriptors(c):
        c.counts()
        return len(os.listdir(f'/proc/{c.pid}/fd'))

    tiny = gobuild.build('tiny', NEWEST)
    with Cells() as c:
        before = descriptors(c)
        for i in range(10):
            with Target([tiny]) as t:
                numbers = [c.start(t.pid, what) for what in (cells.SNAPSHOT, cells.GOROUTINE,
                                                             cells.EXAMINATION, cells.HEAP)]
                if i % 2:
                    until(c.running, 'no cell')
            # EAGAIN: of a process that ends, the main thread may be gone before the others.
            ends = {c.answer(n).err for n in numbers}
            assert ends <= {'', 'ESRCH', 'EAGAIN', 'EOPNOTSUPP'}, ends
        assert descriptors(c) == before
        # Its pipes are closed with the places.
        until(lambda: not c.running(), 'a cell is there still')
        assert len(os.listdir(f'/proc/{c.foreman}/fd')) == 5


def test_who_is_not_there_is_told_so(daemon, newest):
    answer = daemon.ask(newest.pid, cells.GOROUTINE, start=cells.start_time(newest.pid) + 1)
    assert answer.err == 'ESRCH' and answer.body == b'', answer
    answer = daemon.ask(1 << 22, cells.GOROUTINE, start=1)
    assert answer.err == 'ESRCH', answer
    # No Go in it.
    answer = daemon.ask(os.getpid(), cells.GOROUTINE)
    assert answer.err == 'ENODATA', answer
    answer = daemon.ask(newest.pid, cells.HEAP, debug=7)
    assert answer.err == 'EOPNOTSUPP', answer


def test_memory_that_never_arrives_delays_nobody(daemon):
    with Target([gobuild.build('stalled', NEWEST)]) as t:
        for what in (cells.SNAPSHOT, cells.GOROUTINELEAK, cells.EXAMINATION, cells.GOROUTINE):
            answer = daemon.ask(t.pid, what)
            assert answer.err in ('', 'EOPNOTSUPP'), answer
        seen = json.loads(daemon.ask(t.pid, cells.SNAPSHOT).body)
        assert sum(g['count'] for g in seen['groups']
                   if g['wait_reason'] == 'chan send') == t.truth['senders']


@pytest.fixture(scope='module')
def stalled(tmp_path_factory):
    """A process whose own executable lies on a file system that can be stalled."""
    directory = str(tmp_path_factory.mktemp('stalled'))
    with StalledFS(directory, gobuild.build('tiny', NEWEST)) as fs, Target([fs.path]) as t:
        # It must not fault its own pages in before a cell asks for them.
        os.kill(t.pid, signal.SIGSTOP)
        t.fs = fs
        yield t
        fs.go()


def test_a_waiting_cell_has_no_privileges(stalled):
    with Cells() as c:
        stalled.fs.stall(READ)
        c.start(stalled.pid, cells.GOROUTINE)
        pid = stalled.fs.await_held(c.running)
        for field in ('CapEff', 'CapPrm', 'CapInh', 'CapBnd', 'CapAmb'):
            assert int(cells.status_of(pid, field), 16) == 0, field
        assert cells.status_of(pid, 'NoNewPrivs') == '1'
        assert cells.status_of(pid, 'Seccomp') == '2'
        with open(f'/proc/{pid}/limits', encoding='ascii') as text:
            limits = text.read()
        assert 'Max core file size        0                    0' in limits
        assert 'Max file size             0                    0' in limits
        stalled.fs.go()


@pytest.mark.parametrize('opcode', [OPEN, READ])
def test_a_cell_that_hangs_is_killed_while_others_answer(stalled, newest, opcode):
    with Cells() as c:
        stalled.fs.stall(opcode)
        hanging = c.start(stalled.pid, cells.GOROUTINE, deadline_ms=3000)
        stalled.fs.await_held(c.running)
        for _ in range(3):
            assert c.ask(newest.pid, cells.GOROUTINE).err == ''
        assert not c.has(hanging), 'it did not hang'
        answer = c.answer(hanging)
        assert answer.err == 'ETIMEDOUT' and '3000 ms' in answer.why, answer
        assert c.counts()['killed'] == 1
        # The server has taken its request, so the kernel waits for the answer, killed or not.
        assert c.counts()['hanging'] == 1
        answer = c.ask(stalled.pid, cells.GOROUTINE)
        assert answer.err == 'EDEADLK', answer
        assert c.ask(newest.pid, cells.GOROUTINE).err == ''
        stalled.fs.go()
        until(lambda: c.counts()['hanging'] == 0, 'the killed cell is there still')
        answer = c.ask(stalled.pid, cells.GOROUTINE)
        assert answer.err == '', answer


@pytest.mark.parametrize('misdeed', ['open', 'exec', 'ptrace', 'socket', 'fork', 'kill'])
def test_what_a_cell_has_no_use_for_kills_it(newest, misdeed):
    with Cells(misdeed) as c:
        answer = c.ask(newest.pid, cells.GOROUTINE)
        assert answer.err == 'EPROTO' and 'system call' in answer.why, answer
        assert c.counts()['failed'] == 1
    assert not os.path.exists('/tmp/cell-test')


@pytest.mark.parametrize('misdeed, err, why', [('shadow', 'EACCES', 'EACCES'),
                                               ('memory', 'ENOMEM', 'ENOMEM'),
                                               ('crash', 'EPROTO', 'SIGSEGV'),
                                               ('spin', 'ETIMEDOUT', '1 s of CPU time')])
def test_a_cell_keeps_to_its_bounds(newest, misdeed, err, why):
    with Cells(misdeed) as c:
        answer = c.ask(newest.pid, cells.GOROUTINE)
        assert answer.err == err and why in answer.why, answer


def test_more_than_there_is_room_for_wait_their_turn(newest):
    with Cells() as c:
        numbers = [c.start(newest.pid, cells.GOROUTINE) for _ in range(20)]
        assert {c.answer(n).err for n in numbers} == {''}
        assert c.counts()['run'] == 20


def test_too_many_are_refused(newest):
    with Cells('wait') as c:
        numbers = [c.start(newest.pid, cells.GOROUTINE, deadline_ms=1000) for _ in range(80)]
        answers = [c.answer(n) for n in numbers[70:]]
        assert {a.err for a in answers} == {'EBUSY'}, answers


def test_a_dead_foreman_is_replaced(newest):
    with Cells('wait') as c:
        lost = c.start(newest.pid, cells.GOROUTINE)
        until(c.running, 'no cell')
        first, cell = c.foreman, c.running()[0]
        os.kill(first, signal.SIGKILL)
        answer = c.answer(lost)
        assert answer.err == 'EIO' and 'ask again' in answer.why, answer
        until(lambda: cells.children(c.keeper) and c.foreman != first, 'no new foreman')
        assert cells.stat_of(cell) is None or cells.stat_of(cell)[0] == 'Z'
        answer = c.ask(newest.pid, cells.GOROUTINE, deadline_ms=200)
        assert answer.err == 'ETIMEDOUT', answer
        assert c.counts()['foremen_lost'] == 1


def test_a_foreman_that_does_not_answer_is_not_waited_for(newest):
    with Cells() as c:
        assert c.ask(newest.pid, cells.GOROUTINE).err == ''
        os.kill(c.foreman, signal.SIGSTOP)
        answer = c.ask(newest.pid, cells.GOROUTINE, deadline_ms=300)
        assert answer.err == 'ETIMEDOUT' and 'nobody ended it' in answer.why, answer
        os.kill(c.foreman, signal.SIGCONT)
        assert c.ask(newest.pid, cells.GOROUTINE).err == ''


@pytest.mark.parametrize('victim', ['daemon', 'keeper'])
def test_nothing_outlives_who_started_it(newest, victim):
    with Cells('wait') as c:
        c.start(newest.pid, cells.GOROUTINE)
        until(c.running, 'no cell')
        family = [c.keeper, c.foreman, *c.running()]
        if victim == 'daemon':
            c.kill()
        else:
            os.kill(c.keeper, signal.SIGKILL)
        until(lambda: all((cells.stat_of(p) or 'Z')[0] == 'Z' for p in family), 'somebody lives')


def test_a_user_with_the_capabilities_of_the_unit_is_enough(newest):
    """As systemd starts it: no root, what it uses in the ambient set."""
    caps = ','.join(f'+{c}' for c in ('sys_ptrace', 'dac_read_search', 'checkpoint_restore',
                                      'setpcap', 'bpf', 'perfmon'))
    prefix = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
              f'--inh-caps=-all,{caps}', f'--ambient-caps=-all,{caps}',
              f'--bounding-set=-all,{caps}', '--no-new-privs']
    with Cells(prefix=prefix) as c:
        assert cells.status_of(c.pid, 'Uid').split()[1] == '65534'
        for what in (cells.SNAPSHOT, cells.GOROUTINE, cells.HEAP, cells.EXAMINATION):
            answer = c.ask(newest.pid, what)
            assert answer.err == '', answer
        seen = json.loads(c.ask(newest.pid, cells.SNAPSHOT).body)
        assert seen['process']['exe'] == newest.argv[0]
    with Cells('wait', prefix=prefix) as c:
        c.start(newest.pid, cells.GOROUTINE)
        until(c.running, 'no cell')
        until(lambda: first_victim(c.running()[0]), 'the OOM killer takes others first')


def test_the_daemon_itself_keeps_what_it_uses(daemon):
    kept = int(cells.status_of(daemon.pid, 'CapPrm'), 16)
    assert kept == int(cells.status_of(daemon.pid, 'CapBnd'), 16)
    for name, number in (('CAP_SYS_ADMIN', 21), ('CAP_NET_ADMIN', 12), ('CAP_SYS_MODULE', 16),
                         ('CAP_DAC_OVERRIDE', 1), ('CAP_KILL', 5), ('CAP_SETUID', 7)):
        assert not kept >> number & 1, name
    assert cells.status_of(daemon.pid, 'Seccomp') == '2'
    foreman = int(cells.status_of(daemon.foreman, 'CapPrm'), 16)
    assert foreman and foreman & ~kept == 0 and foreman != kept
