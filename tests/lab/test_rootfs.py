"""What a killed build leaves behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from lab.rootfs import _discard


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting takes root")
def test_an_unfinished_root_goes_with_what_was_mounted_in_it(tmp_path: Path) -> None:
    root = tmp_path / "root-0.1.draft"
    for folder, kind in (("proc", "proc"), ("dev", "tmpfs"), ("dev/shm", "tmpfs")):
        (root / folder).mkdir(parents=True)
        subprocess.run(["mount", "-t", kind, "none", root / folder], check=True)
    _discard(root)
    assert not root.exists()
    assert str(root) not in Path("/proc/self/mountinfo").read_text()
