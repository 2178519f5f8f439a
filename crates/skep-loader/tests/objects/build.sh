#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Builds the objects of the loader's tests; they are checked in.
# needs: clang-19, llvm-19, libbpf-dev, linux-libc-dev

set -euo pipefail
cd "$(dirname "$0")"

build() { # SOURCE OBJECT OPTION...
    local source=$1 object=$2
    shift 2
    clang-19 -g -O2 -target bpf -mcpu=v3 -fdebug-compilation-dir=. \
        -idirafter "/usr/include/$(uname -m)-linux-gnu" "$@" -c "$source" -o "$object"
    llvm-strip-19 -g "$object"
}

build functions.bpf.c functions.bpf.o
for case in $(seq 15); do
    build map-errors.bpf.c "map-error-$case.bpf.o" "-DCASE=$case"
done
