#!/bin/bash
# docs/operators.md is what tools/operator_doc prints.  $1: build folder.
here=$(cd "$(dirname "$0")/../.." && pwd)
[ -x "$1/bin/operator_doc" ] || { echo "operator_doc is not built"; exit 1; }
"$1/bin/operator_doc" | diff "$here/docs/operators.md" - && exit 0
echo "docs/operators.md is out of date: run $1/bin/operator_doc > docs/operators.md"
exit 1
