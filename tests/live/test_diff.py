# SPDX-License-Identifier: Apache-2.0
"""`loiter diff` of real snapshots, and of files that are none."""
import collections
import datetime
import json
import os
import subprocess
import sys
import time

import pytest

import gobuild
from process import LOITER, PATIENCE_S, Run, Target, assert_refused, snapshot

USAGE, UNREADABLE = 2, 3
# Far above what a refusal takes, far below what a bomb would.
QUICK_S = 5
LEAKS = {'growth': 'main.sendForever', 'sleep': 'main.sleepLong', 'read': 'main.readForever',
         'body': 'net/http.(*persistConn).readLoop', 'labels': 'main.sendLabelled'}
PATTERNS = {'growth': 'growing-group', 'sleep': 'sleeping', 'read': 'io-no-deadline',
            'body': 'http-body-open', 'labels': 'growing-group'}
HEALTHY = {'pool': 'main.poolWorker', 'burst': 'main.burstOne', 'idle': 'main.idleOne'}


def newest():
    return gobuild.releases()[-1]


def save(pid, path, *args):
    snapshot(pid, '--json', '-o', path, *args)
    with open(path, encoding='utf-8') as file:
        return json.load(file)


def write(path, document):
    path.write_text(json.dumps(document), encoding='utf-8')
    return path


def diff(*args):
    run = Run('diff', *args)
    assert run.code == 0, run
    return run.out.decode('utf-8')


def diff_json(*args):
    return json.loads(diff(*args, '--json'))


@pytest.fixture(scope='module', name='pair')
def fixture_pair(tmp_path_factory):
    """Two snapshots of a process in which goroutines leak, come and go, and stay."""
    folder = tmp_path_factory.mktemp('diff')
    path = gobuild.build('grower', newest())
    with Target([path, *LEAKS, *HEALTHY]) as target:
        first = save_when(target.pid, folder / 'a.json', 20)
        second = save_when(target.pid, folder / 'b.json', counts(first)['main.sendForever'] + 40)
    return folder, first, second


def save_when(pid, path, leaked):
    """A snapshot in which so many goroutines have leaked."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        # Growth alone: what a search finds is more than it can say.
        document = save(pid, path, '--goroutines', '--no-leaks')
        if counts(document)['main.sendForever'] >= leaked:
            return document
        assert time.monotonic() < deadline


def counts(document):
    """Goroutines by the innermost function of the program's own."""
    ret = collections.Counter()
    for group in document['groups']:
        for frame in group['stack']:
            if frame['function'].startswith('main.'):
                ret[frame['function']] += group['count']
                break
    return ret


def when(document):
    return datetime.datetime.strptime(document['time'], '%Y-%m-%dT%H:%M:%S.%fZ')


def later(document, seconds, uptime_s):
    """The same, taken by that much later by a process of that age then."""
    moved = (when(document) + datetime.timedelta(seconds=seconds)).strftime('%Y-%m-%dT%H:%M:%S.%f')
    process = {**document['process'], 'uptime_s': uptime_s}
    return {**document, 'time': moved[:-3] + 'Z', 'process': process}


def test_every_group_is_counted_as_the_lists_have_it(pair):
    folder, first, second = pair
    told = diff_json(folder / 'a.json', folder / 'b.json')
    seconds = (when(second) - when(first)).total_seconds()
    assert told['relation'] == 'same-process' and not told['swapped']
    assert told['seconds'] == pytest.approx(seconds, abs=0.002)
    before = {g['id']: g['count'] for g in first['groups']}
    after = {g['id']: g['count'] for g in second['groups']}
    then = {g['id']: g['group'] for g in first['goroutine_list'] if not g['system']}
    now = {g['id']: g['group'] for g in second['goroutine_list'] if not g['system']}
    assert {g['id'] for g in told['groups']} == set(before) | set(after)
    for group in told['groups']:
        key = group['id']
        assert group['before'] == before.get(key, 0), group
        assert group['after'] == after.get(key, 0), group
        assert group['change'] == group['after'] - group['before']
        assert group['per_min'] == pytest.approx(group['change'] * 60 / seconds, rel=0.01, abs=0.01)
        if group['system']:
            continue
        assert group['stayed'] == sum(then[i] == key == now.get(i) for i in then), group
        assert group['left'] == sum(then[i] == key != now.get(i) for i in then), group
        assert group['arrived'] == sum(now[i] == key != then.get(i) for i in now), group
    assert told['goroutines']['stayed'] == len(set(then) & set(now))
    assert told['goroutines']['arrived'] == len(set(now) - set(then))


def named(told, least=('proven', 'likely', 'suspect', 'candidate')):
    return {f['site'].split()[0]: f['pattern'] for f in told['findings']
            if f['pattern'] in PATTERNS.values() and f['verdict'] in least}


def leaks():
    return {function: PATTERNS[name] for name, function in LEAKS.items()}


def test_leaks_are_named_and_only_candidates_after_seconds(pair):
    folder, _, _ = pair
    told = diff_json(folder / 'a.json', folder / 'b.json')
    assert leaks().items() <= named(told).items()
    assert not named(told, ('proven', 'likely', 'suspect'))
    assert 'main.idleOne' not in named(told)


def test_they_are_suspect_where_a_warm_process_was_watched_for_longer(pair, tmp_path):
    """The same goroutines, as if ten minutes lay between; of the healthy none is."""
    _, first, second = pair
    a = write(tmp_path / 'a.json', later(first, 0, 3600))
    b = write(tmp_path / 'b.json', later(first, 600, 4200) | {
        key: second[key] for key in ('goroutines', 'groups', 'goroutine_list')})
    told = diff_json(a, b)
    assert told['seconds'] == 600
    assert named(told, ('suspect',)) == leaks()
    assert Run('diff', a, b, '--fail-on', 'suspect').code == 1
    assert Run('diff', a, b, '--fail-on', 'likely').code == 0
    text = diff(a, b)
    assert text.index('SUSPECT') < text.index('BEFORE')
    assert 'main.sendForever' in text and '10m00s between' in text


def test_what_a_search_found_stands(tmp_path):
    with Target([gobuild.build('grower', newest()), *LEAKS, *HEALTHY]) as target:
        first = save_when(target.pid, tmp_path / 'a.json', 10)
        save_when(target.pid, tmp_path / 'b.json', counts(first)['main.sendForever'] + 20)
        save(target.pid, tmp_path / 'b.json', '--leaks', '--goroutines')
    told = diff_json(tmp_path / 'a.json', tmp_path / 'b.json')
    found, = [f for f in told['findings'] if f['site'].startswith('main.sendForever ')]
    # The latest of them may have come after the search: then the group is growth's to judge.
    assert (found['verdict'], found['pattern']) in (('likely', 'orphan-send'),
                                                    ('candidate', 'growing-group'))
    if found['verdict'] == 'likely':
        assert found['advice']


def test_text_fits_its_width_and_says_who_stayed(pair):
    folder, _, _ = pair
    for width in (60, 80, 200):
        text = Run('diff', folder / 'a.json', folder / 'b.json',
                   env={**os.environ, 'COLUMNS': str(width)}).out.decode('utf-8')
        assert max(map(len, text.splitlines())) <= width
        assert 'stayed' in text and 'a minute' in text


def test_the_order_of_time_is_the_order(pair):
    folder, _, _ = pair
    right = diff_json(folder / 'a.json', folder / 'b.json')
    wrong = diff_json(folder / 'b.json', folder / 'a.json')
    assert wrong['swapped'] and wrong['groups'] == right['groups']
    assert any('later one' in note for note in wrong['notes'])


def test_without_lists_there_are_counts(pair, tmp_path):
    _, first, second = pair
    bare = [write(tmp_path / f'{i}.json', {k: v for k, v in s.items() if k != 'goroutine_list'})
            for i, s in enumerate((first, second))]
    told = diff_json(*bare)
    assert told['goroutines']['stayed'] is None
    assert all(g['stayed'] is None for g in told['groups'])
    assert any('--goroutines' in note for note in told['notes'])
    assert set(LEAKS.values()) - {LEAKS['labels']} <= set(named(told))


def test_a_restart_is_marked(pair, tmp_path):
    folder, first, _ = pair
    with Target([gobuild.build('grower', newest()), 'idle']) as target:
        save(target.pid, tmp_path / 'c.json', '--goroutines')
    told = diff_json(folder / 'a.json', tmp_path / 'c.json')
    assert told['relation'] == 'restarted' and told['seconds'] is None
    assert told['goroutines']['before'] == first['goroutines']['total']
    assert told['goroutines']['stayed'] is None and told['goroutines']['per_min'] is None
    assert any('two processes' in note for note in told['notes'])
    assert any(g['before'] == 40 == g['after'] for g in told['groups'])


def test_another_build_is_matched_by_functions(pair, tmp_path):
    folder, first, _ = pair
    with Target([gobuild.build('grower', gobuild.releases()[-2]), 'idle']) as target:
        save(target.pid, tmp_path / 'c.json')
    told = diff_json(folder / 'a.json', tmp_path / 'c.json')
    assert told['relation'] == 'other-build'
    idle = [g for g in told['groups'] if g['site'].startswith('main.idleOne')]
    assert [(g['before'], g['after']) for g in idle] == [(counts(first)['main.idleOne'], 40)]


def test_two_programs_are_refused(pair, tiny, tmp_path):
    folder, _, _ = pair
    save(tiny.pid, tmp_path / 'tiny.json')
    document = json.loads((tmp_path / 'tiny.json').read_text())
    document['process']['module'] = 'example.com/other'
    write(tmp_path / 'tiny.json', document)
    run = Run('diff', folder / 'a.json', tmp_path / 'tiny.json')
    assert_refused(run, USAGE, 'one is of', 'tiny')


def test_output_goes_to_a_file_and_the_page_knows_its_fields(pair, tmp_path):
    folder, _, _ = pair
    out = tmp_path / 'diff.json'
    assert diff(folder / 'a.json', folder / 'b.json', '--json', '-o', out) == ''
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man'), out],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout


def test_a_pipe_is_a_file(pair):
    folder, _, _ = pair
    with open(folder / 'a.json', 'rb') as file:
        done = subprocess.run([LOITER, 'diff', '/dev/stdin', folder / 'b.json', '--json'],
                              input=file.read(), stdout=subprocess.PIPE, check=True)
    assert json.loads(done.stdout)['relation'] == 'same-process'


# --- Files that are none ---

@pytest.mark.parametrize('args', [[], ['a.json'], ['a', 'b', 'c'], ['--format', 'pprof', 'a', 'b'],
                                  ['--fail-on', 'bad', 'a', 'b'], ['--goroutines', 'a', 'b']],
                         ids=str)
def test_usage_errors(args):
    assert_refused(Run('diff', *args), USAGE)


BAD = {
    'empty': (b'', 'is empty'),
    'text': (b'shop-api  pid 4242\n', 'is not JSON of ours'),
    'elf': (b'\x7fELF\x02\x01\x01' + bytes(100), 'is not JSON of ours'),
    'list': (b'[{"schema": "loiter.snapshot/1"}]', 'is not JSON of ours'),
    'no schema': (b'{"a": 1}', 'names no schema'),
    'interval': (b'{"schema": "loiter.interval/1"}\n{"schema": "loiter.snapshot/1"}', 'last line'),
    'node': (b'{"schema": "loiter.node/1"}', 'is loiter.node/1'),
    'later schema': (b'{"schema": "loiter.snapshot/2"}', 'not loiter.snapshot/1'),
    'hostile schema': (b'{"schema": "\\u001b[2J\\u0007"}', '\\x1b[2J\\x07'),
    'two': (b'{"schema": "loiter.snapshot/1"}\n{"schema": "loiter.snapshot/1"}', 'more than one'),
    'deep': (b'{"schema": "loiter.snapshot/1", "process": ' + b'[' * 1000000, 'nested deeper'),
    'bomb': (b'{"schema": "loiter.snapshot/1", "process": [' + b'{},' * 3000000, 'more values'),
    'string': (b'{"schema": "' + b'x' * (32 << 20), 'larger than any'),
    'twice': (b'{"schema": "loiter.snapshot/1", "groups": [], "groups": []}', 'twice'),
}


@pytest.mark.parametrize('name', BAD)
@pytest.mark.parametrize('place', [0, 1])
def test_bad_files_are_refused(pair, tmp_path, name, place):
    folder, _, _ = pair
    data, word = BAD[name]
    bad = tmp_path / 'bad.json'
    bad.write_bytes(data)
    files = [folder / 'a.json', folder / 'a.json']
    files[place] = bad
    run = Run('diff', *files, '--json')
    assert_refused(run, UNREADABLE, 'bad.json', word)
    assert run.seconds < QUICK_S, run


def test_a_real_one_that_was_cut_is_refused(pair, tmp_path):
    folder, _, _ = pair
    whole = (folder / 'a.json').read_bytes()
    for n in (1, 20, len(whole) // 3, len(whole) // 2, len(whole) - 3):
        (tmp_path / 'cut.json').write_bytes(whole[:n])
        assert_refused(Run('diff', folder / 'a.json', tmp_path / 'cut.json'), UNREADABLE,
                       'ends in the middle')


def test_what_cannot_be_read_is_named(pair, tmp_path):
    folder, _, _ = pair
    a = folder / 'a.json'
    assert_refused(Run('diff', a, tmp_path / 'none.json'), UNREADABLE, 'none.json')
    assert_refused(Run('diff', tmp_path, a), UNREADABLE, str(tmp_path))
    assert_refused(Run('diff', a, '/dev/null'), UNREADABLE, '/dev/null', 'is empty')


def test_hostile_names_do_not_reach_the_terminal(pair, tmp_path):
    _, first, _ = pair
    nasty = 'main.\x1b]0;owned\x07\u202e\n"quoted"'
    hostile = json.loads(json.dumps(first).replace('main.sendForever', json.dumps(nasty)[1:-1]))
    hostile['process']['name'] = nasty
    for group in hostile['groups']:
        group['count'] += 50
        group['wait_reason'] = nasty
    hostile['memory'] = {'rss_bytes': 1 << 30, 'parts': [{'name': nasty, 'bytes': 1 << 29}],
                         'retained_by': [{'variable': nasty, 'bytes': 1 << 29}]}
    a, b = write(tmp_path / 'a.json', first), write(tmp_path / 'b.json', later(hostile, 60, 9000))
    text = diff(a, b)
    assert 'owned' in text
    assert not [c for c in text if c != '\n' and not c.isprintable()]
    # JSON has its own escapes; what is decoded is what was there.
    assert any(g['wait_reason'] == nasty for g in diff_json(a, b)['groups'])


def test_many_goroutines_take_little_memory(tmp_path):
    """100,000 in each: bytes a goroutine, not kilobytes."""
    group = {'id': '00000000000000aa', 'count': 100000, 'state': 'waiting', 'wait_reason': 'select',
             'stack': [{'function': 'main.f', 'file': '/x.go', 'line': 3}]}
    document = {'schema': 'loiter.snapshot/1', 'time': '2026-11-21T20:00:00.000Z',
                'process': {'pid': 4, 'start_time': 5, 'name': 'x', 'uptime_s': 5},
                'goroutines': {'total': 100000, 'system': 4}, 'groups': [group],
                'goroutine_list': [{'id': i, 'state': 'waiting', 'wait_reason': 'select',
                                    'wait_s': None, 'group': group['id'], 'labels': {},
                                    'blocked_on': {'kind': 'select', 'n_cases': 2, 'cases': []}}
                                   for i in range(100000)]}
    a = write(tmp_path / 'a.json', document)
    b = write(tmp_path / 'b.json', later(document, 60, 65))
    # Of private memory that can be written to; what is beyond cannot be had.
    limited = ['sh', '-c', 'ulimit -d 65536; exec "$@"', 'sh']
    run = Run('diff', a, b, '--json', prefix=limited)
    assert run.code == 0, run
    assert json.loads(run.out)['goroutines']['stayed'] == 100000
