#!/bin/bash
# edgetpu_compiler as users and other programs see it: ../shared/spec/compiler-behaviour.md.
# usage: test_compiler.sh BUILD_DIR
set -u
bin=$(cd "$1/bin" && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
failures=0

fail() {
    echo "$*"
    failures=$((failures + 1))
}

# expect STATUS ARGUMENT...: runs the compiler; stdout in out, stderr in err
expect() {
    local want=$1 got
    shift
    "$bin/edgetpu_compiler" "$@" >out 2>err
    got=$?
    if [ $got -ne "$want" ]; then
        fail "edgetpu_compiler $*: exit status $got instead of $want"
        head -5 err out
    fi
}

# says FILE TEXT: a whole line of it is this text
says() {
    grep -qxF -- "$2" "$1" || { fail "no line '$2' in $1:"; head -30 "$1"; }
}

# is FILE: its contents are what comes on stdin
is() {
    diff - "$1" >difference || { fail "$1 is not as it should be:"; cat difference; }
}

mkdir models
"$bin/make_model" fc --in 256 --units 256 --out models/dense.tflite || exit 1
"$bin/make_model" fcchain --in 100 --units 70 --layers 3 --type uint8 --out models/chain.v2.tflite || exit 1
head -c 1000 models/dense.tflite >models/cut.tflite
echo "not a model" >models/text.tflite
: >models/empty.tflite

# ---- version, help, bad options
expect 0 --version
is out <<<"Edge TPU Compiler version 16.0.384591198"
expect 0 -v
is out <<<"Edge TPU Compiler version 16.0.384591198"
expect 0 --help
head -4 out >head
is head <<'END'
Edge TPU Compiler version 16.0.384591198

Usage:
edgetpu_compiler [options] model...
END
expect 1
expect 1 --no-such-option models/dense.tflite
expect 1 -m 9 models/dense.tflite
expect 1 -m 15 models/dense.tflite
expect 1 -m 1x models/dense.tflite
expect 1 -t 0 models/dense.tflite
expect 1 -k 0 -d models/dense.tflite
expect 1 -n 2 models/dense.tflite
grep -q "segments" err || fail "-n 2 is not explained"
expect 1 -i x models/dense.tflite
grep -q "no tensor is called" out || fail "-i does not name the missing tensor"
expect 1 -i a:b models/dense.tflite
says out "The number of lists given to intermediate_tensors doesn't match the number of input models."
[ -e dense_edgetpu.tflite ] && fail "a refused command left a file"

# ---- one model, everything mapped
expect 0 models/dense.tflite
sed -E 's/in [0-9]+ ms/in T ms/; s/(Input|Output) size: .*/\1 size: S/' out >skeleton
is skeleton <<'END'
Edge TPU Compiler version 16.0.384591198
Started a compilation timeout timer of 180 seconds.

Model compiled successfully in T ms.

Input model: models/dense.tflite
Input size: S
Output model: dense_edgetpu.tflite
Output size: S
On-chip memory used for caching model parameters: 65.00KiB
On-chip memory remaining for caching model parameters: 7.67MiB
Off-chip memory used for streaming uncached model parameters: 0.00B
Number of Edge TPU subgraphs: 1
Total number of operations: 1
Operation log: dense_edgetpu.log
See the operation log file for individual operation details.
Compilation child process completed within timeout period.
Compilation succeeded! 
END
is dense_edgetpu.log <<'END'
Edge TPU Compiler version 16.0.384591198
Input: models/dense.tflite
Output: dense_edgetpu.tflite

Operator                       Count      Status

FULLY_CONNECTED                1          Mapped to Edge TPU
END
[ -s err ] && fail "a good run wrote to stderr"

# ---- options in every spelling; the same bytes every time
expect 0 models/dense.tflite -s -aaa --out_dir=./made/ -t 60 --delegate_search_step 3 -n 1
says out "Output model: ./made/dense_edgetpu.tflite"
says out "Started a compilation timeout timer of 60 seconds."
says out "FULLY_CONNECTED                1          Mapped to Edge TPU"
grep -q "See the operation log" out && fail "-s and the hint to the log file exclude each other"
cmp -s dense_edgetpu.tflite made/dense_edgetpu.tflite || fail "two runs made different bytes"
expect 0 -sa models/dense.tflite --out_dir made --verify --report made/report.json
says out "Verification of made/dense_edgetpu.tflite, 3 runs: 0 of 768 output bytes differ from Edge TPU arithmetic (largest difference 0), 0 from TensorFlow Lite's (largest difference 0)"
grep -q '"operator": "FULLY_CONNECTED", "output": ".*", "runs_on": "edgetpu"' made/report.json || fail "report.json says nothing of the operator"
expect 0 -d -k 4 -o made models/chain.v2.tflite
says out "Searching for valid delegate with step 4"
says out "Try to compile segment with 3 ops"
says out "Operation log: made/chain.v2_edgetpu.log"

# ---- several models
expect 0 -o again models/dense.tflite models/dense.tflite
[ "$(grep -cF "Input model: models/dense.tflite" out)" = 2 ] || fail "a model named twice is not compiled twice"
expect 0 -o together models/dense.tflite models/chain.v2.tflite
grep -q "^Models compiled successfully in" out || fail "plural is missing"
says out "Input model: models/dense.tflite"
says out "Input model: models/chain.v2.tflite"
[ "$(grep -c "On-chip memory remaining" out)" = 2 ] || fail "one block per model"
[ "$(grep "On-chip memory remaining" out | sort -u | wc -l)" = 1 ] || fail "what remains is one figure"
mkdir other && cp models/chain.v2.tflite other/dense.tflite
expect 1 models/dense.tflite other/dense.tflite
grep -q "both be written" err || fail "two models of one name are not refused"

# ---- nothing mapped: still a success
expect 0 -m 11 -o old models/dense.tflite
says out "Number of Edge TPU subgraphs: 0"
says out "On-chip memory remaining for caching model parameters: 0.00B"
says out "Number of operations that will run on Edge TPU: 0"
says out "Number of operations that will run on CPU: 1"
says old/dense_edgetpu.log "FULLY_CONNECTED                1          Operation is working on an unsupported data type"

# ---- bad input: status 1, a reason, no files
expect 1 -o bad models/no-such-file.tflite
says out "Error opening file for reading: models/no-such-file.tflite"
for f in cut text empty; do
    expect 1 -o bad models/$f.tflite
    says out "Invalid model: models/$f.tflite"
    says out "Model could not be parsed"
    grep -q "^ERROR: ." err || fail "$f.tflite: no reason on stderr"
done
expect 1 -o bad models/dense.tflite models/cut.tflite
[ -e bad ] && fail "a failed run left files: $(ls bad)"
expect 1 -o models/dense.tflite models/chain.v2.tflite
rm -f out.ro && mkdir out.ro/ && chmod 500 out.ro
if [ "$(id -u)" -ne 0 ]; then
    expect 1 -o out.ro models/dense.tflite
    says out "Error opening file for writing: out.ro/dense_edgetpu.tflite"
fi

[ $failures -eq 0 ] && echo "edgetpu_compiler: all as specified"
exit $((failures > 0))
