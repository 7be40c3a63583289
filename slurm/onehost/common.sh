# shellcheck shell=bash
# Paths, settings and helpers of install, up, down, status and env, which source this file.
# shellcheck disable=SC2034  # the scripts that source this file use these names

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${AEVAE_ONEHOST_DIR:-/var/tmp/aevae-onehost}
# The daemons listen on the ports ${PORTS}01, ${PORTS}02, ${PORTS}06, ${PORTS}17 and ${PORTS}19.
PORTS=${AEVAE_ONEHOST_PORTS:-168}
ETC=$STATE/etc
RUN=$STATE/run
LOG=$STATE/log
DB=$STATE/db
LOCK=$STATE/onehost.lock
DB_SOCKET=$DB/socket
MUNGE_SOCKET=$RUN/munge/socket
NODES=(gpu01 gpu02)
export SLURM_CONF=$ETC/slurm.conf
# The daemons are in these folders, which a plain user's PATH often lacks.
PATH=$PATH:/usr/sbin:/sbin

say() { echo "onehost: $*" >&2; }
die() {
  say "$*"
  exit 1
}

require_root() { ((EUID == 0)) || die "must run as root (the daemons start jobs for any user)"; }

# slurm.conf, munged, SQL and sbatch scripts contain this path. Each of them quotes spaces
# differently or not at all, and the path of a Unix socket may not exceed 107 bytes.
check_state_path() {
  [[ $STATE =~ ^/[A-Za-z0-9._/-]+$ ]] || die "AEVAE_ONEHOST_DIR must be an absolute path of" \
    "letters, digits and the characters . _ - /, got '$STATE'"
  ((${#STATE} <= 80)) || die "AEVAE_ONEHOST_DIR must have at most 80 characters, got ${#STATE}"
}

# The lock file also marks a directory as one that `up` created.
cluster_exists() { [[ -e $LOCK && -e $SLURM_CONF ]]; }

# Only one `up` or `down` may run at a time. `launch` closes the lock file for the daemons, because
# a daemon that inherited it would hold the lock for as long as it runs.
lock() {
  exec {LOCK_FD}>"$LOCK"
  flock -w 120 "$LOCK_FD" || die "another up or down has held $LOCK for 120 s"
}

accounting() { grep -q '^AccountingStorageType=' "$SLURM_CONF"; }

# The services of the current configuration, in the order in which they are started.
services() {
  echo munged
  if accounting; then printf '%s\n' mariadbd slurmdbd; fi
  echo slurmctld
  printf 'slurmd-%s\n' "${NODES[@]}"
}

# Every process of this cluster has this SLURM_CONF in its environment. Therefore neither a process
# of another cluster nor one that reused an old pid can be mistaken for a process of this cluster.
is_ours() { grep -zqsFx "SLURM_CONF=$SLURM_CONF" "/proc/$1/environ"; }

# pid_of SERVICE: print the service's process id; fail if the service does not run.
pid_of() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) && [[ $pid ]] && is_ours "$pid" && echo "$pid"
}

is_up() { pid_of "$1" >/dev/null; }

# launch SERVICE COMMAND...: start the service in the background, in a clean environment and a
# session of its own. The service inherits no open file: if it held the pipe through which a caller
# reads the output of `up`, the caller would never see the end of this output. If a service puts
# itself into the background, `wait $!` returns when it has done so, with the exit code of its
# start.
launch() {
  local service=$1 fd
  shift
  (
    for fd in "/proc/$BASHPID/fd"/*; do
      fd=${fd##*/}
      if ((fd > 2)); then exec {fd}>&-; fi
    done
    cd /
    echo "$BASHPID" >"$RUN/$service.pid" # a service that forks replaces it by its own pid
    exec setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SLURM_CONF="$SLURM_CONF" "$@"
  ) </dev/null >>"$LOG/$service.log" 2>&1 &
}

# quietly COMMAND...: run a command for at most 10 s, without output; only its exit code matters.
quietly() { timeout 10 "$@" </dev/null >/dev/null 2>&1; }

# wait_until SECONDS WHAT SERVICE COMMAND...: wait until COMMAND succeeds. If it does not within
# SECONDS, or if SERVICE does not run (this is checked after the first 2 s), exit with the reason
# and the end of SERVICE's log.
wait_until() {
  local start=$SECONDS limit=$1 what=$2 service=$3 reason
  shift 3
  until "$@"; do
    reason=
    ((SECONDS - start < 2)) || is_up "$service" || reason="$service died"
    ((SECONDS - start < limit)) || reason="not within $limit s"
    if [[ $reason ]]; then
      say "$reason, waiting until $what; the end of $LOG/$service.log:"
      tail -n 15 "$LOG/$service.log" >&2 || true
      exit 1
    fi
    sleep 0.1
  done
}

gone() { [[ ! -e /proc/$1/environ ]] || ! is_ours "$1"; }

# stop SERVICE: send SIGTERM, wait up to 20 s for the service to end, then send SIGKILL.
stop() {
  local pid deadline=$((SECONDS + 20))
  pid=$(pid_of "$1") || return 0
  kill -TERM "$pid" 2>/dev/null || true
  until gone "$pid"; do
    if ((SECONDS >= deadline)); then
      say "$1 ignored SIGTERM for 20 s: killing it"
      kill -KILL "$pid" 2>/dev/null || true
      deadline=$((SECONDS + 5))
    fi
    sleep 0.1
  done
  rm -f "$RUN/$1.pid"
}

# node_state NODE: print the state of the node as sinfo does, in lower case; a star after the state
# means that the node does not answer.
node_state() { timeout 10 sinfo -h -N -p gpu -n "$1" -o %T 2>/dev/null; }

node_ready() { [[ $(node_state "$1") =~ ^(idle|mixed|allocated|completing)$ ]]; }

ctld_answers() { timeout 10 scontrol ping 2>/dev/null | grep -q 'is UP'; }

# The package lists may be absent or older than the mirror. Then the first try fails, so they are
# refreshed before the second one.
apt_install() { try_apt_install "$@" || { apt-get update -qq && try_apt_install "$@"; }; }

try_apt_install() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
