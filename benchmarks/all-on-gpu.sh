#!/usr/bin/env bash
# Tests and benchmarks on a machine with an NVIDIA GPU, in parts of under 9 minutes each and 25 minutes in all.
#
#   benchmarks/all-on-gpu.sh [--dry-run] RESULTS [PART...]
#
# A part that is done leaves RESULTS/PART.json, of tests PART.log. What is there is not done again, so the script can be stopped and
# called again. Parts come by importance; those that the rest of BUDGET_MINUTES (25) is too short for are left out and
# named. --dry-run, or DRY_RUN=1, prints each part with its command and has the benchmarks list their cases into
# RESULTS/dry-run, for which no GPU is needed.
#
# COSPADI is the command that starts the program (./cospadi), TESTS the one that runs the tests tagged gpu (Maven); both are
# split at blanks and run in the project's folder. KSVD_ROUNDS (10) is for the parts ksvd and ksvd-staged.
#
# Status: 0 all is done, 1 some parts failed, 2 usage, 75 none failed but some were left out.
set -euo pipefail

usage() {
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
}

dry="${DRY_RUN:-}"
if [ "${1:-}" = --dry-run ]; then
    dry=1
    shift
fi
case "${1:--}" in -*) usage ;; esac
results="$1"
shift
budget="${BUDGET_MINUTES:-25}"
case "$budget" in '' | *[!0-9]*)
    echo "BUDGET_MINUTES is a whole number of minutes; found '$budget'" >&2
    exit 2
    ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
read -r -a cospadi <<<"${COSPADI:-./cospadi}"
read -r -a tests <<<"${TESTS:-./mvnw -B -ntp test -Dtest.groups=gpu -Dtest.excludedGroups=}"
rounds="${KSVD_ROUNDS:-10}" # of the paper's 60, which the output scales to
limit=540
all=(doctor tests kernels decode decode-8-16 compress-1b compress-8b-layer ksvd-staged ksvd kernels-1b demo
    tests-early kernels-early decode-early decode-8-16-early)

# Sets command and seconds: what the part is expected to take on an H100, which decides whether it is begun; guesses, but for
# what the JSON files of h100 tell.
part() {
    local ksvd=(bench compress --backend cuda --shape llama-3.2-1b --layers 8 --include q_proj,gate_proj
        --rounds "$rounds" --tokens 65536)
    case "$1" in
        doctor) seconds=20 command=("${cospadi[@]}" doctor --backend cuda) ;;
        tests) seconds=240 command=("${tests[@]}") ;;
        kernels) seconds=300 command=("${cospadi[@]}" bench kernels --backend cuda --shape llama-3-8b --groups 8:16) ;;
        kernels-1b) seconds=150 command=("${cospadi[@]}" bench kernels --backend cuda --shape llama-3.2-1b --groups 8:16) ;;
        decode) seconds=150 command=("${cospadi[@]}" bench decode --backend cuda --shape llama-3-8b) ;;
        decode-8-16) seconds=150 command=("${cospadi[@]}" bench decode --backend cuda --shape llama-3-8b --groups 8:16) ;;
        compress-1b)
            seconds=120
            command=("${cospadi[@]}" bench compress --backend cuda --shape llama-3.2-1b --layers all --rounds 40 --profile)
            ;;
        compress-8b-layer)
            seconds=90
            command=("${cospadi[@]}" bench compress --backend cuda --shape llama-3-8b --layers 16 --rounds 40 --profile)
            ;;
        ksvd) seconds=$((40 + 13 * rounds)) command=("${cospadi[@]}" "${ksvd[@]}" --solver ksvd) ;;
        ksvd-staged) # the same problem by products alone
            seconds=$((40 + rounds))
            command=("${cospadi[@]}" "${ksvd[@]}" --solver ksvd-blocked --pursuit staged)
            ;;
        demo) seconds=120 command=("${cospadi[@]}" demo --backend cuda --out "$results/demo-run") ;;
        tests-early | kernels-early | decode-early | decode-8-16-early) # with launches that begin before the one before has ended
            part "${1%-early}"
            command=(env "JAVA_TOOL_OPTIONS=${JAVA_TOOL_OPTIONS:-} -Dcospadi.early-launches=true" "${command[@]}")
            return
            ;;
        *) return 1 ;;
    esac
    [ "$1" = tests ] || command+=(--json)
}

parts=("$@")
[ $# -gt 0 ] || parts=("${all[@]}")
for part in "${parts[@]}"; do
    if ! part "$part"; then
        echo "no part $part; there are ${all[*]}" >&2
        exit 2
    fi
done

failed=()
left_out=()

# What a benchmark would do; other parts have no dry run.
list() {
    echo "$1: at most $limit s, about $seconds s: ${command[*]}"
    case " ${command[*]} " in *" bench "*) ;; *) return 0 ;; esac
    timeout "$limit" "${command[@]}" --dry-run >"$results/dry-run/$1.json" || failed+=("$1")
}

# Runs a part for as long as its limit and the budget allow.
run() {
    local out="$results/$1.json" unfinished="$results/$1.partial" status=0 began=$SECONDS
    local allowed=$((60 * budget - SECONDS))
    case "$1" in tests*) out="$results/$1.log" unfinished="$results/$1.failed.log" ;; esac
    if [ -e "$out" ]; then
        echo "$1: done before"
        return
    fi
    if [ "$allowed" -lt "$seconds" ]; then
        left_out+=("$1")
        return
    fi
    [ "$allowed" -lt "$limit" ] || allowed=$limit
    echo "$1: ${command[*]}"
    case "$1" in
        tests*) timeout --kill-after=10 "$allowed" "${command[@]}" >"$unfinished" 2>&1 || status=$? ;;
        *) timeout --kill-after=10 "$allowed" "${command[@]}" >"$unfinished" 2>"$results/$1.log" || status=$? ;;
    esac
    if [ "$status" -eq 0 ] && [ -s "$unfinished" ]; then
        mv "$unfinished" "$out"
        echo "$1: done in $((SECONDS - began)) s"
    elif [ "$allowed" -lt "$limit" ] && [ $((SECONDS - began)) -ge "$allowed" ]; then
        left_out+=("$1")
        echo "$1: stopped after $allowed s, the rest of the $budget minutes" >&2
    else
        failed+=("$1")
        echo "$1: failed with status $status after $((SECONDS - began)) s; see $results/$1.*" >&2
    fi
}

if [ -n "$dry" ]; then
    mkdir -p "$results/dry-run"
    for part in "${parts[@]}"; do
        part "$part"
        list "$part"
    done
    echo "${#parts[@]} parts; one call runs as many as fit into $budget minutes"
else
    mkdir -p "$results"
    # a test that finds no GPU fails then, where it is skipped elsewhere
    export GPU_MACHINE=1
    if ! command -v nvidia-smi >/dev/null ||
        ! nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,memory.total --format=csv >"$results/gpu.csv"; then
        rm -f "$results/gpu.csv"
        echo "without nvidia-smi there is no gpu.csv, and the JSON has no clocks" >&2
    fi
    for part in "${parts[@]}"; do
        part "$part"
        run "$part"
    done
fi
[ ${#left_out[@]} -eq 0 ] || echo "left out for want of time: ${left_out[*]}; the same command goes on with them" >&2
[ ${#failed[@]} -eq 0 ] || {
    echo "failed: ${failed[*]}" >&2
    exit 1
}
[ ${#left_out[@]} -eq 0 ] || exit 75
