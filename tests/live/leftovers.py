# SPDX-License-Identifier: Apache-2.0
"""What a loiter has in the kernel, and whether any of it is there when loiter is gone."""
import glob
import json
import os
import subprocess
import time

from process import PATIENCE_S

TRACEFS = '/sys/kernel/tracing'


def kernel_objects(pid):
    """What the descriptors of a process mean: {('prog', id), ('link', id), ...}, ('perf', n)."""
    found, perf = set(), 0
    try:
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                perf += 'perf_event' in os.readlink(f'/proc/{pid}/fd/{fd}')
                with open(f'/proc/{pid}/fdinfo/{fd}', encoding='ascii') as lines:
                    words = dict(line.split(None, 1) for line in lines if len(line.split()) > 1)
            except OSError:
                continue
            # A link's record names its program too.
            for kind in ('link', 'map', 'prog'):
                if f'{kind}_id:' in words:
                    found.add((kind, int(words[f'{kind}_id:'])))
    except OSError:
        pass
    return found | ({('perf', perf)} if perf else set())


def _there(kind):
    # It gives up when one of anybody's goes away while it lists them.
    for _ in range(100):
        shown = subprocess.run(['bpftool', '-j', kind, 'show'], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, check=False)
        if shown.returncode == 0:
            return {(kind, row['id']) for row in json.loads(shown.stdout or '[]')}
    raise AssertionError(f'bpftool {kind} show: exit code {shown.returncode}')


def assert_gone(objects):
    """The kernel frees them a moment after the last descriptor is closed."""
    until = time.monotonic() + PATIENCE_S
    while True:
        left = objects & (_there('prog') | _there('link') | _there('map'))
        if not left:
            return
        assert time.monotonic() < until, f'still in the kernel: {sorted(left)}'
        time.sleep(0.05)


def uprobe_events():
    """Probes by name, which outlive who made them. Loiter's never have one."""
    try:
        with open(TRACEFS + '/uprobe_events', encoding='ascii') as lines:
            return lines.read()
    except FileNotFoundError:
        return ''


def changed_code(pid):
    """The mappings whose code is not what their file has: [(path, offset, bytes that differ)]."""
    bad = []
    with open(f'/proc/{pid}/maps', encoding='utf-8', errors='surrogateescape') as lines:
        mappings = [line.split(None, 5) for line in lines]
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as mem:
        for fields in mappings:
            if 'x' not in fields[1] or fields[4] == '0':
                continue
            start, end = (int(word, 16) for word in fields[0].split('-'))
            with open(f'/proc/{pid}/map_files/{start:x}-{end:x}', 'rb') as file:
                file.seek(int(fields[2], 16))
                want = file.read(end - start)
            mem.seek(start)
            have = mem.read(len(want))
            if have != want:
                differ = [i for i in range(len(want)) if have[i] != want[i]]
                bad.append((fields[5].strip(), int(fields[2], 16) + differ[0], len(differ)))
    return bad


def assert_code_is_its_files(pid):
    """Breakpoints go a moment after their link."""
    until = time.monotonic() + PATIENCE_S
    while bad := changed_code(pid):
        assert time.monotonic() < until, f'pid {pid} runs changed code: {bad}'
        time.sleep(0.05)


def descriptors(pid):
    return len(glob.glob(f'/proc/{pid}/fd/*'))
