# SPDX-License-Identifier: Apache-2.0
"""Bad inputs: each its one sentence on stderr, its exit code, nothing on stdout, and quickly."""
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

import pytest

import gobuild
from conftest import start_goroutines
from process import LOITER, Run, Target, assert_refused, snapshot, snapshot_json

USAGE, TARGET, PERMISSION, LAYOUT, INTERNAL = 2, 3, 4, 5, 6
# Far above what any refusal takes here, far below what a walk through a lie would.
QUICK_S = 5

NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def refused(args, code, *words, **kw):
    run = Run('snapshot', *args, **kw)
    assert_refused(run, code, *words)
    assert run.seconds < QUICK_S, run
    return run


def newest():
    return gobuild.releases()[-1]


@pytest.mark.parametrize('args', [
    [], ['abc'], ['0'], ['-5'], ['1', '2'], ['--format', 'xml', '1'], ['--no-such-option', '1'],
    ['99999999999999999999'], ['--core'], ['1', '--core', '/dev/null'], ['--all', '1']], ids=str)
def test_usage_errors_exit_2(args):
    refused(args, USAGE)


def test_no_such_pid():
    child = subprocess.Popen(['true'])
    child.wait()
    refused([child.pid], TARGET, str(child.pid))


def test_no_pid_can_be_that_high():
    refused([2**31 - 1], TARGET)


@needs_root
def test_another_users_process(tiny, tmp_path):
    # Nobody may be unable to reach the build directory.
    with tempfile.TemporaryDirectory() as reachable:
        os.chmod(reachable, 0o755)
        copy = shutil.copy(LOITER, reachable)
        result = subprocess.run([*NOBODY, copy, 'snapshot', str(tiny.pid)], capture_output=True,
                                text=True, check=False, timeout=QUICK_S)
    assert result.returncode == PERMISSION, result
    assert result.stdout == '' and result.stderr.count('\n') == 1, result


@needs_root
def test_ones_own_process_needs_no_root():
    with tempfile.TemporaryDirectory() as reachable:
        os.chmod(reachable, 0o755)
        loiter = shutil.copy(LOITER, reachable)
        program = shutil.copy(gobuild.build('tiny', newest()), reachable)
        with Target([program], ready_prefix=NOBODY) as target:
            result = subprocess.run([*NOBODY, loiter, 'snapshot', '--json', str(target.pid)],
                                    capture_output=True, text=True, check=False)
    if result.returncode == PERMISSION and os.path.exists('/proc/sys/kernel/yama/ptrace_scope'):
        pytest.skip('this kernel restricts ptrace to descendants')
    assert result.returncode == 0, result
    assert json.loads(result.stdout)['goroutines']['total'] == 5


def test_a_kernel_thread():
    try:
        with open('/proc/2/comm', encoding='ascii') as comm:
            if comm.read().strip() != 'kthreadd':
                pytest.skip('pid 2 is not kthreadd here')
    except OSError:
        pytest.skip('kernel threads are not visible here')
    refused([2], LAYOUT, 'kernel thread')


def test_a_zombie():
    child = subprocess.Popen([sys.executable, '-c', ''], stdout=subprocess.PIPE)
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    refused([child.pid], TARGET, 'zombie')
    child.wait()


def test_a_c_program():
    with Target([gobuild.build_c('plain')]) as target:
        refused([target.pid], LAYOUT, 'Go')


def test_an_interpreter_is_no_go_program():
    with Target([sys.executable, '-c', 'print("READY {}", flush=True); input()']) as target:
        refused([target.pid], LAYOUT, 'Go')


def test_a_release_before_1_18():
    oldest = gobuild.releases()[0]
    path = gobuild.build('tiny', oldest)
    copy = gobuild.copy_with(path, 'tiny-older', b'go' + oldest.encode(),
                             b'go1.17' + oldest[4:].encode())
    with Target([copy]) as target:
        refused([target.pid], LAYOUT, '1.17')


def patched_newer(target, mode):
    path = gobuild.build(target, newest(), mode)
    return gobuild.copy_with(path, f'{target}-newer-{mode}', b'go' + newest().encode(),
                             b'go1.99' + newest()[4:].encode())


@pytest.mark.parametrize('mode', ['stripped', 'pie-stripped'])
def test_a_release_newer_than_the_table_without_dwarf(mode):
    with Target([patched_newer('tiny', mode)]) as target:
        refused([target.pid], LAYOUT, '1.99')


def test_a_release_newer_than_the_table_with_dwarf():
    with Target([patched_newer('goroutines', 'default')]) as target:
        seen = snapshot_json(target.pid)
    assert seen['quality']['layout'] == 'dwarf'
    assert seen['process']['go_version'].startswith('go1.99')
    listed = {g['id']: g for g in seen['goroutine_list']}
    for group in target.truth['groups']:
        for member in group['members']:
            want = None if member['reason'] == 'syscall' else member['reason']
            assert listed[member['goid']]['wait_reason'] == want, group['name']
            assert listed[member['goid']]['blocked_on']['kind'] == member['obj']['kind']


def test_a_version_that_is_not_the_true_one():
    """The layout of 1.18 on a process of 1.27 must fail its validation, not show nonsense."""
    oldest = gobuild.releases()[0]
    path = gobuild.build('tiny', newest(), 'stripped')
    lie = 'go1.18.1' if len(newest()) == 6 else 'go1.18.10'
    assert len(lie) == len('go' + newest()), oldest
    copy = gobuild.copy_with(path, 'tiny-liar', b'go' + newest().encode(), lie.encode())
    with Target([copy]) as target:
        run = Run('snapshot', target.pid, '--json')
        # Refused as malformed already, or when the layout is held against the process.
        assert_refused(run, TARGET if run.code == TARGET else LAYOUT)


def test_a_32_bit_program():
    path = gobuild.build('tiny', newest(), 'default', GOARCH='386')
    try:
        target = Target([path])
    except (OSError, AssertionError):
        pytest.skip('this kernel does not run 32-bit programs')
    with target:
        refused([target.pid], LAYOUT, '32')


def test_a_process_that_exits_half_way():
    """Killed at every stage: a whole answer, or a refusal, never something in between."""
    codes = set()
    program = gobuild.build('bench', newest())
    whole = None
    for step in range(12):
        with subprocess.Popen([program, '60000'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as child:
            child.stdout.readline()
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                loiter = subprocess.Popen([LOITER, 'snapshot', str(child.pid), '--json'],
                                          stdout=out, stderr=err)
                if whole is None:
                    loiter.wait()
                    whole = True
                else:
                    # Not a wait for anything: it spreads the kills over the run's length.
                    try:
                        loiter.wait(0.004 * step)
                    except subprocess.TimeoutExpired:
                        pass
                child.kill()
                child.wait()
                codes.add(loiter.wait(QUICK_S))
                out.seek(0)
                err.seek(0)
                text, said = out.read(), err.read()
        if loiter.returncode == 0:
            assert json.loads(text)['goroutines']['total'] == 60002
        else:
            assert loiter.returncode == TARGET, (loiter.returncode, said)
            assert text == b'' and said.count(b'\n') == 1, (text[:200], said)
    assert codes <= {0, TARGET} and TARGET in codes


def test_a_stack_that_cannot_be_read_is_counted():
    with Target([gobuild.build('hole', newest())]) as target:
        seen = snapshot_json(target.pid)
        text = snapshot(target.pid).decode()
    assert seen['quality']['unreadable'] == 1
    assert seen['goroutines']['by_wait_reason'].get('chan receive') in (9, 10)
    parked = [g for g in seen['groups'] if any(f['function'] == 'main.park' for f in g['stack'])]
    assert sum(g['count'] for g in parked) == 9
    assert 'unreadable' in text or 'not be read' in text, text


def test_a_stopped_process_is_read(tiny):
    os.kill(tiny.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, tiny.pid, os.WSTOPPED | os.WNOWAIT)
    assert snapshot_json(tiny.pid)['goroutines']['total'] == 5
    assert tiny.status('State').startswith('T')


def test_a_thread_id_is_not_taken_for_another_process(newest):
    threads = [int(t) for t in os.listdir(f'/proc/{newest.pid}/task') if int(t) != newest.pid]
    run = Run('snapshot', threads[0])
    assert run.code in (0, TARGET), run


def test_a_full_disk_is_an_error(tiny):
    with open('/dev/full', 'wb') as full:
        result = subprocess.run([LOITER, 'snapshot', str(tiny.pid)], stdout=full,
                                stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == INTERNAL and result.stderr.count('\n') == 1, result


def test_a_reader_that_leaves_is_no_noise(newest):
    result = subprocess.run(['bash', '-c', '"$0" snapshot "$1" --format debug2 | head -1; '
                             'echo ${PIPESTATUS[0]} >&2', LOITER, str(newest.pid)],
                            capture_output=True, text=True, check=False, timeout=QUICK_S)
    assert len(result.stderr.splitlines()) == 1, result


def garbage(name, path):
    """Makes the file that `name` describes at path; returns what to give as --core."""
    if name == 'text':
        path.write_text('this is no core\n' * 1000)
    elif name == 'empty':
        path.write_bytes(b'')
    elif name == 'magic alone':
        path.write_bytes(b'\x7fELF')
    elif name == 'random':
        path.write_bytes(b'\x7fELF\x02\x01\x01' + bytes(i * 37 % 256 for i in range(100000)))
    elif name == 'executable':
        return gobuild.build('tiny', gobuild.releases()[-1])
    elif name == 'sparse terabyte':
        with open(path, 'wb') as out:
            out.truncate(1 << 40)
    elif name == 'fifo':
        os.mkfifo(path)
    elif name == 'directory':
        path.mkdir()
    return path


@pytest.mark.parametrize('name', ['missing', 'text', 'empty', 'magic alone', 'random',
                                  'executable', 'sparse terabyte', 'fifo', 'directory'])
def test_a_file_that_is_no_core(name, tmp_path):
    refused(['--core', garbage(name, tmp_path / 'core')], TARGET)


def test_devices_are_no_cores():
    for device in ('/dev/zero', '/dev/null', '/dev/tty'):
        if stat.S_ISCHR(os.stat(device).st_mode):
            refused(['--core', device], TARGET)


def test_the_output_file_is_not_left_half_written(tmp_path):
    path = tmp_path / 'answer.json'
    path.write_text('before')
    child = subprocess.Popen(['true'])
    child.wait()
    refused([child.pid, '--json', '-o', path], TARGET)
    assert path.read_text() == 'before'


def test_a_core_named_twice_is_usage(tiny):
    with start_goroutines(newest(), 'default') as other:
        refused([tiny.pid, other.pid], USAGE)
