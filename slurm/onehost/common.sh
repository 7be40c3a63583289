# shellcheck shell=bash
# Paths, settings and helpers shared by install, up, down, status and env. Sourced, never run.
# shellcheck disable=SC2034  # the scripts that source this file use these names

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
STATE=${AEVAE_ONEHOST_DIR:-/var/tmp/aevae-onehost}
ETC=$STATE/etc
RUN=$STATE/run
LOG=$STATE/log
DB=$STATE/db
LOCK=$STATE/onehost.lock
DB_SOCKET=$DB/socket
MUNGE_SOCKET=$RUN/munge/socket
NODES=(gpu01 gpu02)
export SLURM_CONF=$ETC/slurm.conf
PATH=$PATH:/usr/sbin:/sbin # where daemons live, and what a plain user's PATH often lacks

say() { echo "onehost: $*" >&2; }
die() {
  say "$*"
  exit 1
}

require_root() { ((EUID == 0)) || die "must run as root (the daemons start jobs for any user)"; }

# slurm.conf, munged, SQL and sbatch scripts read this path, and each quotes spaces in its own way
# or not at all. The path of a Unix socket may have at most 107 bytes.
check_state_path() {
  [[ $STATE =~ ^/[A-Za-z0-9._/-]+$ ]] || die "AEVAE_ONEHOST_DIR must be an absolute path of" \
    "letters, digits and the characters . _ - /, got '$STATE'"
  ((${#STATE} <= 80)) || die "AEVAE_ONEHOST_DIR must have at most 80 characters, got ${#STATE}"
}

# The lock also marks a directory as ours.
cluster_exists() { [[ -e $LOCK && -e $SLURM_CONF ]]; }

# Only one `up` or `down` runs at a time. Daemons do not inherit the lock: `launch` closes it.
lock() {
  exec {LOCK_FD}>"$LOCK"
  flock -w 120 "$LOCK_FD" || die "another up or down has held $LOCK for 120 s"
}

accounting() { grep -q '^AccountingStorageType=' "$SLURM_CONF"; }

# The services of the configuration in force, in starting order.
services() {
  echo munged
  if accounting; then printf '%s\n' mariadbd slurmdbd; fi
  echo slurmctld
  printf 'slurmd-%s\n' "${NODES[@]}"
}

# Every process of this cluster carries its SLURM_CONF: neither another cluster's process nor
# one that reused an old pid can be mistaken for ours.
is_ours() { grep -zqsFx "SLURM_CONF=$SLURM_CONF" "/proc/$1/environ"; }

# pid_of SERVICE: print its process id; fails if it does not run.
pid_of() {
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) && [[ $pid ]] && is_ours "$pid" && echo "$pid"
}

is_up() { pid_of "$1" >/dev/null; }

# launch SERVICE COMMAND...: start it in the background, in a clean environment and its own
# session, with no open file of ours: a caller that reads our output through a pipe must see its
# end. A service that puts itself into the background is ready for `wait $!`, with its exit
# code.
launch() {
  local service=$1 fd
  shift
  (
    for fd in "/proc/$BASHPID/fd"/*; do
      fd=${fd##*/}
      if ((fd > 2)); then exec {fd}>&-; fi
    done
    cd /
    echo "$BASHPID" >"$RUN/$service.pid" # a service that forks writes its own over it
    exec setsid env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 SLURM_CONF="$SLURM_CONF" "$@"
  ) </dev/null >>"$LOG/$service.log" 2>&1 &
}

# quietly COMMAND...: one short, silent probe.
quietly() { timeout 10 "$@" </dev/null >/dev/null 2>&1; }

# wait_until SECONDS WHAT SERVICE COMMAND...: until COMMAND succeeds, or stop with a reason and
# the end of SERVICE's log: because of the deadline, or because SERVICE is dead (it gets 2 s to
# appear).
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

# stop SERVICE: SIGTERM, up to 20 s to finish, then SIGKILL.
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

# node_state NODE: as sinfo says it, in lower case; a star after it means that the node does not
# answer.
node_state() { timeout 10 sinfo -h -N -p gpu -n "$1" -o %T 2>/dev/null; }

node_ready() { [[ $(node_state "$1") =~ ^(idle|mixed|allocated|completing)$ ]]; }

ctld_answers() { timeout 10 scontrol ping 2>/dev/null | grep -q 'is UP'; }
