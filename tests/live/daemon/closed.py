# SPDX-License-Identifier: Apache-2.0
"""Runs a program under the system call rules of a systemd unit, without systemd as a manager.

usage: closed.py UNIT PROGRAM [ARGUMENT]...

Of the unit it takes SystemCallFilter= and SystemCallErrorNumber=EPERM, RestrictAddressFamilies= and
MemoryDenyWriteExecute=; the groups (@system-service) are systemd's own, by systemd-analyze.
"""
import ctypes
import os
import re
import subprocess
import sys

ALLOW, EPERM = 0x7fff0000, 0x00050000 | 1
EQUAL = 4
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1
FAMILIES = {'AF_UNIX': 1, 'AF_INET': 2, 'AF_INET6': 10, 'AF_NETLINK': 16}


class Compare(ctypes.Structure):
    """libseccomp's struct scmp_arg_cmp."""
    _fields_ = [('arg', ctypes.c_uint), ('op', ctypes.c_int), ('a', ctypes.c_uint64),
                ('b', ctypes.c_uint64)]


def values(unit, key):
    with open(unit, encoding='utf-8') as file:
        return re.findall(rf'^{key}=(.*)$', file.read(), re.M)


def members(group):
    """The system calls of a group, and of the groups in it."""
    said = subprocess.run(['systemd-analyze', '--no-pager', 'syscall-filter', group], text=True,
                          stdout=subprocess.PIPE, check=True).stdout
    ret = set()
    for line in said.splitlines()[1:]:
        word = line.strip()
        if word.startswith('@'):
            ret |= members(word)
        elif word and not word.startswith('#'):
            ret.add(word)
    return ret


def allowed(unit):
    """What SystemCallFilter= allows: a list with ~ takes away from those before it."""
    ret = members('@default')
    for value in values(unit, 'SystemCallFilter'):
        words = set()
        for word in value.removeprefix('~').split():
            words |= members(word) if word.startswith('@') else {word}
        ret = ret - words if value.startswith('~') else ret | words
    return ret


def load(unit):
    """From here on this process, and what it starts, has the unit's rules."""
    lib = ctypes.CDLL('libseccomp.so.2')
    lib.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(lib.seccomp_init(EPERM))
    # Before the filter, which may refuse to say it.
    prctl = ctypes.CDLL(None).prctl
    if values(unit, 'MemoryDenyWriteExecute') == ['yes']:
        prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
    for name in allowed(unit) - {'socket'}:
        number = lib.seccomp_syscall_resolve_name(name.encode())
        # Some are of other processors.
        if number >= 0:
            assert lib.seccomp_rule_add_array(context, ALLOW, number, 0, None) == 0, name
    socket = lib.seccomp_syscall_resolve_name(b'socket')
    for family in values(unit, 'RestrictAddressFamilies')[0].split():
        rule = Compare(0, EQUAL, FAMILIES[family], 0)
        assert lib.seccomp_rule_add_array(context, ALLOW, socket, 1, ctypes.byref(rule)) == 0
    assert lib.seccomp_load(context) == 0


if __name__ == '__main__':
    load(sys.argv[1])
    os.execv(sys.argv[2], sys.argv[2:])
