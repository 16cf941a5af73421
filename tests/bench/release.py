"""The build that is measured: BUILD_DIR, else build/release, made if need be. Import it before the harness."""
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OURS = os.path.join(ROOT, "build", "release")
os.environ.setdefault("BUILD_DIR", OURS)


def build():
    """Sanitizers and debug builds measure nothing."""
    directory = os.environ["BUILD_DIR"]
    if directory == OURS:
        for step in (["cmake", "--preset", "release"], ["cmake", "--build", "--preset", "release"]):
            done = subprocess.run(step, cwd=ROOT, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                sys.exit(f"{' '.join(step)} failed:\n" + "\n".join(done.stdout.splitlines()[-20:]))
    with open(os.path.join(directory, "CMakeCache.txt"), encoding="utf-8") as f:
        cache = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
    kind = cache.get("CMAKE_BUILD_TYPE:STRING") or "RelWithDebInfo"  # CMakeLists.txt's default
    if cache.get("SMPP_SANITIZE:STRING") or kind not in ("Release", "RelWithDebInfo"):
        sys.exit(f"{directory} is no release build ({kind}): set BUILD_DIR to one, or leave it unset")
