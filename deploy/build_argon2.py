"""Build Argon2 for newer processors: `python -m deploy.build_argon2 [--for ARCHITECTURE] [FOLDER]`.

The wheel of argon2-cffi-bindings is compiled for every x86-64 processor. For AVX2, the same source
makes 1.5 to 1.9 times as many hashes a second. This builds it from the pinned source with pinned
tools, checks known answers, and installs it; with FOLDER, it writes the wheel there instead.
`make serve` runs it, and keeps the wheel if something is missing. `make native` says what.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

from auth.argon2_build import WITH_AVX2, build_tag, built_for, has_avx2

HERE = Path(__file__).parent.parent
PINNED = HERE / "requirements-native.txt"
PACKAGE = "argon2-cffi-bindings"
CHECK = "from auth.argon2_build import refuse_unusable; refuse_unusable()"


def why_not(architecture: str, *, to_run_here: bool) -> str | None:
    """Return what is missing to build for these processors, if anything."""
    if platform.machine() != "x86_64":
        return "it has nothing faster for this processor"
    if to_run_here and architecture == WITH_AVX2 and not has_avx2():
        return f"this processor is not {WITH_AVX2}, or its system does not say so"
    compiler = os.environ.get("CC", "cc")
    if not shutil.which(compiler):
        return f"there is no C compiler ({compiler}); on Debian: apt install gcc libc6-dev"
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return "Python's headers are missing; on Debian: apt install python3-dev"
    return None


def build(architecture: str, folder: Path) -> Path:
    """Build the wheel in this folder, with tools in a virtual environment that is then deleted."""
    with tempfile.TemporaryDirectory() as name:
        tools = Path(name)
        venv.create(tools, with_pip=True)
        pip = [str(tools / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        pinned: list[str | Path] = ["--require-hashes", "--no-deps", "--requirement"]
        lines = PINNED.read_text().replace("\\\n", " ").splitlines()
        source = [line for line in lines if line.startswith(f"{PACKAGE}==")]
        (tools / "source.txt").write_text("\n".join(source))
        (tools / "tools.txt").write_text("\n".join(line for line in lines if line not in source))
        subprocess.run([*pip, "install", *pinned, tools / "tools.txt"], check=True)
        # pip would find a wheel in its cache that was built for something else.
        build_it = ["wheel", "--no-cache-dir", "--no-binary", PACKAGE, "--no-build-isolation"]
        environment = os.environ | {
            "CFLAGS": f"-O3 -march={architecture}",
            "SKBUILD_WHEEL_BUILD_TAG": build_tag(architecture),
            "PATH": f"{tools / 'bin'}{os.pathsep}{os.environ['PATH']}",
        }
        command: list[str | Path] = [
            *pip,
            *build_it,
            "--wheel-dir",
            folder,
            *pinned,
            tools / "source.txt",
        ]
        subprocess.run(command, check=True, env=environment)
    (wheel,) = folder.glob("argon2_cffi_bindings-*.whl")
    return wheel


def install(wheel: Path) -> None:
    """Install the wheel into this Python, after a look at known answers in a folder of its own."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    alone = [*pip, "--no-deps", "--no-index"]
    with tempfile.TemporaryDirectory() as aside:
        subprocess.run([*alone, "--target", aside, wheel], check=True)
        checked = os.environ | {"PYTHONPATH": f"{aside}{os.pathsep}{HERE}"}
        subprocess.run([sys.executable, "-c", CHECK], check=True, env=checked)
    subprocess.run([*alone, "--force-reinstall", wheel], check=True)


def main() -> None:
    """Build and install, or write the wheel; exit with 1 and a reason if that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--for", dest="architecture", default=WITH_AVX2, help="as -march of gcc")
    parser.add_argument("folder", nargs="?", type=Path, help="where to write the wheel")
    asked = parser.parse_args()
    if reason := why_not(asked.architecture, to_run_here=not asked.folder):
        sys.exit(f"Argon2 cannot be built here: {reason}.")
    try:
        if asked.folder:
            build(asked.architecture, asked.folder)
            return
        with tempfile.TemporaryDirectory() as folder:
            install(build(asked.architecture, Path(folder)))
    except subprocess.CalledProcessError:
        sys.exit("Argon2 cannot be built here: see above. The wheel stays in use.")
    print(f"Argon2 is built for {built_for()}.")  # noqa: T201


if __name__ == "__main__":
    main()
