# SPDX-License-Identifier: Apache-2.0
"""The heap profile from outside, against the one that the program itself writes."""
import json
import shutil
import subprocess

import pytest

import gobuild
import profileproto
from process import Target, snapshot

RELEASES = gobuild.releases()
BUILDS = ([(r, m) for r in RELEASES for m in ('default', 'stripped')] +
          [(r, m) for r in (RELEASES[0], RELEASES[-1]) for m in ('pie-stripped', 'cgo')])
TYPES = ['alloc_objects', 'alloc_space', 'inuse_objects', 'inuse_space']


@pytest.fixture(scope='module', params=BUILDS, ids=lambda p: f'go{p[0]}-{p[1]}')
def sites(request):
    release, mode = request.param
    with Target([gobuild.build('heapsites', release, mode), 'rate=8192']) as t:
        yield t


def external(target, path):
    snapshot('--memory', '-f', 'pprof', '-o', path, target.pid)
    return str(path)


def internal(target, path):
    path.write_bytes(target.say('heap'))
    return str(path)


def assert_same(ours, theirs):
    assert ours.types == theirs.types == TYPES
    assert ours.period == theirs.period
    assert ours.totals == theirs.totals
    assert ours.samples == theirs.samples
    assert sum(1 for values in theirs.samples.values() if values[3]) > 10


def test_every_site_is_the_programs_own(sites, tmp_path):
    """Read first: the program's own writing allocates, and publishes what stood before it."""
    for round_ in 'ab':
        ours = external(sites, tmp_path / f'ours-{round_}')
        theirs = internal(sites, tmp_path / f'theirs-{round_}')
        assert_same(profileproto.read(ours), profileproto.read(theirs))
        sites.say('grow')


def test_the_json_has_the_same_sums(sites, tmp_path):
    memory = json.loads(snapshot('--memory', '--json', sites.pid))['memory']
    theirs = profileproto.read(internal(sites, tmp_path / 'theirs'))
    about = memory['heap_profile']
    assert about['state'] == 'read' and about['rate'] == 8192 and about['complete']
    assert not about['before_first_gc'] and about['settled'] and about['why'] is None
    assert [about['alloc_objects'], about['alloc_bytes'], about['in_use_objects'],
            about['in_use_bytes']] == theirs.totals
    by_bytes = [site['bytes'] for site in memory['heap_sites']]
    assert by_bytes == sorted(by_bytes, reverse=True)
    assert len(memory['heap_sites']) == min(about['sites'], 200)
    first = memory['heap_sites'][0]['stack'][0]
    assert first['function'].startswith('main.') and first['file'].endswith('heapsites/main.go')


@pytest.mark.parametrize('release', RELEASES)
def test_go_tool_pprof_shows_the_same_top(release, tmp_path):
    with Target([gobuild.build('heapsites', release, 'stripped')]) as t:
        ours, theirs = external(t, tmp_path / 'ours'), internal(t, tmp_path / 'theirs')
    for index in ('alloc_space', 'inuse_objects'):
        assert profileproto.top(ours, index) == profileproto.top(theirs, index)


@pytest.mark.parametrize('release', [RELEASES[0], RELEASES[-1]])
@pytest.mark.parametrize('rate', ['1', '524288'])
def test_other_rates(release, rate, tmp_path):
    with Target([gobuild.build('heapsites', release, 'stripped'), 'rate=' + rate]) as t:
        ours = profileproto.read(external(t, tmp_path / 'ours'))
        theirs = profileproto.read(internal(t, tmp_path / 'theirs'))
    assert ours.period == theirs.period == int(rate)
    assert ours.totals == theirs.totals and ours.samples == theirs.samples


@pytest.mark.parametrize('release', [RELEASES[0], RELEASES[-1]])
def test_before_the_first_collection(release, tmp_path):
    """Nothing is published: what is counted so far is shown, and said to be that."""
    with Target([gobuild.build('heapsites', release), 'rate=8192', 'gc=off']) as t:
        ours = profileproto.read(external(t, tmp_path / 'ours'))
        about = json.loads(snapshot('--json', t.pid))['memory']['heap_profile']
        theirs = profileproto.read(internal(t, tmp_path / 'theirs'))
    assert about['before_first_gc']
    assert ours.totals[1] > 1 << 20 and ours.totals[0] == ours.totals[2]
    assert any('no collection' in line for line in ours.comments)
    # What the program allocated since, to read its command and to write, is in its own alone.
    for key, values in ours.samples.items():
        assert theirs.samples[key][1] >= values[1]


@pytest.mark.parametrize('release', [RELEASES[0], RELEASES[-1]])
def test_a_program_that_collects_all_the_time(release, tmp_path):
    with Target([gobuild.build('heapsites', release, 'stripped'), 'rate=512']) as t:
        t.say('churn')
        for i in range(3):
            profile = profileproto.read(external(t, tmp_path / str(i)))
            assert all(values[0] >= values[2] >= 0 and values[1] >= values[3] >= 0
                       for values in profile.samples.values())
            assert profile.totals[1] > 1 << 20


@pytest.mark.parametrize('release', RELEASES)
def test_a_profile_that_the_linker_turned_off(release, tmp_path):
    """It is said, and the sizes and types of what lives stand in its place."""
    with Target([gobuild.build('typed', release, 'stripped')]) as t:
        memory = json.loads(snapshot('--memory', '--json', t.pid))['memory']
        profile = profileproto.read(external(t, tmp_path / 'ours'))
        truth = t.truth
    assert memory['heap_profile']['state'] == 'linked-out'
    assert 'linker' in memory['heap_profile']['why']
    assert 'heap_sites' not in memory
    sizes = {s['object_bytes']: s['objects'] for s in memory['heap_by_size']}
    assert truth['blobs'] <= sizes[4096] <= truth['blobs'] + 8
    types = {s['type']: s['objects'] for s in memory['heap_by_type']}
    if gobuild.minor(release) >= 22:
        assert {name: types.get(name) for name in truth['types']} == truth['types']
    else:
        assert types == {}
    assert any('linker' in line for line in profile.comments)
    assert profile.totals[3] == sum(s['bytes'] for s in memory['heap_by_size'])


def test_types_of_a_large_heap_are_estimated():
    with Target([gobuild.build('typed', RELEASES[-1], 'stripped'), '600000']) as t:
        memory = json.loads(snapshot('--memory', '--json', t.pid))['memory']
        truth = t.truth['types']
    assert memory['heap_profile']['types_estimated']
    types = {s['type']: s for s in memory['heap_by_type']}
    assert abs(types['main.record']['objects'] / truth['main.record'] - 1) < 0.02
    # What there is little of is counted.
    assert types['main.node']['objects'] == truth['main.node']
    assert types['main.table']['objects'] == truth['main.table']
    assert sum(s['bytes'] for s in types.values()) <= sum(
        s['bytes'] for s in memory['heap_by_size'])


def test_a_profile_that_is_off():
    with Target([gobuild.build('heapsites', RELEASES[-1]), 'rate=0']) as t:
        memory = json.loads(snapshot('--json', t.pid))['memory']
    assert memory['heap_profile']['state'] == 'off' and memory['heap_profile']['rate'] == 0
    assert 'MemProfileRate is 0' in memory['heap_profile']['why']
    assert sum(s['bytes'] for s in memory['heap_by_size']) > 1 << 20


def test_no_memory_leaves_it_out():
    with Target([gobuild.build('heapsites', RELEASES[-1])]) as t:
        assert 'heap_profile' not in json.loads(snapshot('--no-memory', '--json', t.pid))['memory']


@pytest.mark.skipif(not shutil.which('gcore'), reason='gcore (gdb) is not installed')
def test_a_core_has_the_profile_of_its_process(tmp_path):
    with Target([gobuild.build('heapsites', RELEASES[-1], 'stripped')]) as t:
        subprocess.run(['gcore', '-o', tmp_path / 'core', str(t.pid)], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        live = profileproto.read(external(t, tmp_path / 'live'))
    snapshot('--core', tmp_path / f'core.{t.pid}', '--memory', '-f', 'pprof', '-o',
             tmp_path / 'dead')
    dead = profileproto.read(tmp_path / 'dead')
    assert dead.totals == live.totals and dead.samples == live.samples


def test_the_text_names_who_allocated_most():
    with Target([gobuild.build('heapsites', RELEASES[-1], 'stripped'), 'rate=512']) as t:
        text = snapshot('--memory', t.pid).decode()
        short = snapshot(t.pid).decode()
    heap = text.split('\nHEAP ')[1].split('\n\n')[0]
    assert 'ever allocated' in heap and ' main.grow main.go:' in heap
    assert '\nHEAP ' not in short


def test_the_text_says_that_there_is_no_profile():
    with Target([gobuild.build('typed', RELEASES[-1], 'stripped')]) as t:
        text = snapshot('--memory', t.pid).decode()
    heap = text.split('\nHEAP ')[1].split('\n\n')[0]
    assert 'no profile' in heap and ' main.record\n' in heap and 'linker' in heap


def test_a_list_that_leads_back_to_itself():
    """Written into the target by us: what no runtime does is refused, and said."""
    path = gobuild.build('heapsites', RELEASES[-1])
    names = subprocess.run(['go', 'tool', 'nm', path], check=True, text=True,
                           stdout=subprocess.PIPE, env=gobuild.local_env()).stdout
    at = next(int(line.split()[0], 16) for line in names.splitlines()
              if line.endswith(' runtime.mbuckets'))
    with Target([path]) as t, open(f'/proc/{t.pid}/mem', 'r+b', buffering=0) as memory:
        memory.seek(at)
        first = memory.read(8)
        # runtime.bucket.allnext
        memory.seek(int.from_bytes(first, 'little') + 8)
        memory.write(first)
        found = json.loads(snapshot('--json', t.pid))['memory']
    assert found['heap_profile']['state'] == 'unknown'
    assert 'leads back to itself' in found['heap_profile']['why']
    assert 'heap_sites' not in found and found['heap_by_size']
