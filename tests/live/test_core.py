# SPDX-License-Identifier: Apache-2.0
"""Core files, by gdb's gcore and by the kernel: the same answer as from the live process."""
import json
import os
import resource
import shutil
import signal
import subprocess

import pytest

import gobuild
import goprofile
from conftest import start_goroutines
from process import Run, Target, assert_refused, snapshot

OLDEST, NEWEST = gobuild.releases()[0], gobuild.releases()[-1]

pytestmark = pytest.mark.skipif(not shutil.which('gcore'), reason='gcore (gdb) is not installed')


def gcore(pid, directory):
    subprocess.run(['gcore', '-o', str(directory / 'core'), str(pid)], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return directory / f'core.{pid}'


@pytest.fixture(scope='module', params=[(OLDEST, 'default'), (NEWEST, 'stripped'), (NEWEST, 'pie'),
                                        (NEWEST, 'cgo')], ids=lambda p: f'go{p[0]}-{p[1]}')
def dumped(request, tmp_path_factory):
    """A target with its core, its own profile and its live snapshot."""
    directory = tmp_path_factory.mktemp('core')
    with start_goroutines(*request.param) as t:
        t.release = request.param[0]
        _, t.records = goprofile.parse_debug1(t.profile(1))
        t.core = gcore(t.pid, directory)
        t.json = json.loads(snapshot('--core', t.core, '--json', '--goroutines'))
        yield t
    shutil.rmtree(directory)


def test_a_core_has_the_groups_of_the_process(dumped):
    text = snapshot('--core', dumped.core, '--format', 'debug1').decode('utf-8', 'surrogateescape')
    total, records = goprofile.parse_debug1(text)
    moving = dumped.truth['moving']
    theirs = goprofile.tally(dumped.records, moving)
    ours = goprofile.cut_like(dumped.records, goprofile.tally(records, moving))
    assert not goprofile.difference(theirs, ours)
    assert total == sum(r.count for r in dumped.records)


def test_a_core_says_whose_it_is(dumped):
    process = dumped.json['process']
    assert process['pid'] == dumped.pid
    assert process['go_version'] == 'go' + dumped.release
    assert process['core_file'] == str(dumped.core)
    assert os.path.basename(process['exe']) == os.path.basename(dumped.argv[-1])


def test_a_core_has_the_channels(dumped):
    listed = {g['id']: g['blocked_on'] for g in dumped.json['goroutine_list']}
    for group in dumped.truth['groups']:
        for member in group['members']:
            got, want = listed[member['goid']], member['obj']
            assert got['kind'] == want['kind'], (group['name'], got)
            if want['kind'] == 'chan' and want.get('addr'):
                assert int(got['addr'], 16) == want['addr'], (group['name'], got)
                for field in ('type', 'cap', 'len', 'senders', 'receivers', 'dir'):
                    assert got[field] == want[field], (group['name'], field, got)


@pytest.mark.parametrize('part', [0.05, 0.5, 0.99])
def test_a_truncated_core_is_refused(dumped, part, tmp_path):
    whole = os.path.getsize(dumped.core)
    cut = tmp_path / 'cut'
    with open(dumped.core, 'rb') as source, open(cut, 'wb') as out:
        out.write(source.read(int(whole * part)))
    assert_refused(Run('snapshot', '--core', cut), 3, 'truncated')


def test_a_core_without_its_executable(tmp_path):
    """Another program stands at the path now: refused, or read without it; never mixed up."""
    program = shutil.copy(gobuild.build('tiny', NEWEST), tmp_path / 'tiny')
    with Target([str(program)]) as t:
        core = gcore(t.pid, tmp_path)
    os.unlink(program)
    shutil.copy(gobuild.build('tiny', OLDEST), program)
    run = Run('snapshot', '--core', core, '--json')
    assert run.code in (0, 3, 5), run
    if run.code == 0:
        groups = json.loads(run.out)['groups']
        parked = [g for g in groups if any(f['function'] == 'main.park' for f in g['stack'])]
        assert sum(g['count'] for g in parked) == 4
    else:
        assert_refused(run, run.code)


def test_a_core_of_a_c_program(tmp_path):
    with Target([gobuild.build_c('plain')]) as t:
        core = gcore(t.pid, tmp_path)
    assert_refused(Run('snapshot', '--core', core), 5, 'Go')


def test_a_core_by_the_kernel(tmp_path):
    with open('/proc/sys/kernel/core_pattern', encoding='ascii') as pattern:
        name = pattern.read().strip()
    if '/' in name or name.startswith('|') or '%' in name:
        pytest.skip(f'the kernel does not leave cores in the working directory: {name}')

    def allow_cores():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, ) * 2)

    path = gobuild.build('goroutines', NEWEST, 'stripped')
    # GOTRACEBACK=crash: Go aborts for the kernel to see, after it has written its own dump.
    with Target([path], cwd=tmp_path, preexec_fn=allow_cores, stderr=subprocess.DEVNULL,
                env={**os.environ, 'GOTRACEBACK': 'crash'}) as t:
        _, records = goprofile.parse_debug1(t.profile(1))
        os.kill(t.pid, signal.SIGABRT)
        t.wait()
        cores = [tmp_path / f for f in os.listdir(tmp_path) if f.startswith('core')]
        if not cores:
            pytest.skip('the kernel wrote no core; RLIMIT_CORE may be capped')
        text = snapshot('--core', cores[0], '--format', 'debug1').decode('utf-8',
                                                                         'surrogateescape')
    _, ours = goprofile.parse_debug1(text)
    moving = t.truth['moving']
    theirs = goprofile.tally(records, moving)
    mine = goprofile.cut_like(records, goprofile.tally(ours, moving))
    assert not goprofile.difference(theirs, mine)
