"""Check that the wheel works: build it, install it into an empty environment, and start it there.

The environment has its own copy of everymode, from the wheel, but takes the dependencies from the environment that runs
this script (through a .pth file), because installing torch takes minutes. `pip check` compares their versions with what
the wheel requires. Not checked: that an index offers these dependencies.

Run it as `make wheel`, or as `.venv/bin/python .ci/wheel.py`; the wheel is left in dist/.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILES = (
    "py.typed",
    "metrics/data/niqe_pris_params.npz",
    "metrics/data/niqe_pris_params.LICENSE.txt",
)
"""Files other than Python's that the wheel must contain, relative to the package."""
START = """
import everymode, pathlib, sys
home = pathlib.Path(everymode.__file__).parent
assert home.is_relative_to(sys.prefix), home
assert (home / "py.typed").is_file()
import everymode.losses, everymode.norms, everymode.runs.run
print("everymode", everymode.__version__)
"""


def main() -> None:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    constraints = str(ROOT / "constraints.txt")
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(ROOT / "dist"), str(ROOT)]
    run(build, {**clean, "PIP_CONSTRAINT": constraints})
    (wheel,) = (ROOT / "dist").glob("*.whl")
    packed = zipfile.ZipFile(wheel).namelist()
    for file in FILES:
        assert f"everymode/{file}" in packed, f"{wheel.name} lacks {file}"
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        bin_folder = Path(folder, "bin")
        pip = [str(bin_folder / "python"), "-m", "pip", "--disable-pip-version-check"]
        # The setuptools that venv brings is older than torch requires; without it, that of the .pth file is seen.
        run([*pip, "uninstall", "--quiet", "--yes", "setuptools"], clean)
        run([*pip, "install", "--quiet", "--no-deps", "-c", constraints, str(wheel)], clean)
        (site,) = Path(folder).glob("lib/*/site-packages")
        (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
        run([*pip, "check"], clean, folder)
        run([str(bin_folder / "everymode"), "--help"], clean, folder)
        run([str(bin_folder / "everymode"), "recipes", "show", "omni-gan-64"], clean, folder)
        sys.stdout.write(run([str(bin_folder / "python"), "-c", START], clean, folder))
    print(f"{wheel.relative_to(ROOT)} works")


def run(command: list[str], environment: dict[str, str], folder: str | None = None) -> str:
    """Run a command and return what it prints; if it fails, print that and exit."""
    done = subprocess.run(command, env=environment, cwd=folder, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
