# SPDX-License-Identifier: Apache-2.0
"""loiter doctor: what is allowed as root, as another user, without capabilities, of which target."""
import json
import os
import shutil
import subprocess

import pytest

import gobuild
from process import LOITER, Run, Target, assert_refused

STATES = {'ok', 'less', 'no', 'unknown'}
# Rows that every machine has, in the order of the page.
ALWAYS = ['kernel', 'libbpf', 'capabilities', 'lockdown', 'ptrace_scope', 'pid_namespace', 'bpf',
          'unprivileged_bpf', 'perf_event', 'watchpoints', 'BTF', 'tracefs', 'ringbuf',
          'task_storage', 'tp_btf', 'bpf_loop', 'task_pt_regs', 'timer', 'uprobe', 'uprobe_multi', 'uprobe_session']
NO_TRACING = ['setpriv', '--bounding-set=-bpf,-perfmon,-sys_admin']

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='needs root')


@pytest.fixture
def plain():
    with Target([gobuild.build_c('plain')]) as target:
        yield target


@pytest.fixture
def as_nobody(tmp_path):
    """A prefix that runs as nobody; its copy of loiter can be read by all."""
    copy = shutil.copy(LOITER, tmp_path)
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.stat().st_uid == os.geteuid() and not folder.stat().st_mode & 1:
            folder.chmod(folder.stat().st_mode | 0o11)

    def run(*args):
        return subprocess.run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                               copy, *map(str, args)], capture_output=True, text=True, check=False)

    return run


def rows(answer, part):
    document = json.loads(answer)
    assert document['schema'] == 'loiter.doctor/1'
    for row in document[part]:
        assert set(row) == {'name', 'state', 'detail', 'fix'}
        assert row['state'] in STATES
        assert row['detail']
    return {row['name']: row for row in document[part]}


@needs_root
def test_root_may_do_all_that_the_kernel_can():
    run = Run('doctor', '--json')
    assert run.code == 0 and not run.err, run
    machine = rows(run.out, 'machine')
    assert list(machine) == ALWAYS
    for name in ('capabilities', 'bpf', 'perf_event'):
        assert machine[name]['state'] == 'ok', machine[name]
    # With the capabilities there is nothing that could not be tried.
    assert not [row for row in machine.values() if row['state'] == 'unknown']
    assert os.uname().release in machine['kernel']['detail']
    document = json.loads(run.out)
    assert document['pid'] is None and document['target'] is None


@needs_root
def test_text_has_a_line_for_each_thing_within_80_columns():
    run = Run('doctor', os.getpid())
    lines = run.out.decode().splitlines()
    assert run.code == 0, run
    assert all(len(line) <= 80 for line in lines)
    firsts = [line.split()[1] for line in lines if line.split() and line.split()[0] in STATES]
    assert firsts[:len(ALWAYS)] == ALWAYS
    assert f'pid {os.getpid()}' in lines


@needs_root
def test_without_cap_bpf_the_sentence_names_it():
    run = Run('doctor', '--json', prefix=NO_TRACING)
    assert run.code == 4, run
    machine = rows(run.out, 'machine')
    assert machine['capabilities']['state'] == 'no'
    assert machine['capabilities']['detail'] == 'missing: CAP_BPF CAP_PERFMON'
    assert machine['capabilities']['fix']
    # What could not be tried is not called missing.
    for name in ('bpf', 'ringbuf', 'task_storage', 'tp_btf', 'bpf_loop', 'uprobe_multi'):
        assert machine[name]['state'] == 'unknown', machine[name]
    assert run.err.startswith('loiter: capabilities: missing: CAP_BPF CAP_PERFMON; ')
    assert run.err.count('\n') == 1


@needs_root
def test_without_cap_bpf_a_target_can_still_be_read(tiny):
    run = Run('doctor', '--json', tiny.pid, prefix=NO_TRACING)
    target = rows(run.out, 'target')
    assert run.code == 4, run
    assert target['readable']['state'] == 'ok' and target['go']['state'] == 'ok', target


@needs_root
def test_another_user_is_told_what_is_missing(as_nobody, tiny):
    run = as_nobody('doctor', '--json', tiny.pid)
    assert run.returncode == 4, run
    machine, target = rows(run.stdout, 'machine'), rows(run.stdout, 'target')
    assert machine['capabilities']['detail'] == 'missing: CAP_SYS_PTRACE CAP_BPF CAP_PERFMON'
    # Nothing can be said of what cannot be read.
    assert list(target) == ['readable']
    assert target['readable']['state'] == 'no'
    assert 'CAP_SYS_PTRACE' in target['readable']['fix']
    assert run.stderr.startswith(f'loiter: pid {tiny.pid}: readable: '), run
    assert 'CAP_SYS_PTRACE' in run.stderr and run.stderr.count('\n') == 1


@pytest.mark.parametrize('release', [gobuild.releases()[0], gobuild.releases()[-1]])
@needs_root
def test_a_go_target_says_its_release_and_layout(release):
    with Target([gobuild.build('tiny', release)]) as t:
        run = Run('doctor', '--json', t.pid)
    assert run.code == 0, run
    target = rows(run.out, 'target')
    assert json.loads(run.out)['pid'] == t.pid
    assert {row['state'] for row in target.values()} == {'ok'}, target
    assert f'go{release}' in target['go']['detail'] and 'table' in target['go']['detail']
    assert target['executable']['detail'].startswith(t.argv[0])


@needs_root
def test_a_c_target_is_no_failure(plain):
    run = Run('doctor', '--json', plain.pid)
    assert run.code == 0, run
    target = rows(run.out, 'target')
    assert target['readable']['state'] == 'ok'
    assert target['go']['state'] == 'less' and 'not Go' in target['go']['detail']


@needs_root
def test_frame_pointers_of_c_are_counted(tmp_path):
    """A program with many functions, built with and without frame pointers."""
    source = tmp_path / 'many.c'
    source.write_text('#include <unistd.h>\n' + ''.join(
        f'__attribute__((noinline)) int f{i}(int x) {{ return write(x, "", 0) + {i}; }}\n'
        for i in range(100)) + 'int main(void) { int x = -1;\n' + ''.join(
            f'x += f{i}(-1);' for i in range(100)) + 'return pause() + x; }\n')
    states = {}
    for flag in ('-fno-omit-frame-pointer', '-fomit-frame-pointer'):
        program = tmp_path / flag.strip('-')
        subprocess.run(['cc', '-O1', flag, '-o', program, source], check=True)
        with subprocess.Popen([program]) as child:
            # Until it has exec'ed it is this Python.
            while os.readlink(f'/proc/{child.pid}/exe') != str(program):
                pass
            run = Run('doctor', '--json', child.pid)
            child.kill()
        states[flag] = rows(run.out, 'target')['frame_pointers']['state']
    assert states == {'-fno-omit-frame-pointer': 'ok', '-fomit-frame-pointer': 'less'}


@needs_root
def test_an_unknown_release_is_exit_5_with_the_answer():
    newest = 'go' + gobuild.releases()[-1]
    path = gobuild.copy_with(gobuild.build('tiny', gobuild.releases()[-1], 'stripped'),
                             'tiny-go1.99', newest.encode(),
                             newest.replace('go1.27', 'go1.99').encode())
    with Target([path]) as t:
        run = Run('doctor', '--json', t.pid)
    assert run.code == 5, run
    assert rows(run.out, 'target')['go']['state'] == 'no'
    assert run.err.startswith(f'loiter: pid {t.pid}: go: ') and run.err.count('\n') == 1


def test_no_such_process_is_exit_3():
    with subprocess.Popen(['true']) as child:
        child.wait()
    assert_refused(Run('doctor', child.pid), 3, f'pid {child.pid}')
    assert_refused(Run('doctor', '--json', child.pid), 3, f'pid {child.pid}')


@pytest.mark.parametrize('args', [('x',), ('0',), ('-1',), ('1', '2'), ('--nonsense',)])
def test_bad_arguments_are_exit_2(args):
    assert_refused(Run('doctor', *args), 2)


def test_probing_leaves_nothing_behind():
    """No map, program or link of ours is there after the end."""
    Run('doctor')
    bpftool = shutil.which('bpftool') or '/usr/sbin/bpftool'
    for kind in ('prog', 'map'):
        listed = subprocess.run([bpftool, kind, 'show'], capture_output=True, text=True,
                                check=False).stdout
        assert 'loiter_probe' not in listed
