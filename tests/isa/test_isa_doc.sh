#!/bin/bash
# docs/isa.md is what tools/isa_doc prints.  $1: build folder.
here=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$1/bin/isa_doc" ] || { echo "isa_doc is not built"; exit 1; }
"$1/bin/isa_doc" | diff "$here/docs/isa.md" - && exit 0
echo "docs/isa.md is out of date: run $1/bin/isa_doc > docs/isa.md"
exit 1
