# SPDX-License-Identifier: Apache-2.0
"""Heap profiles through Go's own eyes: what `go tool pprof -raw` reads in a profile.proto."""
import collections
import re
import subprocess

import gobuild

# types: names of the values; samples: {(stack of frames, object size): values}
Profile = collections.namedtuple('Profile', 'types period samples totals comments')
# Type arguments, which the goroutine reports print as Go's tracebacks do and runtime/pprof whole.
_GENERIC = re.compile(r'\[.*\]')
_SAMPLE = re.compile(r'\s*([-\d ]+): ([\d ]*)$')
_BYTES = re.compile(r'\s*bytes:\[?(\d+)')
_LOCATION = re.compile(r'\s*(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.*)$')
_LINE = re.compile(r'\s*(\S.*) (\S+?):(\d+)(?::\d+)?(?: s=\d+)?$')


def raw(path):
    return subprocess.run(['nice', 'go', 'tool', 'pprof', '-raw', path], text=True, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=gobuild.local_env()).stdout


def top(path, index):
    """The lines of `go tool pprof -top` of all functions, without the head."""
    out = subprocess.run(['nice', 'go', 'tool', 'pprof', '-top', '-nodecount=0',
                          '-nodefraction=0', '-edgefraction=0', f'-sample_index={index}', path],
                         text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=gobuild.local_env()).stdout
    lines = [_GENERIC.sub('[...]', line) for line in out.splitlines()]
    at = next(i for i, line in enumerate(lines) if line.startswith('Showing nodes'))
    return [lines[at]] + sorted(lines[at + 1:])


def _locations(lines):
    """{id: frames, innermost first}: function and line."""
    ret, here = {}, None
    for line in lines:
        if line.startswith('Mappings'):
            break
        head = _LOCATION.match(line)
        if head:
            here = ret.setdefault(head.group(1), [])
            line = head.group(2)
        frame = _LINE.match(line)
        if frame:
            here.append((_GENERIC.sub('[...]', frame.group(1)), int(frame.group(3))))
    return ret


def read(path):
    lines = raw(path).splitlines()
    comments = []
    while not lines[0].startswith('PeriodType'):
        comments.append(lines.pop(0))
    period = int(next(line for line in lines if line.startswith('Period:')).split(':')[1])
    at = next(i for i, line in enumerate(lines) if line.startswith('Samples:'))
    types = [word.split('/')[0] for word in lines[at + 1].split()]
    end = next(i for i, line in enumerate(lines) if line.startswith('Locations'))
    locations = _locations(lines[end + 1:])
    samples, totals, found = {}, [0] * len(types), []
    for line in lines[at + 2:end]:
        sample, size = _SAMPLE.match(line), _BYTES.match(line)
        if sample:
            stack = sum((locations[i] for i in sample.group(2).split()), [])
            found.append([tuple(stack), 0, [int(v) for v in sample.group(1).split()]])
        elif size:
            found[-1][1] = int(size.group(1))
    for stack, size, numbers in found:
        totals = [a + b for a, b in zip(totals, numbers)]
        # What is in no sample's interest: the runtime lists sites with nothing published too.
        if any(numbers):
            key = (stack, size)
            samples[key] = tuple(a + b for a, b in zip(samples.get(key, (0,) * 4), numbers))
    return Profile(types, period, samples, totals, comments)
