# SPDX-License-Identifier: Apache-2.0
"""loiter attach where something is refused: it is named, and the rest goes on."""
import contextlib
import errno
import json
import os
import re
import shutil
import subprocess
import tempfile

import pytest

import gobuild
from exact import OFTEN, attach, documents, exact, refusals
from leftovers import assert_code_is_its_files, uprobe_events
from process import LOITER, Run, Target, assert_refused
from test_attach import split
from test_places import unshare

TARGET, PERMISSION, LAYOUT, INTERNAL = 3, 4, 5, 6
NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


def test_what_cannot_be_attached_is_said_in_one_sentence():
    def refused(pid, code, *words):
        run = Run('attach', pid)
        assert_refused(run, code, str(pid), *words)

    gone = subprocess.Popen(['true'])
    os.waitid(os.P_PID, gone.pid, os.WEXITED | os.WNOWAIT)
    refused(gone.pid, TARGET, 'zombie')
    gone.wait()
    refused(gone.pid, TARGET, 'no such process')
    with open('/proc/2/comm', encoding='ascii') as comm:
        if comm.read() == 'kthreadd\n':
            refused(2, LAYOUT, 'kernel thread')
    with exact('default') as target:
        for tid in os.listdir(f'/proc/{target.pid}/task'):
            if int(tid) != target.pid:
                refused(int(tid), TARGET, f'a thread of process {target.pid}')


@contextlib.contextmanager
def reachable():
    """A copy of loiter that nobody may reach as well."""
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        yield shutil.copy(LOITER, place), place


def test_nobody_is_told_what_is_missing():
    with reachable() as (loiter, place), exact() as target:
        run = subprocess.run([*NOBODY, loiter, 'attach', str(target.pid)], capture_output=True,
                             text=True, check=False)
        assert run.returncode == PERMISSION and run.stdout == '', run
        assert run.stderr.count('\n') == 1 and 'CAP_SYS_PTRACE' in run.stderr
        own = shutil.copy(gobuild.build_c('exact', '-pthread'), place)
        with Target([own], ready_prefix=NOBODY) as mine:
            run = subprocess.run([*NOBODY, loiter, 'attach', str(mine.pid), '--json', '--for', '1s',
                                  *OFTEN], stdout=subprocess.PIPE, check=False)
    # One's own process is looked at without any privilege; what traces it is named as missing.
    if run.returncode == PERMISSION and os.path.exists('/proc/sys/kernel/yama/ptrace_scope'):
        pytest.skip('this kernel restricts ptrace to descendants')
    assert run.returncode == 0
    why = refusals(split([json.loads(line) for line in run.stdout.splitlines()])[0])
    assert {'futex', 'memory', 'oncpu'} <= set(why)
    assert all('CAP_BPF CAP_PERFMON' in reason for name, reason in why.items()
               if name in ('futex', 'memory', 'oncpu')), why


@pytest.mark.parametrize('lost,named', [('bpf', 'CAP_BPF'), ('perfmon', 'CAP_PERFMON')])
def test_each_capability_that_is_missing_is_named_and_looks_go_on(lost, named):
    prefix = ['setpriv', f'--bounding-set=-{lost},-sys_admin']
    with exact('default') as target:
        target.tell('keep')
        intervals, closing = attach(target, '--for', '1s', *OFTEN, prefix=prefix)
        why = refusals(intervals)
        assert {'goroutines', 'futex', 'oncpu'} <= set(why)
        assert all(re.search(rf'without {named}$', why[name])
                   for name in ('goroutines', 'futex', 'oncpu')), why
        assert closing['goroutines']['total'] > 0
        # What is missing is a matter of tracing: looks need CAP_SYS_PTRACE alone.
        assert {i['state'] for i in intervals} == {'running'}


@pytest.mark.parametrize('call,err,word', [('bpf', 'EPERM', 'refuses'), ('bpf', 'ENOSYS', ''),
                                           ('perf', 'EACCES', 'refuses')])
def test_a_system_call_that_is_denied_costs_what_needs_it(call, err, word):
    prefix = [gobuild.build_c('deny'), call, str(getattr(errno, err))]
    with exact('default') as target:
        target.tell('keep')
        intervals, closing = attach(target, '--for', '1s', *OFTEN, prefix=prefix)
        why = refusals(intervals)
        assert set(why) >= ({'goroutines', 'futex', 'oncpu'} if call == 'bpf' else {'oncpu'})
        assert word in why['oncpu']
        # What only others need goes on.
        assert (call == 'bpf') == ('futex' in why)
        assert closing['goroutines']['total'] > 0


@pytest.mark.parametrize('hidden,lost', [('/sys/kernel/btf', {'futex', 'oncpu'}),
                                         ('/sys/bus/event_source', set()),
                                         ('/sys', {'futex', 'oncpu'})])
def test_what_the_container_does_not_show_costs_what_needs_it(hidden, lost):
    prefix = [*unshare('-m'), 'sh', '-c', f'mount -t tmpfs none {hidden} && exec "$@"', 'sh']
    with exact('default') as target:
        target.tell('keep')
        before = uprobe_events()
        intervals, closing = attach(target, '--for', '1s', *OFTEN, prefix=prefix)
        why = refusals(intervals)
        assert lost <= set(why) and (lost or 'goroutines' not in why), why
        assert closing['goroutines']['total'] > 0
        assert uprobe_events() == before


def test_few_descriptors_are_no_end_of_the_target():
    with exact() as target:
        states = set()
        for limit in range(4, 60, 7):
            run = Run('attach', target.pid, '--json', '--for', '300ms', *OFTEN,
                      prefix=['prlimit', f'--nofile={limit}'])
            if run.code == 127:
                continue	# not even its libraries could be loaded
            if run.code:
                assert_refused(run, run.code, 'Too many open files')
                assert run.code == INTERNAL
                continue
            intervals, _ = documents(run)
            states |= {i['state'] for i in intervals}
            for i in intervals:
                assert i['state'] != 'failed' or 'Too many open files' in i['reason']
        assert 'running' in states and states <= {'running', 'failed'}
        assert_code_is_its_files(target.pid)


def test_a_low_soft_limit_is_raised():
    soft = ['prlimit', '--nofile=24:4096']
    with exact() as target:
        intervals, _ = attach(target, '--for', '500ms', *OFTEN, prefix=soft)
    assert 'memory' not in refusals(intervals)


def test_locked_memory_is_no_matter():
    with exact() as target:
        intervals, _ = attach(target, '--for', '500ms', *OFTEN, prefix=['prlimit', '--memlock=0'])
    assert 'memory' not in refusals(intervals)
