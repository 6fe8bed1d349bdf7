#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz target of saved snapshots: small ones that have every member."""
import json
import os
import sys

FRAME = {'function': 'main.f', 'file': '/src/x.go', 'line': 5, 'pc': '0x40', 'inlined': False}


def snapshot(seconds, count):
    group = {'id': '00000000000000aa', 'count': count, 'state': 'waiting', 'wait_reason': 'sleep',
             'system': False, 'verdict': 'suspect', 'pattern': 'sleeping', 'stack': [FRAME],
             'created_by': FRAME, 'labels': {'k': 'v'}, 'held': {'stack_bytes': 2048},
             'sample_ids': [5, 6]}
    return {'schema': 'loiter.snapshot/1', 'time': f'2026-11-21T20:00:{seconds:02}.500Z',
            'process': {'pid': 42, 'start_time': 7, 'name': 'x', 'exe': '/x', 'build_id': 'b',
                        'go_version': 'go1.24', 'module': 'm', 'uptime_s': 5000 + seconds},
            'quality': {'torn': 1}, 'goroutines': {'total': count, 'system': 3, 'timers': {
                'total': 20004, 'waited': 4, 'unwaited': 20000 * count, 'unwaited_bytes': 9 << 20,
                'first_s': -0.1, 'last_s': 3600.5, 'made_by': [
                    {'site': 'main.f f.go:1', 'call': 'time.After', 'loop': True, 'waits': True,
                     'goroutines': 4}]}},
            'groups': [group, {**group, 'id': '00000000000000bb'}],
            'goroutine_list': [{'id': i, 'group': group['id']} for i in range(count)],
            'memory': {'rss_bytes': 1 << 30,
                       'parts': [{'name': 'go.heap.live', 'bytes': count << 20}],
                       'go': {'heap_alloc_bytes': 5, 'next_gc_bytes': count << 21, 'gogc': 100,
                              'num_gc': seconds}, 'c': {'in_use_bytes': 9, 'mmapped_bytes': 8},
                       'retained_by': [{'variable': 'main.v', 'bytes': count << 20}],
                       'heap_by_type': [{'type': 'T', 'bytes': 6}],
                       'heap_sites': [{'bytes': 5, 'objects': 1, 'stack': [FRAME]}]},
            'threads': {'total': count, 'by_kind': {'cgo': 3},
                        'sites': [{'count': 2, 'kind': 'cgo', 'go_stack': [FRAME],
                                   'c_stack': [FRAME]}]}, 'findings': []}


def main(directory):
    os.makedirs(os.path.join(directory, 'saved'), exist_ok=True)
    for name, value in (('a', snapshot(0, 9)), ('b', snapshot(59, 40)),
                        ('empty', {'schema': 'loiter.snapshot/1'})):
        with open(os.path.join(directory, 'saved', name), 'w', encoding='ascii') as out:
            json.dump(value, out)


main(sys.argv[1])
