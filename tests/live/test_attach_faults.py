# SPDX-License-Identifier: Apache-2.0
"""loiter attach in bad company: nothing stays behind, and no fact is taken for another."""
import contextlib
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import time

import pytest

import gobuild
from exact import NEWEST, OFTEN, attach, documents, exact
from leftovers import (assert_code_is_its_files, assert_gone, changed_code, descriptors,
                       kernel_objects, uprobe_events)
from process import LOITER, PATIENCE_S, Run, Target
from test_attach import Attached
from test_places import only_child, unshare

OLDEST = gobuild.releases()[0]
INTERNAL = 6

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='BPF programs want root')


def hits(intervals, collector):
    return sum(i['collectors'][collector]['hits'] or 0 for i in intervals if 'collectors' in i)


# --- A loiter that is killed ---

def bpf_objects(pid):
    return {o for o in kernel_objects(pid) if o[0] != 'perf'}


def run_for(child, seconds):
    """All that a loiter has in the kernel while it runs."""
    mine = set()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        mine |= bpf_objects(child.pid)
    return mine


def run_until_probed(child, target):
    """The same until a burst goes on; which may end in any moment."""
    until = time.monotonic() + PATIENCE_S
    while not changed_code(target.pid):
        assert time.monotonic() < until and child.poll() is None
    return bpf_objects(child.pid)


@pytest.mark.parametrize('kind', ['c', 'default'])
def test_a_loiter_that_is_killed_leaves_nothing(kind):
    with exact(kind) as target:
        expected = target.ask('run 20000')
        target.tell('keep')
        before = uprobe_events()
        for round_ in range(10):
            target.tell('run 20000')
            with subprocess.Popen([LOITER, 'attach', str(target.pid), *OFTEN],
                                  stdout=subprocess.DEVNULL) as child:
                # Not a wait for anything: it spreads the kills over loading, bursts and looks.
                if round_ % 2:
                    mine = run_for(child, random.uniform(0.02, 0.6))
                else:
                    mine = run_until_probed(child, target)
                    time.sleep(random.uniform(0, 0.06))
                child.kill()
            assert mine or round_ % 2
            assert json.loads(target.receive()) == expected
            assert_gone(mine)
            assert_code_is_its_files(target.pid)
            assert uprobe_events() == before
        assert target.alive()


@pytest.mark.parametrize('sig', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_any_time_ends_it_with_its_report(sig):
    with exact('default') as target:
        target.tell('keep')
        for step in range(6):
            child = subprocess.Popen([LOITER, 'attach', str(target.pid), '--json', *OFTEN],
                                     stdout=subprocess.PIPE)
            while not mask(child.pid, 'SigCgt') & 1 << (sig - 1):
                pass	# Python and the dynamic linker are not what is tested.
            mine = run_for(child, 0.02 + 0.07 * step)
            child.send_signal(sig)
            out, _ = child.communicate(timeout=PATIENCE_S)
            assert child.returncode == (130 if sig == signal.SIGINT else -sig)
            lines = [json.loads(line) for line in out.splitlines()]
            # Before the first look there is nothing to report.
            assert not lines or lines[-1]['schema'] == 'loiter.snapshot/1'
            assert_gone(mine)
        assert lines, 'not even the last one got as far as a look'
        assert_code_is_its_files(target.pid)


def test_a_second_signal_does_not_wait():
    """While it writes to a pipe that nobody reads it cannot take note of the first one."""
    with exact('default') as target:
        child = subprocess.Popen([LOITER, 'attach', str(target.pid), '--json', *OFTEN],
                                 stdout=subprocess.PIPE)
        seen = b''
        while b'"number": 1,' not in seen:
            seen += os.read(child.stdout.fileno(), 1 << 16)
        until = time.monotonic() + PATIENCE_S
        while 'pipe_write' not in wchan(child.pid):
            assert time.monotonic() < until
            time.sleep(0.05)
        mine = bpf_objects(child.pid)
        child.send_signal(signal.SIGINT)
        while mask(child.pid, 'SigPnd', 'ShdPnd'):
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        assert child.wait(PATIENCE_S) == 130
        child.stdout.close()
        assert_gone(mine)
        assert_code_is_its_files(target.pid)


def wchan(pid):
    with open(f'/proc/{pid}/wchan', encoding='ascii') as text:
        return text.read()


def mask(pid, *fields):
    with open(f'/proc/{pid}/status', encoding='ascii') as lines:
        return sum(int(line.split()[1], 16) for line in lines if line.startswith(fields))


# --- What targets do meanwhile ---

@pytest.mark.parametrize('start,then', [('c', 'default'), ('default', 'c'),
                                        ('default', 'pie-stripped')])
def test_a_program_that_becomes_another_is_not_taken_for_it(start, then):
    other = gobuild.build_c('exact', '-pthread') if then == 'c' else \
        gobuild.build('exact', OLDEST, then)
    with exact(then, OLDEST) as reference:
        expected = reference.ask('run 3000')
    with exact(start) as target, Attached(target.pid, *OFTEN) as attached:
        target.tell('keep')
        attached.until('running')
        while not changed_code(target.pid):
            pass
        target.tell('exec ' + other)
        last = attached.until('exec')[-1]
        assert last['reason'] and 'groups' not in last
        code, (closing,), err = attached.rest()
        assert code == 0 and not [line for line in err.splitlines() if 'keep to' not in line]
        assert any('gone at the end' in note for note in closing['quality']['notes'])
        assert target._line().startswith(b'READY ')
        # It runs as if nobody had ever looked at its predecessor.
        assert target.ask('run 3000') == expected
        assert_code_is_its_files(target.pid)


def test_children_and_threads_go_on_undisturbed():
    with exact() as target:
        expected, threads = target.ask('run 3000'), target.ask('threads 200')
        target.tell('keep')
        with Attached(target.pid, *OFTEN) as attached:
            attached.until('running')
            children = []
            for _ in range(4):
                # Forked in the middle of a burst a child has its breakpoints.
                until = time.monotonic() + PATIENCE_S
                while not changed_code(target.pid):
                    assert time.monotonic() < until
                children.append(target.ask('child')['pid'])
                assert target.ask('fork 3000') == expected
            assert target.ask('threads 200') == threads
            attached.until('running')
            attached.interrupt()
            assert attached.rest()[0] == 130
        for pid in (target.pid, *children):
            assert_code_is_its_files(pid)
            os.kill(pid, 0)
        assert target.ask('run 3000') == expected


def test_a_debugger_stops_it_and_lets_it_go():
    with exact('default') as target, Attached(target.pid, *OFTEN) as attached:
        target.tell('keep')
        attached.until('running')
        gdb = subprocess.Popen(['gdb', '-nx', '-q', '-p', str(target.pid)], text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        assert attached.until('stopped')[-1]['reason']
        gdb.communicate('detach\nquit\n', timeout=PATIENCE_S)
        attached.until('running')
        attached.interrupt()
        assert attached.rest()[0] == 130
        assert target.ask('run 100')
        assert_code_is_its_files(target.pid)


def test_a_killed_target_that_nobody_collects_has_exited():
    with exact() as target, Attached(target.pid, *OFTEN) as attached:
        attached.until('running')
        target.kill()
        # Popen.wait() is not called until the with ends: it is a zombie.
        assert attached.until('exited')[-1]['reason'] == 'the process has exited'
        code, (closing,), _ = attached.rest()
        assert code == 0 and closing['schema'] == 'loiter.snapshot/1'


def test_a_process_whose_main_thread_has_left_is_no_end():
    with exact() as target, Attached(target.pid, *OFTEN) as attached:
        target.tell('keep')
        attached.until('running')
        target.tell('leave')
        assert 'main thread' in attached.until('failed')[-1]['reason']
        target.kill()
        attached.until('exited')
        assert attached.rest()[0] == 0


# --- Where targets live ---

def check_probed(target, pid, collector, other=None):
    """Its own file is probed, wherever it is, and nobody else's."""
    target.pid = pid
    target.tell('keep')
    seen = 0
    with Attached(pid, *OFTEN) as attached:
        for interval in attached:
            seen += hits([interval], collector)
            assert not other or not changed_code(other.pid)
            if seen > 100:
                break
        attached.interrupt()
        code, rest, _ = attached.rest()
    assert code == 130 and rest[-1]['schema'] == 'loiter.snapshot/1'
    assert_code_is_its_files(pid)


def test_the_real_c_library_is_probed_in_a_chroot_with_a_look_alike(tmp_path):
    program = gobuild.build_c('exact', '-pthread')
    needed = subprocess.run(['ldd', program], stdout=subprocess.PIPE, text=True, check=True)
    for library in re.findall(r'(/\S+) \(0x', needed.stdout):
        (tmp_path / os.path.dirname(library)[1:]).mkdir(parents=True, exist_ok=True)
        shutil.copy(library, str(tmp_path) + library)
    shutil.copy(program, tmp_path / 'exact')
    with exact() as outside, \
         Target(['/exact'], ready_prefix=['chroot', str(tmp_path)]) as target:
        outside.tell('keep')
        check_probed(target, target.pid, 'memory', outside)


def test_the_real_executable_is_probed_in_other_namespaces(tmp_path):
    """Another mount and pid namespace, and outside its path is another build."""
    inside, place = tmp_path / 'inside', tmp_path / 'place'
    inside.mkdir()
    place.mkdir()
    shutil.copy(gobuild.build('exact', NEWEST, 'stripped'), inside / 'exact')
    shutil.copy(gobuild.build('exact', OLDEST), place / 'exact')
    shell = f'mount --bind {inside} {place} && exec "$0"'
    prefix = [*unshare('-m', '-p', '-f', '--mount-proc', '--kill-child'), 'sh', '-c', shell]
    with Target([str(place / 'exact')], ready_prefix=prefix) as target, \
         Target([str(place / 'exact')]) as outside:
        outside.tell('keep')
        pid = only_child(target.pid)
        with open(f'/proc/{pid}/comm', encoding='ascii') as comm:
            assert comm.read() == 'exact\n'
        check_probed(target, pid, 'goroutines', outside)


@pytest.mark.parametrize('mode', ['default', 'pie-stripped', 'cgo-stripped'])
def test_a_file_that_is_deleted_or_replaced_is_still_the_one_that_runs(tmp_path, mode):
    program = shutil.copy(gobuild.build('exact', NEWEST, mode), tmp_path / 'exact')
    with Target([str(program)]) as target:
        os.unlink(program)
        if mode != 'default':
            shutil.copy(gobuild.build('exact', OLDEST), program)
        check_probed(target, target.pid, 'goroutines')


def test_go_in_a_program_that_is_not_go():
    with Target([gobuild.build_c('host', '-ldl'),
                 gobuild.build('goroutines', NEWEST, 'c-shared-stripped')]) as target:
        intervals, closing = attach(target, '--for', '2s', *OFTEN)
        assert closing['goroutines']['total'] > 10
        last = intervals[-1]['collectors']
        assert last['goroutines']['on'] and last['memory']['on'], last
        assert_code_is_its_files(target.pid)


# --- Several at once ---

def test_three_attaches_and_a_snapshot_of_one_target():
    with exact('default') as target:
        expected = target.ask('run 3000')
        target.tell('keep')
        with Attached(target.pid, *OFTEN) as one, Attached(target.pid, *OFTEN) as two:
            three = subprocess.Popen([LOITER, 'attach', str(target.pid), *OFTEN],
                                     stdout=subprocess.DEVNULL)
            for _ in range(3):
                one.until('running')
                two.until('running')
                assert Run('snapshot', target.pid, '--json').code == 0
            # The end of one, however it comes, is nothing to the others.
            three.kill()
            three.wait()
            assert target.ask('run 3000') == expected
            one.interrupt()
            assert one.rest()[0] == 130
            more = [two.until('running')[-1] for _ in range(5)]
            assert more[-1]['collectors']['goroutines']['on']
            assert not more[-1]['collectors']['goroutines']['refused']
            two.interrupt()
            assert two.rest()[0] == 130
        assert_code_is_its_files(target.pid)


def test_oneself_and_ones_own_kind():
    with exact() as target:
        with Attached(target.pid, *OFTEN) as attached:
            attached.until('running')
            intervals, _ = attach(attached._child, '--for', '1s', *OFTEN)
            assert {i['state'] for i in intervals} == {'running'}
            attached.interrupt()
            assert attached.rest()[0] == 130
    # The process that waits for us: a pipe that it does not read must not hold us up.
    run = Run('attach', os.getpid(), '--json', '--for', '500ms', *OFTEN)
    assert run.code == 0, run
    assert_code_is_its_files(os.getpid())


# --- Where the output goes ---

def test_a_full_disk_is_named_and_ends_it():
    with exact() as target:
        for args, stdout in ((('-o', '/dev/full'), None), ((), '/dev/full')):
            with contextlib.ExitStack() as stack:
                out = stack.enter_context(open(stdout, 'wb')) if stdout else subprocess.DEVNULL
                run = subprocess.run([LOITER, 'attach', str(target.pid), *OFTEN, *args],
                                     stdout=out, stderr=subprocess.PIPE, text=True, check=False,
                                     timeout=PATIENCE_S)
            assert run.returncode == INTERNAL and run.stderr.count('\n') == 1, run
            assert 'No space left' in run.stderr
            assert ('/dev/full' in run.stderr) == bool(args)
        assert_code_is_its_files(target.pid)


def test_a_reader_that_leaves_ends_it_without_noise():
    with exact('default') as target:
        target.tell('keep')
        child = subprocess.Popen([LOITER, 'attach', str(target.pid), '--json', *OFTEN],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(4):
            assert json.loads(child.stdout.readline())['number'] >= 0
        mine = bpf_objects(child.pid)
        child.stdout.close()
        assert child.wait(PATIENCE_S) == -signal.SIGPIPE
        assert not [line for line in child.stderr if b'keep to' not in line]
        child.stderr.close()
        assert_gone(mine)
        assert_code_is_its_files(target.pid)


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '<&- >&- 2>&-'])
def test_closed_standard_files_are_nobody_elses(closed):
    with exact() as target:
        # A budget that is told about on stderr.
        run = Run('attach', target.pid, '--json', '--for', '1s', '--interval', '100ms',
                  '--budget', '0.01', prefix=['sh', '-c', f'exec "$@" {closed}', 'sh'])
    if '>&- ' in closed + ' ' and not closed.startswith('2'):
        assert run.code == INTERNAL and run.out == b'', run
    else:
        assert run.code == 0 and documents(run)[1], run


# --- What it costs ---

def test_setting_up_is_counted_once_and_lengthens_no_interval():
    with exact('default') as target:
        target.tell('keep')
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = Run('attach', target.pid, '--json', '--for', '4s', '--interval', '1s',
                  '--budget', '5')
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert run.code == 0, run
    intervals, _ = documents(run)
    cost = [i['overhead'] for i in intervals]
    assert cost[1]['setup_ms'] > cost[0]['setup_ms'] > 0
    assert {c['setup_ms'] for c in cost[1:]} == {cost[1]['setup_ms']}
    # To load it all takes more than 5 % of an interval, and yet nothing is said of longer ones.
    assert run.err == '', run
    used_ms = 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    told_ms = cost[-1]['core_percent'] * intervals[-1]['elapsed_s'] * 10
    assert sum(c['cpu_ms'] for c in cost) + cost[-1]['setup_ms'] <= 1.01 * told_ms
    # The rest is its start, its end, and what libraries do to be loaded.
    assert told_ms <= 1.01 * used_ms and told_ms >= 0.5 * used_ms, (told_ms, used_ms)


def test_a_time_shorter_than_the_first_look_is_enough_for_a_report():
    with exact('default') as target:
        intervals, closing = attach(target, '--for', '1ms')
        assert intervals[0]['number'] == 0 and closing['goroutines']['total'] > 0
        assert_code_is_its_files(target.pid)


def test_hundreds_of_looks_take_no_more_than_the_first():
    """Descriptors and memory, while bursts go on and threads and goroutines come and go."""
    with exact('default') as target:
        target.tell('keep')
        fds, rss = [], []
        with Attached(target.pid, *OFTEN) as attached:
            for interval in attached:
                if interval['number'] >= 20:
                    fds.append(descriptors(attached._child.pid))
                    rss.append(interval['overhead']['rss_bytes'])
                if interval['number'] == 150:
                    break
            attached.interrupt()
            assert attached.rest()[0] == 130
        # One is open while a look goes on, another while a burst does.
        assert max(fds[-50:]) <= max(fds[:50]) + 2, fds
        assert max(rss[-30:]) <= max(rss[:60]) + (2 << 20), rss[::10]
