#!/usr/bin/env bash
# Tests and benchmarks on a machine with an NVIDIA GPU, in parts of under 9 minutes each: one JSON file or log a part.
#
#   benchmarks/all-on-gpu.sh RESULTS [PART...]
#
# Parts that RESULTS has already are left out, so the script can be stopped and called again. COSPADI is the command that
# starts the program (default: ./cospadi), TESTS the command that runs the tests tagged gpu (default: Maven). KSVD_ROUNDS=60
# runs all of the paper's rounds. benchmarks/roofline.py draws kernels.json.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 1 ] || { sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 2; }
results="$1"
shift
mkdir -p "$results"
read -r -a cospadi <<<"${COSPADI:-./cospadi}"
read -r -a tests <<<"${TESTS:-./mvnw -B -ntp test -Dtest.groups=gpu -Dtest.excludedGroups=}"

command_of() {
    case "$1" in
        tests) echo "${tests[@]}" ;;
        doctor) echo "${cospadi[@]}" doctor --backend cuda --json ;;
        kernels) echo "${cospadi[@]}" bench kernels --backend cuda --shape llama-3-8b --groups 8:16 --json ;;
        kernels-1b) echo "${cospadi[@]}" bench kernels --backend cuda --shape llama-3.2-1b --groups 8:16 --json ;;
        decode) echo "${cospadi[@]}" bench decode --backend cuda --shape llama-3-8b --json ;;
        decode-8-16) echo "${cospadi[@]}" bench decode --backend cuda --shape llama-3-8b --groups 8:16 --json ;;
        compress-1b) echo "${cospadi[@]}" bench compress --backend cuda --shape llama-3.2-1b --layers all --rounds 40 --profile --json ;;
        compress-8b-layer) echo "${cospadi[@]}" bench compress --backend cuda --shape llama-3-8b --layers 16 --rounds 40 --profile --json ;;
        ksvd) # 10 of the paper's 60 rounds, which the output scales to
            echo "${cospadi[@]}" bench compress --backend cuda --shape llama-3.2-1b --layers 8 --include q_proj,gate_proj \
                --solver ksvd --rounds "${KSVD_ROUNDS:-10}" --tokens 65536 --json ;;
        ksvd-staged) # the same problem by products alone
            echo "${cospadi[@]}" bench compress --backend cuda --shape llama-3.2-1b --layers 8 --include q_proj,gate_proj \
                --solver ksvd-blocked --pursuit staged --rounds "${KSVD_ROUNDS:-10}" --tokens 65536 --json ;;
        demo) echo "${cospadi[@]}" demo --backend cuda --out "$results/demo-run" --json ;;
        tests-early | kernels-early | decode-early | decode-8-16-early) # with launches that begin before the one before has ended
            echo env JAVA_TOOL_OPTIONS=-Dcospadi.early-launches=true "$(command_of "${1%-early}")" ;;
        *) return 1 ;;
    esac
}

parts=("$@")
[ $# -gt 0 ] || parts=(tests doctor kernels kernels-1b decode decode-8-16 compress-1b compress-8b-layer ksvd ksvd-staged demo
    tests-early kernels-early decode-early decode-8-16-early)
nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,memory.total --format=csv >"$results/gpu.csv"
for part in "${parts[@]}"; do
    if ! command="$(command_of "$part")"; then
        echo "no part $part" >&2
        exit 2
    fi
    if [ -e "$results/$part.json" ]; then
        echo "$part: done before"
        continue
    fi
    echo "$part: $command"
    began=$SECONDS
    if timeout 540 $command >"$results/$part.partial" 2>"$results/$part.log"; then
        mv "$results/$part.partial" "$results/$part.json"
        echo "$part: done in $((SECONDS - began)) s"
    else
        echo "$part: failed with status $? after $((SECONDS - began)) s; see $results/$part.log" >&2
    fi
done
