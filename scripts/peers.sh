# The environments of those who are measured. To be sourced, not run.
#
# Every peer has an environment of its own. The original chanx on PyPI has our package's name, so it
# must never get into any other environment than its own two.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ -n "${PYTHON:-}" ]; then
  python=$(python_like "${PYTHON#3.}") || die "There is no Python $PYTHON that can make environments."
  BENCH_ENVIRONMENTS=.venvs/bench-$PYTHON
else
  python=$(newest_python) || die "Measuring needs a Python from 3.11 to 3.13 with venv."
  BENCH_ENVIRONMENTS=.venvs/bench
fi
export BENCH_ENVIRONMENTS

peers='bare fastapi channels dcrf socketio chanx-0.5.0 chanx-original ours'

# make_peer NAME: makes the environment of a peer, unless it is there.
make_peer() {
  local server='uvicorn[standard]>=0.35'
  local django='Django==5.2.*'
  local redis='redis>=5,<8' # with 8 channels_redis breaks after five idle seconds
  local logs=(structlog orjson)
  local wanted
  case $1 in
    bare) wanted=() ;;
    fastapi) wanted=(fastapi pydantic "${logs[@]}") ;;
    channels) wanted=("$django" channels channels_redis "$redis" djangorestframework) ;;
    dcrf) wanted=("$django" djangochannelsrestframework channels_redis "$redis") ;;
    socketio) wanted=(python-socketio "$redis") ;;
    chanx-0.5.0) wanted=("$django" 'chanx[camel-case]==0.5.0' "${logs[@]}") ;;
    chanx-original) wanted=("$django" 'chanx[channels]' channels_redis "$redis" "${logs[@]}") ;;
    ours) wanted=("$django" -e '.[redis]' "${logs[@]}") ;;
    *) die "There is no peer $1." ;;
  esac
  # Bash 3.2 takes an empty array for an unset one.
  make_env "$BENCH_ENVIRONMENTS/$1" "$python" "$server" ${wanted[@]+"${wanted[@]}"}
}
