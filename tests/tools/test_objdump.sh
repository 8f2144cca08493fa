#!/bin/bash
# edgetpu_objdump on a package of our own (tests/darwinn/sample.h) and, where it is at hand, on the corpus.
# usage: test_objdump.sh BUILD_DIR
set -u
bin=$1/bin
corpus=$(dirname "$0")/../../../shared/corpus/models
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# expect STATUS ARGUMENT...: runs the tool; stdout in $dir/out, stderr in $dir/err
expect() {
    local want=$1 got
    shift
    "$bin/edgetpu_objdump" "$@" >"$dir/out" 2>"$dir/err"
    got=$?
    if [ $got -ne "$want" ]; then
        echo "edgetpu_objdump $*: exit status $got instead of $want"
        head -5 "$dir/err"
        failures=$((failures + 1))
    fi
}

# says FILE TEXT: the text stands in out or err
says() {
    if ! grep -qF -- "$2" "$dir/$1"; then
        echo "no '$2' in std$1:"
        head -20 "$dir/$1"
        failures=$((failures + 1))
    fi
}

"$bin/test_darwinn" --write "$dir/package" || exit 1

expect 0 --help
says out "Usage: edgetpu_objdump"
expect 0 --version
says out "edgetpu_objdump (open-edgetpu)"
expect 2
says err "no file given"
expect 2 --no-such-option "$dir/package"
says err "--help"

expect 0 "$dir/package"
says out "Executable 0: EXECUTION_ONLY"
says out 'input  0             "image" 5x7x3 INT8'
expect 0 --hints "$dir/package"
says out 'outfeed  DESCRIPTOR  OUTPUT    "map" [0, 144)'
says out "FENCE"
expect 0 --layout "$dir/package"
says out "y tile       0*2 4 8 12"
expect 0 --params "$dir/package"
says out "104 bytes, FNV-1a"
expect 0 --params --hex "$dir/package"
says out "00000000  00030609 0c0f1215 181b1e21 24272a2d"
expect 0 --cycles "$dir/package"
says out "estimate on USB 3: "
expect 0 -d "$dir/package"
says out '<- upper half of INPUT "image"'
expect 0 -d --hex "$dir/package"
says out "800f0030 00000000 00000000 00000000"
expect 0 --roundtrip "$dir/package"
says out "42 instructions in 42 words, "

expect 0 --json --params --roundtrip "$dir/package" "$dir/package"
says out '"token":"0x0123456789abcdef"'
if command -v python3 >/dev/null; then
    python3 - "$dir/out" <<'END' || failures=$((failures + 1))
import json, sys
files = json.load(open(sys.argv[1]))
assert len(files) == 2
package = files[0]["packages"][0]
assert package["roundtrip"]["differences"] == []
main = package["executables"][0]
assert main["chunks"][0]["instructions"][0]["fields"]["length"] == 12
assert main["outputs"][0]["layout"]["y_tile"] == [0, 0, 4, 8, 12]
assert len(package["executables"][1]["parameters"]) == 2 * 104
END
fi

# A bit in padding, a bit of an instruction that is always zero, and what is no model at all.
cp "$dir/package" "$dir/padding"
printf '\1' | dd of="$dir/padding" bs=1 seek=$(($(stat -c %s "$dir/padding") - 1)) conv=notrunc status=none
expect 1 --roundtrip "$dir/padding"
says out "package: rebuilt with"
start=$(LC_ALL=C grep -obUaP '\x80\x0f\x00\x30' "$dir/package" | head -1 | cut -d: -f1)
cp "$dir/package" "$dir/reserved"
printf '\200' | dd of="$dir/reserved" bs=1 seek=$((start + 15)) conv=notrunc status=none
expect 1 --roundtrip "$dir/reserved"
says out "always zero"
expect 1 -d "$dir/reserved"
says err "always zero"
head -c 20000 "$dir/package" >"$dir/short"
expect 1 "$dir/short"
says err "$dir/short: "
echo "no model" >"$dir/text"
expect 1 "$dir/text"
expect 1 "$dir/absent"
says err "No such file"
expect 1 "$dir/absent" "$dir/package"
says out "Executable 0: EXECUTION_ONLY"
if [ -w /dev/full ] && "$bin/edgetpu_objdump" "$dir/package" >/dev/full 2>"$dir/err"; then
    echo "a full disk went unnoticed"
    failures=$((failures + 1))
fi

if [ -d "$corpus" ]; then
    mapfile -t files < <(find "$corpus" -name '*[_-]edgetpu.tflite' | sort)
    expect 0 --roundtrip "${files[@]}"
    echo "corpus: $(grep -c ': identical' "$dir/out") packages of ${#files[@]} files identical"
else
    echo "no corpus at $corpus: its models are not tried"
fi
exit $((failures > 0))
