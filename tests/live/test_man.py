# SPDX-License-Identifier: Apache-2.0
"""The man pages against what loiter really writes."""
import os
import subprocess
import sys

import gobuild
from process import LOITER, snapshot


def test_every_field_of_real_output_is_in_the_man_page(target, tmp_path):
    """On every release and mode: fields come and go with them."""
    path = tmp_path / 'snapshot.json'
    path.write_bytes(snapshot(target.pid, '--json', '--goroutines'))
    done = subprocess.run([sys.executable, os.path.join(gobuild.ROOT, 'scripts/check-man'), path],
                          stdout=subprocess.PIPE, text=True, check=False,
                          env={**os.environ, 'LOITER': LOITER})
    assert done.returncode == 0, done.stdout
