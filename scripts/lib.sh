# What the scripts beside this file share. To be sourced, not run. Bash 3.2 will do.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '\n== %s\n' "$*"; }
warn() { printf '\n!! %s\n' "$*" >&2; }
die() { warn "$*"; exit 1; }

# python_like MINOR: prints the path of a Python 3.MINOR that can make environments, or fails.
# Being on PATH is not enough: a version manager's stand-in may refuse to run, and a system Python
# may come without venv.
python_like() {
  local minor=$1 candidate
  local probe="import sys, ensurepip, venv
sys.version_info[:2] == (3, $minor) or sys.exit(1)
print(sys.executable)"
  while read -r candidate; do
    if "$candidate" -c "$probe" 2>/dev/null; then return; fi
  done < <(
    exec 2>/dev/null
    type -ap "python3.$minor" python3 python
    ls -d "$(pyenv root)"/versions/"3.$minor".*/bin/"python3.$minor"
  )
  return 1
}

# first_python MINOR...: the first of them that is there.
first_python() {
  local minor
  for minor in "$@"; do
    if python_like "$minor"; then return; fi
  done
  return 1
}

oldest_python() { first_python 11 12 13; }
newest_python() { first_python 13 12 11; }

# make_env FOLDER PYTHON PIP_ARGUMENT... [--then PIP_ARGUMENT...]: a fresh environment with what the
# arguments ask for, in one call of pip or in several, unless the folder has been made from just the
# same. Its recipe is written last, so a half-made one is made again.
make_env() {
  local folder=$1 python=$2 recipe argument step=()
  shift 2
  # Of pyproject.toml only what pip reads: a new lint rule is no reason to install anything.
  recipe=$("$python" - "$PWD" "$@" <<'PYTHON'
import pathlib, sys, tomllib

wanted = tomllib.loads(pathlib.Path("pyproject.toml").read_text("utf-8"))
tables = {key: wanted[key] for key in ("build-system", "project", "dependency-groups")}
constraints = pathlib.Path("requirements/oldest.txt").read_text("utf-8")
print([sys.version, sys.executable, sys.argv[1:], tables, wanted["tool"]["hatch"], constraints])
PYTHON
  )
  if [ "$(cat "$folder/recipe" 2>/dev/null)" = "$recipe" ]; then return; fi

  say "Setting up $folder with $("$python" --version)"
  rm -rf "$folder"
  "$python" -m venv "$folder"
  # Dependency groups came with pip 25.1; an older Python brings an older pip.
  "$folder/bin/python" -m pip install -qq --upgrade 'pip>=25.1'
  for argument in "$@" --then; do
    if [ "$argument" != --then ]; then
      step+=("$argument")
    else
      "$folder/bin/python" -m pip install -qq "${step[@]}"
      step=()
    fi
  done
  printf '%s\n' "$recipe" >"$folder/recipe"
}
