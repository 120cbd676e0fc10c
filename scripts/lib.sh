# Shared by the scripts beside it: sourced, not run. Leaves the caller at the top of the tree.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tree=$PWD
venv=$tree/.venv
python=$venv/bin/python
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { printf '%s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# Succeeds when system packages can be installed without asking anybody anything.
is_privileged() { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }

as_root() {
  if [ "$(id -u)" = 0 ]; then env "$@"; else sudo -n env "$@"; fi
}

# The database of an instance may be anywhere, its keys are always here.
instance_folder() { printf '%s\n' "${EDU_PILOT_DATA:-$tree/instance}"; }
