# SPDX-License-Identifier: Apache-2.0
"""Every release in every mode: the runtime's variables are found by each way alone, the layout is
the binary's own, and a wrong layout is refused."""
import json
import os
import re
import subprocess
import time

import pytest

import gobuild
from process import LOITER

CHECK = os.path.join(os.path.dirname(LOITER), 'tests/unit/goruntime/layout-check')

# Fields whose shift by a word must be refused on the goroutines target, whatever the direction.
# Others are told apart by nothing that every process has, or stand between two of these.
GUARDED = '''g_stack_lo g_stack_hi g_m g_sched_sp g_sched_pc g_sched_bp g_syscallsp g_syscallpc
    g_status g_goid g_waitreason g_parent_goid g_gopc g_startpc g_waiting g_timer g_sleep_when
    m_g0 m_procid m_curg sudog_g sudog_next sudog_prev sudog_is_select hchan_dataqsiz hchan_closed
    hchan_elemtype hchan_recvq_first hchan_sendq_first'''.split()


@pytest.fixture(scope='module')
def found(target):
    """What layout-check says of the target."""
    with open(f'/proc/{target.pid}/maps', encoding='utf-8') as maps:
        held = {line.split()[-1] for line in maps if '/' in line}
    path, = (p for p in held if os.path.basename(p).startswith('goroutines-'))
    result = subprocess.run([CHECK, str(target.pid), path], text=True, check=True,
                            stdout=subprocess.PIPE)
    target.found = json.loads(result.stdout)
    return target


def test_each_way_finds_the_same_allgs(found):
    ways = {way: found.found[way]['allgs'] for way in ('symbol', 'code', 'search')}
    if 'stripped' in found.mode:
        assert ways.pop('symbol') == 0
    assert len(set(ways.values())) == 1 and 0 not in ways.values(), ways


def test_code_finds_last_gc_where_the_symbol_says(found):
    code, symbol = found.found['code']['last_gc'], found.found['symbol']['last_gc']
    assert code
    assert symbol == (0 if 'stripped' in found.mode else code)


def test_last_gc_lies_in_the_past(found):
    at = found.found['last_gc_ns']
    assert 0 <= at < time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def source_reasons(release):
    """waitReasonStrings as that release's runtime2.go has it, in order."""
    goroot = gobuild.go(release, 'env', 'GOROOT').strip()
    with open(f'{goroot}/src/runtime/runtime2.go', encoding='utf-8') as source:
        text = source.read()
    constants = text.split('waitReasonZero ', 1)[1].split('\n)', 1)[0]
    names = re.findall(r'^\t(waitReason\w+)', constants, re.M)
    strings = dict(re.findall(r'^\t(waitReason\w+): *"(.*)",$', text, re.M))
    assert {'waitReasonZero', *names} == set(strings)
    return [''] + [strings[n] for n in names]


def test_wait_reasons_are_those_of_the_source(found):
    expected = source_reasons(found.release)
    assert found.found['reasons'][:len(expected)] == expected


def test_layout_is_the_one_in_the_binarys_dwarf(found):
    assert found.found['layout'] == 'table'
    if 'stripped' in found.mode:
        assert found.found['dwarf'] == 'the file has no DWARF'
    else:
        assert found.found['dwarf'] == []


def test_a_wrong_layout_is_refused(found):
    accepted = found.found['accepted']
    wrong = [a for a in accepted if re.sub(r'[+-]8$', '', a) in ('all', *GUARDED)]
    # Go 1.26: the two words of sudog.c are most often equal.
    assert 'sudog_c+8' not in accepted
    if gobuild.minor(found.release) < 26:
        assert 'sudog_c-8' not in accepted
    assert not wrong
