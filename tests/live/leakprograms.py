# SPDX-License-Identifier: Apache-2.0
"""The Go distribution's own leak programs, kept alive to be looked at from outside.

They are src/runtime/testdata/testgoroutineleakprofile of Go 1.26 and later, and what each must
show stands beside them in goroutineleakprofile_test.go. A program leaks, writes its goroutineleak
profile and ends. For a test they are taken from the toolchain into a directory of their own, with
tests/targets/hold in the place of runtime/pprof, which holds them where they would write.
"""
import collections
import os
import re
import shutil
import subprocess

import gobuild
from process import Target

# With a directory of programs of its own; the others run those of the newest.
WITH_DETECTOR = ('1.26.8', '1.27.1')
FAMILIES = ('', 'goker')

# One program: its name, the family it is of, {regular expression of the answer key}, whether it may
# show none of them, whether it wants one processor.
Program = collections.namedtuple('Program', 'name family leaks flaky simple')


def goroot(release):
    return gobuild.go(release, 'env', 'GOROOT').strip()


def _source_of(release):
    return release if release in WITH_DETECTOR else gobuild.releases()[-1]


def programs(release):
    """The answer key of that release, or of the newest where it has none."""
    path = os.path.join(goroot(_source_of(release)), 'src/runtime/goroutineleakprofile_test.go')
    with open(path, encoding='utf-8') as source:
        text = re.sub(r'^\s*//.*$', '', source.read(), flags=re.M)
    ret = []
    call = r'\b(makeTest|makeFlakyTest)\(("\w+",?(?:\s*`[^`]*`,?)*)\s*\)'
    for kind, body in re.findall(call, text):
        name = re.match(r'"(\w+)"', body).group(1)
        family = 'goker' if text.index(f'"{name}"') > text.index('gokerTestCases :=') else ''
        ret.append(Program(name, family, [re.compile(p) for p in re.findall(r'`([^`]*)`', body)],
                           kind == 'makeFlakyTest', kind == 'makeTest'))
    return ret


def _copy_sources(release, family, directory):
    source = os.path.join(goroot(_source_of(release)),
                          'src/runtime/testdata/testgoroutineleakprofile', family)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(os.path.join(directory, 'hold'))
    shutil.copy(os.path.join(gobuild.TARGETS, 'hold/hold.go'), os.path.join(directory, 'hold'))
    with open(os.path.join(directory, 'go.mod'), 'w', encoding='ascii') as out:
        out.write(f'module recall\n\ngo 1.{gobuild.minor(release)}\n')
    for name in os.listdir(source):
        if name.endswith('.go'):
            with open(os.path.join(source, name), encoding='utf-8') as file:
                text = file.read()
            with open(os.path.join(directory, name), 'w', encoding='utf-8') as out:
                out.write(text.replace('"runtime/pprof"', 'pprof "recall/hold"'))


def build(release, family):
    """The path of a family's program, built with that release."""
    source = os.path.join(gobuild.TARGETS, 'hold')

    def make(path):
        directory = os.path.abspath(path + '.src')
        try:
            _copy_sources(release, family, directory)
            experiment = 'goroutineleakprofile' if release == '1.26.8' else ''
            env = gobuild.local_env(GOTOOLCHAIN='go' + release, CGO_ENABLED='0',
                                    GOEXPERIMENT=experiment)
            subprocess.run(['nice', 'go', 'build', '-o', path, '.'], cwd=directory, env=env,
                           check=True)
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    return gobuild.cached(f'recall-{family or "simple"}-{release}',
                          gobuild.sources_key(source), make)


def start(program, release):
    """The program, when it has leaked what it leaks."""
    # As the Go distribution runs them.
    env = {**os.environ, 'GODEBUG': 'asyncpreemptoff=1'}
    if program.simple:
        env['GOMAXPROCS'] = '1'
    return Target([build(release, program.family), program.name], env=env)
