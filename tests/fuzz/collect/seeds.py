#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Seeds for the fuzz targets of saved snapshots and states: small ones that have every member."""
import json
import os
import struct
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


def state():
    """The body of a state file of one process that has one of everything."""
    age = struct.pack('<f', 5)
    process = struct.pack('<IQQ3QdIIII', 7, 11, 1 << 46, 3, 2, 1, 15.0, 1, 1, 1, 1)
    process += age + struct.pack('<II', 5120, 12) + 2 * (age + struct.pack('<Q', 9))
    process += struct.pack('<QQ', 0xfeed, 1200)
    return b'0' * 36 + struct.pack('<dI', 120.0, 1) + process


def main(directory):
    os.makedirs(os.path.join(directory, 'saved'), exist_ok=True)
    os.makedirs(os.path.join(directory, 'state'), exist_ok=True)
    with open(os.path.join(directory, 'state', 'one'), 'wb') as out:
        out.write(state())
    for name, value in (('a', snapshot(0, 9)), ('b', snapshot(59, 40)),
                        ('empty', {'schema': 'loiter.snapshot/1'})):
        with open(os.path.join(directory, 'saved', name), 'w', encoding='ascii') as out:
            json.dump(value, out)


main(sys.argv[1])
