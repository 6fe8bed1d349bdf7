# SPDX-License-Identifier: Apache-2.0
"""Readers of Go's goroutine profile texts, debug=1 and debug=2, ours and the runtime's alike.

They take nothing but what Go's own writers print, so that reading loiter's output with them shows
that it is the same format.
"""
import collections
import re

# (function, file, line), innermost first, is how a frame is compared.
Frame = collections.namedtuple('Frame', 'function file line')
# pcs: how many the record's first line has; labels: as printed, '' when there are none.
Record = collections.namedtuple('Record', 'count pcs labels frames')
Goroutine = collections.namedtuple('Goroutine', 'id reason notes frames elided created parent')

_HEADER1 = re.compile(r'goroutine profile: total (\d+)$')
_RECORD = re.compile(r'(\d+) @((?: 0x[0-9a-f]+)*)$')
_FRAME1 = re.compile(r'#\t0x[0-9a-f]+\t+([^\t]+)\+0x[0-9a-f]+\t+([^\t]+):(\d+)$')
_LABELS = re.compile(r'# labels: (\{.*\})$')

_HEADER2 = re.compile(r'goroutine (\d+) (?:gp=\S+ m=\S+ (?:mp=\S+ )?)?\[([^],]*)((?:, [^]]*)?)\]'
                      r'( ?\{.*\})?:$')
_CALL = re.compile(r'(\S.*?)\((?:\.\.\.|[^()]*)\)$')
_PLACE = re.compile(r'\t(.+):(\d+)(?: \+0x[0-9a-f]+)?(?: fp=\S+ sp=\S+ pc=\S+)?$')
_CREATED = re.compile(r'created by (.+?)(?: in goroutine (\d+))?$')
# Go's words in place of a stack that nobody can read.
_NO_STACK = re.compile(r'\tgoroutine (?:running on other thread|in C code); stack unavailable$')
_ELIDED = re.compile(r'\.\.\.(?:(\d+) frames elided|additional frames elided)\.\.\.$')


def parse_debug1(text):
    """The total of the header and the list of records."""
    lines = text.split('\n')
    total = int(_HEADER1.match(lines[0]).group(1))
    records = []
    at = 1
    while at < len(lines):
        if not lines[at]:
            at += 1
            continue
        head = _RECORD.match(lines[at])
        assert head, f'not a record: {lines[at]!r}'
        at += 1
        labels, frames = '', []
        while at < len(lines) and lines[at]:
            frame, label = _FRAME1.match(lines[at]), _LABELS.match(lines[at])
            assert frame or label and not frames, f'not a frame: {lines[at]!r}'
            if frame:
                frames.append(Frame(frame.group(1), frame.group(2), int(frame.group(3))))
            else:
                labels = label.group(1)
            at += 1
        records.append(Record(int(head.group(1)), len(head.group(2).split()), labels,
                              tuple(frames)))
    return total, records


def _parse_goroutine(lines):
    head = _HEADER2.match(lines[0])
    assert head, f'not a goroutine: {lines[0]!r}'
    frames, created, parent, elided, at = [], None, None, None, 1
    while at < len(lines):
        if _ELIDED.match(lines[at]) or _NO_STACK.match(lines[at]):
            elided = len(frames)
            at += 1
            continue
        by = _CREATED.match(lines[at])
        call = by or _CALL.match(lines[at])
        assert call and at + 1 < len(lines), f'not a call: {lines[at]!r}'
        place = _PLACE.match(lines[at + 1])
        assert place, f'not a place: {lines[at + 1]!r}'
        frame = Frame(call.group(1), place.group(1), int(place.group(2)))
        if by:
            created, parent = frame, int(by.group(2) or 0)
        else:
            frames.append(frame)
        at += 2
    return Goroutine(int(head.group(1)), head.group(2), head.group(3), tuple(frames), elided,
                     created, parent)


def parse_debug2(text):
    """The goroutines by id."""
    ret = {}
    for block in text.strip('\n').split('\n\n'):
        g = _parse_goroutine(block.split('\n'))
        assert g.id not in ret, f'goroutine {g.id} twice'
        ret[g.id] = g
    return ret


def moves(frames, functions):
    """Whether one of the functions stands in the stack."""
    return any(f.function in functions for f in frames)


def tally(records, moving=()):
    """{(labels, frames): count} without the goroutines that move."""
    ret = collections.Counter()
    for r in records:
        if not moves(r.frames, moving):
            ret[r.labels, r.frames] += r.count
    return ret


# runtime.GoroutineProfile cuts a stack at 32 entries up to Go 1.22, pprof at 128 after.
_CUTS = (32, 128)


def cut_like(theirs, ours):
    """Our tally with those stacks cut that Go's profile has cut (theirs: Go's records)."""
    ret = collections.Counter()
    cut = {(r.labels, r.frames) for r in theirs if r.pcs in _CUTS}
    lengths = {len(frames) for _, frames in cut}
    for (labels, frames), count in ours.items():
        for n in lengths:
            if (labels, frames[:n]) in cut:
                frames = frames[:n]
                break
        ret[labels, frames] += count
    return ret


def difference(theirs, ours):
    """What two tallies do not agree on, for people; '' when they do."""
    lines = []
    for key in sorted(set(theirs) | set(ours), key=repr):
        if theirs.get(key, 0) != ours.get(key, 0):
            labels, frames = key
            lines.append(f'Go counts {theirs.get(key, 0)}, loiter {ours.get(key, 0)} {labels}')
            lines += [f'    {f.function} {f.file}:{f.line}' for f in frames[:40]]
    return '\n'.join(lines)
