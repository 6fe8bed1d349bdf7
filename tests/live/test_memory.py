# SPDX-License-Identifier: Apache-2.0
"""Where the memory is: each part against what the target says of itself."""
import json
import os
import signal
import subprocess

import pytest

import gobuild
from process import LOITER, Run, Target, assert_refused, snapshot, snapshot_json

MIB = 1 << 20
PARTS = ('go.heap.live go.heap.free go.heap.lazyfree go.stacks go.metadata go.other c.heap.used '
         'c.heap.free c.mmap thread.stacks file.text file.data shared kernel.other '
         'unexplained').split()
RELEASES = (gobuild.releases()[0], gobuild.releases()[-1])


def c_target(*args, **popen):
    return Target([gobuild.build_c('parts', '-pthread'), *args], **popen)


def go_target(release, mode='default', *args, **popen):
    return Target([gobuild.build('parts', release, mode), *args], **popen)


def memory(target, *args, **kw):
    return snapshot_json(target.pid, *(args or ['--memory']), **kw)['memory']


def sums(m):
    """Bytes by part; also that they sum to RSS, whatever else is asked."""
    ret = {}
    for part in m['parts']:
        assert part['name'] in PARTS, part
        ret[part['name']] = ret.get(part['name'], 0) + part['bytes']
    assert sum(ret.values()) == m['rss_bytes']
    assert ret['unexplained'] == m['unexplained_bytes']
    return ret


def near(m, bytes_, truth, what):
    """Within 2 % of RSS or 1 MiB."""
    slack = max(m['rss_bytes'] * 0.02, MIB)
    assert abs(bytes_ - truth) <= slack, f'{what}: {bytes_} of {truth}, {json.dumps(m)[:3000]}'


def of_file(m, name, words):
    return sum(p['bytes'] for p in m['parts'] if p['name'] == name and words in p.get('file', ''))


def smaps(pid, key='Rss'):
    """A sum of all mappings, of those without access too."""
    with open(f'/proc/{pid}/smaps', encoding='utf-8', errors='replace') as lines:
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith(key + ':'))


def check_whole(target, m):
    parts = sums(m)
    assert m['by_page'] is True
    near(m, m['rss_bytes'], smaps(target.pid), 'RSS')
    assert m['unexplained_bytes'] < m['rss_bytes'] * 0.01, m
    return parts


# --- A program without Go ---

def check_c(target, m):
    parts, truth = check_whole(target, m), target.ask('truth')
    near(m, parts['c.heap.used'], truth['c_used'], 'used')
    near(m, parts['c.heap.free'], truth['c_free'], 'free')
    # Some of it is in swap, where there is any.
    assert m['swap_bytes'] == smaps(target.pid, 'Swap')
    near(m, parts['c.mmap'] + m['swap_bytes'], truth['c_mmapped'] + truth['own_mmap'], 'mmap')
    near(m, parts['thread.stacks'], truth['thread_stacks'], 'stacks')
    near(m, parts['shared'], truth['shared'], 'shared')
    near(m, of_file(m, 'file.data', 'loiter-parts-'), truth['file'] + truth['copied'], 'file')
    near(m, of_file(m, 'file.data', 'c-parts'), truth['bss'], 'bss')
    assert not [name for name in parts if name.startswith('go.')]
    near(m, m['c']['in_use_bytes'], truth['c_used'], 'in_use_bytes')
    near(m, m['c']['free_bytes'], truth['c_free'], 'free_bytes')


def test_every_part_of_a_c_program():
    with c_target() as t:
        m = memory(t)
        # It stands still, and so does its sum.
        assert m['rss_bytes'] == m['rss_before_bytes'] == m['rss_after_bytes'] == smaps(t.pid)
        check_c(t, m)
        # And the huge one, where it was had, can be told, and is no page among others.
        assert t.truth['zero'] <= m['zero_bytes'] <= t.truth['zero'] + 3 * MIB
        # Linux before 6.7 does not tell.
        assert m['huge_bytes'] in (smaps(t.pid, 'AnonHugePages'), None)


def test_a_user_without_privileges_is_told_the_same():
    """Frames are hidden from such a one, and map_files: paths and kinds must do."""
    if os.geteuid() != 0:
        pytest.skip('is that user')
    with c_target(user='nobody') as t:
        check_c(t, json.loads(Run('snapshot', '--memory', '--json', t.pid, user='nobody').out)
                ['memory'])


def test_a_program_without_go_has_memory_alone():
    with c_target() as t:
        assert_refused(Run('snapshot', t.pid), 5, 'not a Go program', '--memory')
        text = snapshot('--memory', t.pid).decode()
        assert 'c.heap.used' in text and 'goroutine' not in text
        whole = json.loads(snapshot('--memory', '--json', t.pid))
        assert whole['groups'] == [] and whole['process']['go_version'] is None


# --- Go ---

def check_go(target, m):
    parts, truth, g = check_whole(target, m), target.truth, target.ask('memstats')
    near(m, parts['go.heap.live'], g['HeapInuse'], 'HeapInuse')
    idle = parts['go.heap.free'] + parts.get('go.heap.lazyfree', 0)
    near(m, parts['go.stacks'], g['StackInuse'], 'StackInuse')
    near(m, parts['c.mmap'], truth['own_mmap'], 'own mappings')
    near(m, parts['shared'], truth['shared'], 'shared')
    near(m, of_file(m, 'file.data', 'loiter-parts-'), truth['file'], 'file')
    tables = sum(g[k] for k in ('MSpanSys', 'MCacheSys', 'BuckHashSys', 'GCSys', 'OtherSys'))
    assert parts['go.metadata'] + parts['go.other'] <= tables + MIB
    near(m, m['go']['heap_alloc_bytes'], g['HeapAlloc'], 'HeapAlloc')
    near(m, m['go']['stack_inuse_bytes'], g['StackInuse'], 'stack_inuse_bytes')
    assert m['go']['num_gc'] == g['NumGC'] and m['go']['gogc'] == -1
    return idle, g


@pytest.mark.parametrize('mode', ['default', 'stripped', 'cgo', 'cgo-stripped'])
@pytest.mark.parametrize('release', RELEASES)
def test_every_part_of_a_go_program(release, mode):
    with go_target(release, mode) as t:
        m = memory(t)
        idle, g = check_go(t, m)
        near(m, idle, g['HeapIdle'] - g['HeapReleased'], 'idle')
        parts = sums(m)
        if mode.startswith('cgo'):
            near(m, parts['c.heap.used'], t.truth['c_used'], 'C heap')
            near(m, parts['thread.stacks'], t.truth['thread_stacks'], 'stacks of threads')
            assert m['c']['allocator'] == 'glibc'
        else:
            assert 'c' not in m and 'c.heap.used' not in parts


@pytest.mark.parametrize('release', RELEASES)
def test_what_was_given_back_and_not_taken_is_lazyfree(release):
    """GODEBUG=madvdontneed=0 makes Go use MADV_FREE, as it did by default up to Go 1.15."""
    env = {**os.environ, 'GODEBUG': 'madvdontneed=0'}
    with go_target(release, 'default', 'release', env=env) as t:
        m = memory(t, '--memory=lazyfree')
        parts, truth = sums(m), smaps(t.pid, 'LazyFree')
        assert truth > 10 * MIB
        # Without knowing which pages are huge it cannot be told from what came back by these.
        assert ('go.heap.lazyfree' in parts) == (m['huge_bytes'] is not None)
        near(m, parts.get('go.heap.lazyfree', parts['go.heap.free']), truth, 'lazyfree')
        near(m, m['lazyfree_bytes'], truth, 'lazyfree_bytes')
        assert m['unexplained_bytes'] < m['rss_bytes'] * 0.01
        assert 'lazyfree_bytes' not in memory(t)


@pytest.mark.parametrize('release', RELEASES)
def test_what_was_given_back_is_in_no_part(release):
    with go_target(release, 'default', 'release') as t:
        m = memory(t)
        idle, g = check_go(t, m)
        assert g['HeapReleased'] > 15 * MIB
        near(m, idle, g['HeapIdle'] - g['HeapReleased'], 'idle')


def test_text_has_a_bar_as_wide_as_the_terminal_and_headroom_in_words():
    # With what is free given back, what is alive is the most for certain.
    with go_target(RELEASES[1], 'default', 'release') as t:
        lines = snapshot(t.pid).decode().split('\n')
        at = next(i for i, line in enumerate(lines) if line.startswith('MEMORY  RSS'))
        assert len(lines[at + 1]) == 80 and set(lines[at + 1]) <= set('█▒▓░')
        rows = [line.split() for line in lines[at + 2:]]
        assert rows[0][1] == 'go.heap.live' and any('unexplained' in row for row in rows)
        text = '\n'.join(lines)
        assert 'Go GC: never due' in text and 'GOGC=off' in text and 'no GOMEMLIMIT' in text
        assert 'MEMORY' not in snapshot('--no-memory', t.pid).decode()


# --- What goes wrong ---

def test_a_heap_that_grows_while_it_is_read():
    """Mappings come and go meanwhile: what was there before and after is in RSS, and so much of
    it may be gone when its pages are looked at."""
    for command, target in (('churn', go_target(RELEASES[1])), ('grow', c_target())):
        with target as t:
            t.ask(command)
            for _ in range(5):
                m = memory(t)
                parts = sums(m)
                low = min(m['rss_before_bytes'], m['rss_after_bytes'])
                assert m['rss_bytes'] >= low
                # What came meanwhile may be nobody's, no more.
                drift = abs(m['rss_before_bytes'] - m['rss_after_bytes'])
                assert parts['unexplained'] <= m['rss_bytes'] * 0.02 + drift + MIB, m


def test_a_process_that_dies_half_way():
    """Killed at many different times: an answer, or one sentence, and never anything else."""
    codes = set()
    for delay in range(0, 40, 4):
        with go_target(RELEASES[1]) as t:
            run = subprocess.Popen([LOITER, 'snapshot', '--memory', '--json', str(t.pid)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                run.wait(delay / 1000)
            except subprocess.TimeoutExpired:
                pass
            t.kill()
            out, err = run.communicate(timeout=60)
            codes.add(run.returncode)
            if run.returncode == 0:
                sums(json.loads(out)['memory'])
            else:
                assert run.returncode == 3 and out == b'' and err.count(b'\n') == 1, err
    assert codes <= {0, 3} and codes


def test_a_process_that_is_stopped_is_read_all_the_same():
    with c_target() as t:
        os.kill(t.pid, signal.SIGSTOP)
        m = memory(t)
        os.kill(t.pid, signal.SIGCONT)
        check_c(t, m)


def test_the_stack_of_a_thread_that_runs_is_known():
    """The kernel tells no stack pointer of it."""
    with c_target('4') as t:
        assert check_whole(t, memory(t))['thread.stacks'] >= t.truth['thread_stacks']


def without_pagemap(pid, program):
    """Runs it where the process's pagemap is something else, in a mount namespace of its own."""
    if os.geteuid() != 0:
        pytest.skip('needs root')
    script = f'mount --bind /dev/null /proc/{pid}/pagemap && exec "$@"'
    return ['unshare', '--mount', 'sh', '-c', script, 'sh', *program]


def test_without_pagemap_the_kernels_sums_stand_and_say_so():
    with go_target(RELEASES[1]) as t:
        argv = without_pagemap(t.pid, [LOITER, 'snapshot', '--memory'])
        run = subprocess.run([*argv, '--json', str(t.pid)], stdout=subprocess.PIPE, check=True)
        m = json.loads(run.stdout)['memory']
        parts = sums(m)
        assert m['by_page'] is False and m['huge_bytes'] is None
        assert any('pagemap' in note for note in m['notes'])
        assert parts['shared'] >= t.truth['shared'] and 'go.heap.live' not in parts
        near(m, m['go']['heap_alloc_bytes'], t.ask('memstats')['HeapAlloc'], 'HeapAlloc')
        run = subprocess.run([*argv, str(t.pid)], stdout=subprocess.PIPE, check=True)
        assert "by the kernel's sums alone" in run.stdout.decode()


def test_another_users_process_is_refused_as_before():
    if os.geteuid() != 0:
        pytest.skip('needs two users')
    with c_target() as t:
        assert_refused(Run('snapshot', '--memory', t.pid, user='nobody'), 4)


# --- Options ---

def test_what_no_form_could_show_is_refused():
    for words in (('--memory=all', '1'), ('--memory', '--core', '/dev/null'),
                  ('--memory=lazyfree', '--all')):
        assert_refused(Run('snapshot', *words), 2, '--memory')
