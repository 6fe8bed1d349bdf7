#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds every format of the made-up snapshots against what reads that format elsewhere.

check_formats.py WRITE_SAMPLE GOLDEN_DIR    compares and parses
check_formats.py WRITE_SAMPLE GOLDEN_DIR --write    writes the golden files anew
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

SAMPLES = ['typical', 'hostile', 'empty', 'one_group', 'huge', 'leaky', 'proven']
GOLDEN = [('typical', 'text', '80'), ('typical', 'text', '150'), ('one_group', 'text', '80'),
          ('typical', 'json', ''), ('typical', 'folded', ''), ('typical', 'debug1', ''),
          ('typical', 'debug2', ''), ('typical', 'lines', '80'), ('one_group', 'interval', ''),
          ('typical', 'difftext', '80'), ('one_group', 'diff', ''), ('leaky', 'text', '80'),
          ('leaky', 'json', ''), ('leaky', 'debug2', ''), ('proven', 'text', '80'),
          ('proven', 'debug2', '')]
VERDICTS = {'proven', 'likely', 'suspect', 'ok', 'unknown'}
KINDS = {'chan', 'select', 'mutex', 'rwmutex', 'waitgroup', 'cond', 'sema', 'fd', 'timer', 'none'}


def write(sample, form, *options):
    return subprocess.run([sys.argv[1], sample, form, *filter(None, options)], check=True,
                          stdout=subprocess.PIPE, env={**os.environ, 'TZ': 'UTC'}).stdout


def golden_path(sample, form, width):
    return os.path.join(sys.argv[2], f'{sample}{"-" + width if width else ""}.{form}.golden')


def golden_files_are_as_they_were():
    for sample, form, width in GOLDEN:
        with open(golden_path(sample, form, width), 'rb') as f:
            assert write(sample, form, width) == f.read(), f'{sample} {form} {width}'


def json_is_valid_and_in_the_words_of_the_contract():
    for sample in SAMPLES:
        # An object with a key twice would hide one of them.
        def once(pairs):
            assert len({k for k, _ in pairs}) == len(pairs), pairs
            return dict(pairs)
        s = json.loads(write(sample, 'json').decode('utf-8'), object_pairs_hook=once)
        assert s['schema'] == 'loiter.snapshot/1'
        ids = {g['id'] for g in s['groups']}
        for g in s['groups']:
            assert g['verdict'] in VERDICTS and g['blocked_on']['kind'] in KINDS
            assert len(g['sample_ids']) <= 10
        for g in s.get('goroutine_list', []):
            assert g['group'] in ids and g['blocked_on']['kind'] in KINDS
        assert all(f['verdict'] in VERDICTS - {'ok', 'unknown'} | {'explained', 'candidate'}
                   for f in s['findings'])
        for part in ('process', 'quality', 'goroutines'):
            assert isinstance(s[part], dict)


def an_interval_is_one_line_without_a_key_twice():
    for sample in SAMPLES:
        def once(pairs):
            assert len({k for k, _ in pairs}) == len(pairs), pairs
            return dict(pairs)
        line = write(sample, 'interval').decode('utf-8')
        assert line.count('\n') == 1 and line.endswith('\n')
        i = json.loads(line, object_pairs_hook=once)
        assert set(i['events']) == {'goroutines', 'locks', 'memory', 'c_heap', 'threads', 'oncpu'}
        assert set(i['collectors']) == {'goroutines', 'futex', 'memory', 'threads', 'oncpu'}
        for part in i['events'].values():
            assert {'seen', 'hits', 'lost'} <= set(part)
            for key, value in part.items():
                if isinstance(value, list):
                    left = part.get(key + '_left_out', 0)
                    assert len(value) == 30 if left else len(value) <= 30, key


def a_comparison_has_no_key_twice_and_keeps_to_its_width():
    for sample in SAMPLES:
        def once(pairs):
            assert len({k for k, _ in pairs}) == len(pairs), pairs
            return dict(pairs)
        d = json.loads(write(sample, 'diff').decode('utf-8'), object_pairs_hook=once)
        assert d['schema'] == 'loiter.diff/1'
        for g in d['groups']:
            assert g['change'] == g['after'] - g['before'] and g['verdict'] in VERDICTS
        for width in ('40', '80', '200'):
            lines = write(sample, 'difftext', width).decode('utf-8').splitlines()
            assert all(len(line) <= int(width) for line in lines), sample


def unknown_is_null_or_absent_and_never_0():
    s = json.loads(write('empty', 'json'))
    assert s['process']['pid'] is None and s['process']['cgo'] is None
    assert s['process']['uptime_s'] is None and s['process']['start_time'] is None
    assert 'memory' not in s and 'threads' not in s
    typical = json.loads(write('typical', 'json'))
    mutex, = [g for g in typical['groups'] if g['wait_reason'] == 'sync.Mutex.Lock']
    assert mutex['oldest_wait_s'] is None and mutex['held']['stack_bytes'] is None
    nil, = [g for g in typical['groups'] if g['pattern'] == 'nil-chan-send']
    assert nil['blocked_on']['addr'] is None and nil['blocked_on']['nil'] is True
    assert 'cap' not in nil['blocked_on']
    io, = [g for g in typical['groups'] if g['wait_reason'] == 'IO wait']
    assert io['blocked_on']['has_deadline'] is False and io['blocked_on']['deadline_s'] is None


def nothing_that_a_terminal_acts_upon_gets_through():
    control = re.compile('[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]')
    for form in ('text', 'json', 'folded', 'flamegraph', 'debug1', 'debug2', 'lines', 'interval', 'diff', 'difftext'):
        text = write('hostile', form).decode('utf-8')
        assert not control.search(text), f'{form}: {control.search(text)}'


def the_flame_graph_is_an_svg_document():
    for sample in SAMPLES:
        root = ElementTree.fromstring(write(sample, 'flamegraph'))
        assert root.tag == '{http://www.w3.org/2000/svg}svg'


def a_frame_of_the_flame_graph_lies_on_its_caller():
    root = ElementTree.fromstring(write('typical', 'flamegraph'))
    ns = '{http://www.w3.org/2000/svg}'
    boxes = []
    for g in root.iter(ns + 'g'):
        rect = g.find(ns + 'rect')
        boxes.append(tuple(float(rect.get(k)) for k in ('x', 'y', 'width')))
    rows = sorted({y for _, y, _ in boxes})
    bottom = rows[-1]
    for x, y, width in boxes:
        assert y == bottom or any(below[1] == rows[rows.index(y) + 1] and below[0] <= x + .05 and
                                  x + width <= below[0] + below[2] + .15 for below in boxes)


def folded_lines_are_a_stack_and_a_count():
    for sample in SAMPLES:
        for line in write(sample, 'folded').decode('utf-8').splitlines():
            assert re.fullmatch(r'[^ ]+ \d+', line), line


def go_tool_pprof_accepts_pprof_and_debug1():
    if not shutil.which('go'):
        print('SKIP: no go')
        return
    with tempfile.TemporaryDirectory() as tmp:
        for sample, total in (('typical', 17043), ('hostile', 231), ('one_group', 1)):
            for form in ('pprof', 'debug1'):
                path = os.path.join(tmp, f'{sample}.{form}')
                with open(path, 'wb') as f:
                    f.write(write(sample, form))
                run = subprocess.run(['go', 'tool', 'pprof', '-top', path], check=True, cwd=tmp,
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                top = run.stdout.decode('utf-8')
                assert re.search(rf' of {total} total', top), f'{sample} {form}: {top}'
                if (sample, form) == ('typical', 'pprof'):
                    assert 'main.fetch.func1' in top and '(inline)' in top, top


def the_goroutineleak_profile_has_the_leaked_alone():
    if not shutil.which('go'):
        print('SKIP: no go')
        return
    with tempfile.TemporaryDirectory() as tmp:
        # Of leaky: 12,031 and 2 and 4 that are likely, 3 proven by their wait; not its suspect.
        for sample, total in (('leaky', 12040), ('proven', 12031), ('typical', 3), ('hostile', 21)):
            path = os.path.join(tmp, sample)
            with open(path, 'wb') as f:
                f.write(write(sample, 'goroutineleak'))
            run = subprocess.run(['go', 'tool', 'pprof', '-top', path], check=True, cwd=tmp,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            top = run.stdout.decode('utf-8')
            assert 'Type: goroutineleak' in top, top
            assert re.search(rf' of {total} total', top), f'{sample}: {top}'


def leaked_goroutines_are_marked_as_go_marks_them():
    dump = write('leaky', 'debug2').decode('utf-8')
    heads = dict(re.findall(r'^goroutine (\d+) \[(.*)\]:$', dump, re.M))
    assert heads['18'] == 'chan send (leaked)' and heads['60'] == 'sync.Mutex.Lock (leaked)'
    assert heads['50'] == 'chan send (nil chan) (leaked)'
    # Of its group only some are; one that sleeps; main's select {}.
    assert heads['40'] == 'select' and 'leaked' not in heads['70'] + heads['1']
    assert '(leaked)' not in write('typical', 'debug2').decode('utf-8')


def go_tool_pprof_accepts_the_heap_profile():
    if not shutil.which('go'):
        print('SKIP: no go')
        return
    with tempfile.TemporaryDirectory() as tmp:
        # Of hostile: 1 + 2 + ... + 63 objects of 1 KiB in use, with a rate that scales nothing.
        for sample, total in (('hostile', r'1\.97MB'), ('huge', r'\S+B')):
            path = os.path.join(tmp, sample)
            with open(path, 'wb') as f:
                f.write(write(sample, 'heap'))
            run = subprocess.run(['go', 'tool', 'pprof', '-top', path], check=True, cwd=tmp,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            top = run.stdout.decode('utf-8')
            assert re.search(rf' of {total} total', top), f'{sample}: {top}'
            assert 'Type: inuse_space' in top, top


def main():
    if sys.argv[3:] == ['--write']:
        for sample, form, width in GOLDEN:
            with open(golden_path(sample, form, width), 'wb') as f:
                f.write(write(sample, form, width))
        return 0
    failed = 0
    for check in (golden_files_are_as_they_were, json_is_valid_and_in_the_words_of_the_contract,
                  an_interval_is_one_line_without_a_key_twice,
                  a_comparison_has_no_key_twice_and_keeps_to_its_width,
                  unknown_is_null_or_absent_and_never_0,
                  nothing_that_a_terminal_acts_upon_gets_through,
                  the_flame_graph_is_an_svg_document,
                  a_frame_of_the_flame_graph_lies_on_its_caller,
                  folded_lines_are_a_stack_and_a_count, go_tool_pprof_accepts_pprof_and_debug1,
                  go_tool_pprof_accepts_the_heap_profile,
                  the_goroutineleak_profile_has_the_leaked_alone,
                  leaked_goroutines_are_marked_as_go_marks_them):
        try:
            check()
            print(f'ok {check.__name__}')
        except AssertionError as e:
            failed += 1
            print(f'FAILED {check.__name__}: {e}')
    return failed != 0


if __name__ == '__main__':
    sys.exit(main())
