# SPDX-License-Identifier: Apache-2.0
"""Processes whose files are not where their names say: deleted, replaced, in other namespaces."""
import os
import shutil
import subprocess
import time

import pytest

import blocked
import gobuild
from process import Target, snapshot, snapshot_json

NEWEST = gobuild.releases()[-1]
OTHER = '1.22.12'


def unshare(*args):
    """The prefix of a command in namespaces of its own, or a skip."""
    if not shutil.which('unshare'):
        pytest.skip('unshare is not installed')
    prefix = ['unshare', *args]
    if subprocess.run([*prefix, 'true'], stderr=subprocess.DEVNULL, check=False).returncode:
        pytest.skip(f'{" ".join(prefix)} is not permitted here')
    return prefix


def only_child(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as children:
        return int(children.read().split()[0])


def check_tiny(pid, release=NEWEST):
    seen = snapshot_json(pid)
    assert seen['process']['go_version'] == 'go' + release
    assert seen['process']['pid'] == pid
    parked = [g for g in seen['groups'] if any(f['function'] == 'main.park' for f in g['stack'])]
    assert [g['count'] for g in parked] == [4]
    return seen


@pytest.mark.parametrize('mode', ['default', 'pie-stripped'])
def test_a_deleted_executable(tmp_path, mode):
    program = shutil.copy(gobuild.build('tiny', NEWEST, mode), tmp_path / 'tiny')
    with Target([str(program)]) as t:
        os.unlink(program)
        seen = check_tiny(t.pid)
    assert seen['process']['exe'] == str(program)


def test_an_executable_that_was_replaced(tmp_path):
    program = shutil.copy(gobuild.build('tiny', NEWEST), tmp_path / 'tiny')
    with Target([str(program)]) as t:
        os.unlink(program)
        shutil.copy(gobuild.build('tiny', OTHER, 'stripped'), program)
        check_tiny(t.pid)


def test_another_mount_namespace_with_a_look_alike(tmp_path):
    """Inside, the path is one program; outside, the same path is another."""
    inside, place = tmp_path / 'inside', tmp_path / 'place'
    inside.mkdir()
    place.mkdir()
    shutil.copy(gobuild.build('tiny', NEWEST, 'stripped'), inside / 'tiny')
    shutil.copy(gobuild.build('tiny', OTHER), place / 'tiny')
    shell = f'mount --bind {inside} {place} && exec "$0"'
    prefix = [*unshare('-m'), 'sh', '-c', shell]
    with Target([str(place / 'tiny')], ready_prefix=prefix) as t:
        check_tiny(t.pid)


def test_a_chroot_with_a_look_alike(tmp_path):
    if os.geteuid() != 0:
        pytest.skip('needs root')
    shutil.copy(gobuild.build('tiny', NEWEST), tmp_path / 'true')
    with Target(['/true'], ready_prefix=['chroot', str(tmp_path)]) as t:
        check_tiny(t.pid)


def test_another_pid_namespace():
    prefix = unshare('-p', '-f', '--mount-proc')
    with Target([gobuild.build('goroutines', NEWEST)], ready_prefix=[*prefix, '--kill-child']) as t:
        assert t.truth['pid'] == 1
        begin, pid = time.time(), only_child(t.pid)
        seen = snapshot_json(pid)
        threads = {int(tid) for tid in os.listdir(f'/proc/{pid}/task')}
        bad = blocked.check_all(t.truth, seen, (begin, time.time(), gobuild.minor(NEWEST)))
    assert not bad, '\n'.join(bad)
    # Its threads are named as we know them, not as they know themselves.
    assert {g['thread'] for g in seen['goroutine_list'] if g['thread']} <= threads


def test_another_network_namespace():
    if not shutil.which('ip'):
        pytest.skip('ip is not installed')
    prefix = [*unshare('-n'), 'sh', '-c', 'ip link set lo up && exec "$0"']
    with Target([gobuild.build('goroutines', NEWEST)], ready_prefix=prefix) as t:
        begin = time.time()
        seen = snapshot_json(t.pid)
        bad = blocked.check_all(t.truth, seen, (begin, time.time(), gobuild.minor(NEWEST)))
    assert not bad, '\n'.join(bad)


def test_another_time_namespace():
    """Its monotonic clock is a day ahead: what is left of its timers must not be."""
    prefix = unshare('-T', '-f', '--monotonic', '86400', '--boottime', '86400', '--kill-child')
    with Target([gobuild.build('goroutines', NEWEST)], ready_prefix=prefix) as t:
        pid = t.truth['pid']
        begin = time.time()
        seen = snapshot_json(pid)
        bad = blocked.check_all(t.truth, seen, (begin, time.time(), gobuild.minor(NEWEST)))
    assert not bad, '\n'.join(bad)


def test_an_odd_path(tmp_path):
    """Names are bytes: blanks, quotes, newlines and broken UTF-8 come through every format."""
    place = os.fsencode(str(tmp_path)) + b'/a b\n"\xff\x1b[31m (deleted)'
    os.mkdir(place)
    program = shutil.copy(os.fsencode(gobuild.build('tiny', NEWEST)), place + b'/tiny')
    with Target([program]) as t:
        check_tiny(t.pid)


@pytest.mark.parametrize('mode', ['cgo', 'cgo-stripped'])
@pytest.mark.parametrize('release', [gobuild.releases()[0], NEWEST])
def test_a_process_that_is_mostly_in_c(release, mode):
    """asmcgocall saves its own sp over that of the system call; the wrapper is nobody's code."""
    with Target([gobuild.build('inc', release, mode)]) as t:
        seen = snapshot_json(t.pid)
        group, = [g for g in seen['groups'] if g['count'] == 60]
        assert group['stack'][-1]['function'] == 'main.callC'
        threads = {g['thread'] for g in seen['goroutine_list'] if g['group'] == group['id']}
        assert threads <= set(map(int, os.listdir(f'/proc/{t.pid}/task'))) and len(threads) == 60
        assert ' main.callC main.go' in snapshot(t.pid).decode()
