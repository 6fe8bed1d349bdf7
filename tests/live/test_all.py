# SPDX-License-Identifier: Apache-2.0
"""`loiter snapshot --all`: every Go process, one summary each. Others may run beside ours."""
import json
import os
import pwd
import re
import subprocess

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target, snapshot, snapshot_json

MATCHED, PERMISSION = 1, 4


def row(text, pid):
    """The line of a process, as its words; None when it has none."""
    line = re.search(rf'^ *{pid}  .*$', text, re.M)
    return line and line[0].split()


def test_every_go_process_has_a_line_and_no_other(newest, tiny):
    with Target([gobuild.build_c('plain')]) as plain:
        text = snapshot('--all').decode()
        assert row(text, newest.pid)[2] == gobuild.releases()[-1]
        total = snapshot_json(newest.pid)['goroutines']['total']
        assert row(text, newest.pid)[3] == f'{total:,}'
        assert row(text, tiny.pid)
        assert not row(text, plain.pid)
        assert not row(text, os.getpid())


def test_json_is_a_document_a_line(newest, tiny):
    run = Run('snapshot', '--all', '--json')
    assert run.code == 0, run
    documents = {d['process']['pid']: d for d in map(json.loads, run.out.splitlines())}
    assert {newest.pid, tiny.pid} <= documents.keys()
    assert all(d['schema'] == 'loiter.snapshot/1' for d in documents.values())
    assert 'goroutine_list' not in documents[tiny.pid]
    assert documents[tiny.pid]['goroutines']['total'] == 5


def test_the_worst_comes_first(newest, tiny):
    """The goroutines target waits on nil channels; tiny has nothing that is wrong."""
    text = snapshot('--all').decode()
    pids = re.findall(r'^ *(\d+)  ', text, re.M)
    assert pids.index(str(newest.pid)) < pids.index(str(tiny.pid))
    assert int(row(text, newest.pid)[4]) > 0
    assert int(row(text, tiny.pid)[4]) == 0


def test_fail_on_sees_all_of_them(newest):
    assert newest.alive()
    assert Run('snapshot', '--all', '--fail-on', 'proven').code == MATCHED


def test_a_process_that_is_go_but_unknown_is_named():
    path = gobuild.build('tiny', gobuild.releases()[-1], 'stripped')
    version = gobuild.releases()[-1].encode()
    copy = gobuild.copy_with(path, 'tiny-unknown-all', b'go' + version,
                             b'go1.99' + version[4:])
    with Target([copy]) as target:
        text = snapshot('--all').decode()
        listed, missed = text.split(' could not be read\n')
        assert not row(listed, target.pid)
        assert '1.99' in ' '.join(row(missed, target.pid))
        run = Run('snapshot', '--all', '--json')
        assert run.code == 0
        assert re.search(rf'^loiter: pid {target.pid} \(.*1\.99', run.err, re.M), run.err


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_who_may_read_none_is_told_so(newest):
    """As nobody, who has no Go process of its own: an empty table would look like an empty host."""
    nobody = pwd.getpwnam('nobody')
    assert newest.alive()
    done = subprocess.run([LOITER, 'snapshot', '--all'], stdout=subprocess.PIPE, check=False,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE_S,
                          user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    assert done.returncode == PERMISSION, done
    assert done.stdout == '' and done.stderr.count('\n') == 1
    assert re.match(r'loiter: --all: none of \d+ could be read, .*; run as root', done.stderr)
