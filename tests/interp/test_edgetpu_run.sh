#!/bin/bash
# edgetpu_run: inputs in every form, outputs, exit codes.  $1: build folder.
set -eu
bin=$1/bin
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

# Runs a command that must end with status $1 and, on stderr, say $2.
expect() {
    local code=0 want=$1 text=$2
    shift 2
    "$@" >"$dir/out" 2>"$dir/err" || code=$?
    [ "$code" = "$want" ] || fail "$* ended with $code, not $want: $(cat "$dir/err")"
    grep -q -- "$text" "$dir/err" "$dir/out" || fail "$* does not say '$text': $(cat "$dir/err")"
}

"$bin/make_model" fc --in 31 --units 7 --out "$dir/fc.tflite"
"$bin/make_model" conv --in 12 --units 4 --layers 2 --type uint8 --out "$dir/conv.tflite"
run=$bin/edgetpu_run

expect 0 'Usage' "$run" --help
expect 0 'edgetpu_run' "$run" --version
expect 2 'exactly one model' "$run"
expect 2 'sim or cpu' "$run" --device tpu "$dir/fc.tflite"
expect 2 'tflite or edgetpu' "$run" --numerics float "$dir/fc.tflite"
expect 2 'positive number' "$run" --repeat 0 "$dir/fc.tflite"
expect 1 'missing.tflite' "$run" "$dir/missing.tflite"
expect 1 'run' "$run" "$0"
expect 1 'seed must be a number' "$run" --input random:x "$dir/fc.tflite"

# The same seed gives the same output, in both numerics and however often.
for numerics in tflite edgetpu; do
    for model in fc conv; do
        "$run" --device cpu --numerics $numerics --input random:5 --output "$dir/a" "$dir/$model.tflite" >/dev/null
        "$run" --device cpu --numerics $numerics --input random:5 --repeat 3 --output "$dir/b" "$dir/$model.tflite" \
            >"$dir/text"
        grep -q 'of 3 runs' "$dir/text" || fail 'no times'
        diff -r "$dir/a" "$dir/b" || fail "$model $numerics is not repeatable"
        rm -r "$dir/a" "$dir/b"
    done
done

# A raw file and an .npy with the same bytes, by place and by name.
head -c 31 /dev/zero >"$dir/raw"
"$run" --device cpu --input "$dir/raw" --output "$dir/a" "$dir/fc.tflite" >/dev/null
expect 1 'only 1 inputs' "$run" --input "$dir/raw" --input "$dir/raw" "$dir/fc.tflite"
header="{'descr': '|i1', 'fortran_order': False, 'shape': (1, 31), }"
{ printf '\x93NUMPY\1\0\x76\0'; printf '%-117s\n' "$header"; cat "$dir/raw"; } >"$dir/x.npy"
"$run" --device cpu --input "$dir/x.npy" --output "$dir/b" "$dir/fc.tflite" >/dev/null
diff -r "$dir/a" "$dir/b" || fail 'raw and npy differ'
expect 1 'bytes' "$run" --input "$dir/fc.tflite" "$dir/fc.tflite"
{ printf '\x93NUMPY\1\0\x76\0'; printf '%-117s\n' "${header/|i1/|u1}"; cat "$dir/raw"; } >"$dir/x.npy"
expect 1 'elements are' "$run" --input "$dir/x.npy" "$dir/fc.tflite"
expect 1 'Not a directory\|exists\|directory' "$run" --output "$dir/raw" "$dir/fc.tflite"
"$run" --device cpu --profile "$dir/fc.tflite" | grep -q 'nothing in this model runs on the Edge TPU' || fail '--profile'
echo 'edgetpu_run: all checks passed'
