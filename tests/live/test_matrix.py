# SPDX-License-Identifier: Apache-2.0
"""Every release in every mode: what loiter says equals what the process says of itself.

The target's own profiles leave out nothing but the runtime's goroutines; the two that move by
design (it names them) are left out on both sides: the one that writes the profile, and the
heartbeat.
"""
import re
import subprocess
import time

import pytest

import blocked
import gobuild
import goprofile
from process import snapshot, snapshot_json


@pytest.fixture(scope='module')
def profiled(target):
    """The target's debug=1 records, taken once: its groups stand still."""
    target.total, target.records = goprofile.parse_debug1(target.profile(1))
    return target


@pytest.fixture(scope='module')
def seen(profiled):
    """One --json snapshot of the target, and when it was taken."""
    begin = time.time()
    profiled.json = snapshot_json(profiled.pid)
    profiled.window = (begin, time.time(), gobuild.minor(profiled.release))
    return profiled


def shown_frames(stack):
    """The frames of a JSON stack that Go's debug=1 prints: it hides runtime ones at the top."""
    frames = [goprofile.Frame(f['function'], f['file'], f['line']) for f in stack]
    visible = list(frames)
    while visible and re.match(r'(internal/)?runtime[./]', visible[0].function or ''):
        visible.pop(0)
    return tuple(visible or frames)


def test_debug1_equals_the_processs_own(profiled):
    text = snapshot(profiled.pid, '--format', 'debug1').decode('utf-8', 'surrogateescape')
    total, ours = goprofile.parse_debug1(text)
    moving = profiled.truth['moving']
    theirs = goprofile.tally(profiled.records, moving)
    mine = goprofile.cut_like(profiled.records, goprofile.tally(ours, moving))
    assert not goprofile.difference(theirs, mine)
    assert total == profiled.total == sum(r.count for r in ours)


def test_json_groups_equal_the_processs_own(seen):
    moving = seen.truth['moving']
    theirs = goprofile.tally((r._replace(labels='') for r in seen.records), moving)
    ours = {}
    for g in seen.json['groups']:
        frames = shown_frames(g['stack'])
        if not g['system'] and not goprofile.moves(frames, moving):
            ours['', frames] = ours.get(('', frames), 0) + g['count']
    cut = goprofile.cut_like([r._replace(labels='') for r in seen.records], ours)
    assert not goprofile.difference(theirs, cut)
    assert seen.json['goroutines']['total'] == seen.total


def test_goroutine_list_equals_what_the_target_declares(seen):
    bad = blocked.check_all(seen.truth, seen.json, seen.window)
    assert not bad, '\n'.join(bad)


def test_the_process_is_described(seen):
    process, quality = seen.json['process'], seen.json['quality']
    assert process['pid'] == seen.pid
    assert process['go_version'] == 'go' + seen.release == seen.truth['go']
    assert process['stripped'] == ('stripped' in seen.mode)
    assert process['cgo'] == gobuild.MODES[seen.mode]['cgo']
    assert process['module'] == 'loiter.test/targets'
    assert quality['layout'] == 'table'
    assert (quality['torn'], quality['unreadable']) == (0, 0), quality
    goroutines = seen.json['goroutines']
    assert quality['goroutines_read'] == goroutines['total'] + goroutines['system']
    assert sum(goroutines['by_state'].values()) == goroutines['total']
    assert goroutines['total'] == sum(g['count'] for g in seen.json['groups'] if not g['system'])


def test_nothing_but_the_wait_itself_is_proven(seen):
    proven = {g['wait_reason'] for g in seen.json['groups'] if g['verdict'] == 'proven'}
    assert proven == {'chan send (nil chan)', 'chan receive (nil chan)', 'select (no cases)'}


def compare_goroutine(own, ours):
    """Sentences on what two debug=2 texts of one goroutine do not agree on."""
    bad = []
    # Both print at most 100 frames; where the middle is left out depends on the release.
    n = own.elided if own.elided is not None else len(own.frames)
    m = ours.elided if ours.elided is not None else len(ours.frames)
    n = m = min(n, m) if own.elided is not None or ours.elided is not None else max(n, m)
    if own.frames[:n] != ours.frames[:m]:
        bad.append(f'goroutine {own.id} [{own.reason}]:\n  Go     {own.frames[:12]}\n'
                   f'  loiter {ours.frames[:12]}')
    for field in ('reason', 'created', 'parent'):
        if getattr(own, field) != getattr(ours, field):
            bad.append(f'goroutine {own.id}: {field} is {getattr(ours, field)!r}, '
                       f'not {getattr(own, field)!r}')
    if ('locked to thread' in own.notes) != ('locked to thread' in ours.notes):
        bad.append(f'goroutine {own.id}: {ours.notes!r} and not {own.notes!r}')
    return bad


def test_debug2_equals_the_processs_own(target):
    own = goprofile.parse_debug2(target.profile(2))
    ours = goprofile.parse_debug2(
        snapshot(target.pid, '--format', 'debug2', '--no-leaks').decode('utf-8', 'surrogateescape'))
    moving = target.truth['moving']
    bad = [f'goroutine {i} is only in one of them' for i in set(own) ^ set(ours)]
    for i in set(own) & set(ours):
        if not goprofile.moves(own[i].frames, moving):
            bad += compare_goroutine(own[i], ours[i])
    assert not bad, '\n'.join(bad)


def pprof_top(path):
    """{function: flat} by `go tool pprof -top`, and the total."""
    text = subprocess.run(['go', 'tool', 'pprof', '-top', '-nodefraction=0', '-nodecount=100000',
                           '-sample_index=goroutine', path], check=True, capture_output=True,
                          text=True, env=gobuild.local_env()).stdout
    total = int(re.search(r'of (\d+) total', text).group(1))
    flat = re.findall(r'^ *(\d+) +\S+% +\S+% +\d+ +\S+%  (.*)$', text, re.M)
    return total, {name.replace(' (inline)', ''): int(count) for count, name in flat}


def test_pprof_is_accepted_and_counts_the_same(profiled, tmp_path):
    path = str(tmp_path / 'profile.pb.gz')
    assert snapshot(profiled.pid, '--format', 'pprof', '-o', path) == b''
    total, flat = pprof_top(path)
    assert total == profiled.total
    # Nearly all park in runtime.gopark, the others' innermost function varies with the release.
    waiting = sum(len(g['members']) for g in profiled.truth['groups']
                  if g['members'][0]['reason'] != 'syscall')
    assert waiting <= flat['runtime.gopark'] <= waiting + 2


def test_folded_counts_every_goroutine(profiled):
    lines = snapshot(profiled.pid, '--format', 'folded').decode('utf-8', 'replace').splitlines()
    counts = {}
    for line in lines:
        stack, _, count = line.rpartition(' ')
        assert stack and count.isdigit(), line
        for function in set(stack.split(';')):
            counts[function] = counts.get(function, 0) + int(count)
    for function in {g['func'] for g in profiled.truth['groups']}:
        want = sum(g['count'] for g in profiled.truth['groups'] if g['func'] == function)
        assert counts.get(function, 0) >= want, function


def test_text_fits_80_columns_and_names_the_largest_group(target):
    lines = snapshot(target.pid).decode().splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert any('main.recvShared' in line and '31' in line for line in lines)
    assert f'go{target.release}' in lines[0]


def test_the_target_took_no_harm(seen):
    beat = seen.ask('beat')
    assert beat['beats'] > 0 and beat['bad'] == 0
    assert seen.status('TracerPid') == '0'
    again = goprofile.parse_debug1(seen.profile(1))
    moving = seen.truth['moving']
    assert not goprofile.difference(goprofile.tally(seen.records, moving),
                                    goprofile.tally(again[1], moving))
