# SPDX-License-Identifier: Apache-2.0
"""The oncpu collector on Go programs: whose goroutine, which stack, and in the kernel or not."""
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import time

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Target

WATCH = os.path.join(os.path.dirname(LOITER), 'tests/unit/trace/oncpu_watch')
BPFTOOL = shutil.which('bpftool') or '/usr/sbin/bpftool'
# Of intervals of a tenth of a second; a busy machine may give the target none for a while.
MOST_INTERVALS = 300

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


def combinations():
    releases = gobuild.releases()
    return [(r, 'default') for r in releases] + \
        [(r, m) for r in (releases[0], releases[-1]) for m in ('pie-stripped', 'cgo-stripped')]


@pytest.fixture(params=combinations(), ids=lambda c: f'go{c[0]}-{c[1]}')
def busy(request):
    with Target([gobuild.build('busy', *request.param)]) as t:
        yield t


def sites(pid):
    """Yields each site that is sampled, for at most MOST_INTERVALS."""
    with subprocess.Popen([WATCH, str(pid)], stdout=subprocess.PIPE, text=True) as watch:
        try:
            for _ in range(MOST_INTERVALS):
                line = watch.stdout.readline()
                assert line, 'oncpu_watch ended'
                interval = json.loads(line)
                assert interval['lost'] == 0
                yield from interval['sites']
        finally:
            watch.kill()


def function(frame):
    return frame.rpartition('.')[2]


def test_samples_name_goroutine_and_stack(busy):
    spins, kernel, others = 0, 0, 0
    for site in sites(busy.pid):
        assert site['goid'] != busy.truth['waits'], site
        names = [function(f) for f in site['stack']]
        if 'work' in names:
            assert site['goid'] == busy.truth['works'], site
        elif 'spin' in names:
            assert site['goid'] == busy.truth['spin'], site
            # An interrupt is the kernel too. The leaf has no frame, yet its caller is known.
            if not site['in_kernel'] and names[:2] == ['spinInner', 'spin']:
                spins += site['samples']
        elif 'spinInner' in names:
            # Its caller may be hidden, as while the kernel moves the stack's page.
            assert site['goid'] in (busy.truth['spin'], busy.truth['works']), site
            others += site['samples']
        elif 'callKernel' in names:
            assert site['goid'] == busy.truth['kernel'], site
            kernel += site['samples'] if site['in_kernel'] else 0
        else:
            others += site['samples']
        if spins >= 20 and kernel >= 20:
            break
    assert spins >= 20 and kernel >= 20, (spins, kernel, others)
    assert others <= (spins + kernel) / 2, (spins, kernel, others)


def test_in_a_pid_namespace_of_its_own_the_right_process_is_sampled():
    """Process 2 of a new namespace; BPF programs know it by its number in the first one."""
    busy = gobuild.build('busy', gobuild.releases()[-1])
    ready, is_ready = os.pipe()
    script = f'exec 3<&0; "$1" <&3 >&2 & read -r _ <&{ready}; "$2" $!'
    with subprocess.Popen(['unshare', '--pid', '--fork', '--mount-proc', '--kill-child', 'bash',
                           '-c', script, 'sh', busy, WATCH], pass_fds=(ready, ),
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as both:
        os.close(ready)
        try:
            truth = json.loads(both.stderr.readline().partition(' ')[2])
            # Before, it may be a shell still.
            os.write(is_ready, b'\n')
            os.close(is_ready)
            assert truth['pid'] < 100, 'no namespace of its own'
            spins = 0
            for line in itertools.islice(both.stdout, MOST_INTERVALS):
                spins += sum(s['samples'] for s in json.loads(line)['sites']
                             if s['goid'] == truth['spin'])
                if spins >= 5:
                    break
        finally:
            both.kill()
    assert spins >= 5


@pytest.mark.parametrize('lacks', ['bpf', 'perfmon'])
def test_a_missing_capability_is_named(lacks):
    busy = gobuild.build('busy', gobuild.releases()[-1])
    with Target([busy]) as t:
        run = subprocess.run(['setpriv', f'--bounding-set=-{lacks},-sys_admin', WATCH, str(t.pid)],
                             capture_output=True, text=True, check=False)
    assert run.returncode == 1 and not run.stdout
    assert f'without CAP_{lacks.upper()}' in run.stderr, run.stderr


def test_a_killed_watcher_leaves_no_program():
    def programs():
        listed = subprocess.run([BPFTOOL, '-j', 'prog', 'show'], capture_output=True, check=True)
        return {p['id'] for p in json.loads(listed.stdout) if p.get('name') == 'oncpu_sample'}

    with Target([gobuild.build('busy', gobuild.releases()[-1])]) as t:
        before = programs()
        with subprocess.Popen([WATCH, str(t.pid)], stdout=subprocess.PIPE) as watch:
            assert watch.stdout.readline()
            mine = programs() - before
            watch.kill()
        assert mine
        # The kernel frees a program once it no longer runs anywhere.
        deadline = time.monotonic() + PATIENCE_S
        while mine & programs() and time.monotonic() < deadline:
            pass
        assert not mine & programs()
        assert t.alive()


@contextlib.contextmanager
def prefer(pid):
    """nice counts within a session alone where the scheduler groups by them (sched(7))."""
    if os.path.exists(f'/proc/{pid}/autogroup'):
        with open(f'/proc/{pid}/autogroup', 'w', encoding='ascii') as group:
            group.write('-20')
    yield


def test_a_loop_without_end_is_busy_and_a_worker_is_not():
    """At a high priority, for on a machine with more to do than CPUs nobody is always on one."""
    binary = gobuild.build('busy', gobuild.releases()[-1])
    with Target(['nice', '-n', '-20', binary, 'one loop'], start_new_session=True) as t, \
            prefer(t.pid), subprocess.Popen([WATCH, str(t.pid), 'busy'], stdout=subprocess.PIPE) as watch:
        try:
            for line in itertools.islice(watch.stdout, MOST_INTERVALS):
                look = json.loads(line)
                assert set(look['busy']) <= {t.truth['spin']}, look['busy']
                if look['busy']:
                    break
        finally:
            watch.kill()
    finding, = look['findings']
    assert finding['pattern'] == 'busy-goroutine' and finding['count'] == 1
    # The few instructions of the outer loop may never be met.
    assert finding['site'].partition(' ')[0] in ('main.spin', 'main.spinInner'), finding
    assert 'never left the CPU' in finding['summary']
    spins = [s for s in look['sites'] if 'main.spin' in s['stack']]
    assert spins and all(s['goroutines'] == 1 for s in spins)
