# SPDX-License-Identifier: Apache-2.0
"""scripts/check-hardening: passes what is hardened, and names each thing that a program lacks."""
import os
import subprocess

import pytest

import gobuild

CHECK = os.path.join(gobuild.ROOT, 'scripts/check-hardening')
HARDENED = ['-O2', '-fstack-protector-strong', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2', '-fPIE',
            '-pie', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack', '-Wno-stringop-overflow']
SOURCE = r'''
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv)
{
	char copy[16];

	strcpy(copy, argv[argc - 1]);
	return puts(copy) < 0;
}
'''
LACKS = {
    '-no-pie': 'position-independent',
    '-Wl,-z,norelro': 'linkage tables',
    '-Wl,-z,lazy': 'binds functions late',
    '-Wl,-z,execstack': 'executable stack',
    '-fno-stack-protector': 'stack canaries',
    '-U_FORTIFY_SOURCE': 'checked function',
    '-Wl,-rpath,/tmp': 'place of its own: ',
}


def check(tmp_path, *flags):
    source, program = tmp_path / 'program.c', tmp_path / 'program'
    source.write_text(SOURCE)
    subprocess.run(['gcc', *HARDENED, *flags, '-o', program, source], check=True,
                   stderr=subprocess.DEVNULL)
    return subprocess.run([CHECK, program], text=True, capture_output=True, check=False)


def test_a_hardened_program_passes(tmp_path):
    done = check(tmp_path)
    assert done.returncode == 0 and 'hardened' in done.stdout, done


@pytest.mark.parametrize('flag', LACKS)
def test_what_is_missing_is_named(tmp_path, flag):
    done = check(tmp_path, flag)
    assert done.returncode == 1 and LACKS[flag] in done.stdout, done


def test_how_sources_were_compiled_counts(tmp_path):
    (tmp_path / 'compile_commands.json').write_text(
        '[{"directory": "%s", "file": "/x/user/base/a.c", "command": "cc -O0 -fPIE '
        '-fstack-protector-strong -D_FORTIFY_SOURCE=3 -U_FORTIFY_SOURCE"}]' % tmp_path)
    done = check(tmp_path)
    assert done.returncode == 1 and 'without optimization' in done.stdout, done
    assert '-fstack-clash-protection' in done.stdout and '-fstack-protector' not in done.stdout
    assert '-D_FORTIFY_SOURCE of at least 2' in done.stdout
