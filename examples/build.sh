#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# Builds every BPF object under examples/ and testdata/ from the C source
# beside it (NAME.bpf.c -> NAME.bpf.o). The objects are checked in, so only
# who changes a source needs this.
#
#   build.sh           builds them in place
#   build.sh --check   builds elsewhere and compares byte for byte with what is
#                      checked in; names what differs and exits 1
#
# needs: clang-19 and llvm-19 (Debian: clang-19 llvm-19), libbpf-dev,
#        linux-libc-dev. CLANG and STRIP name others.
#
# A source may ask for options of its own by a line "// build: OPTION...".
# A line "// build: no-btf" strips the object of its type information too.

set -euo pipefail
cd "$(dirname "$0")/.."
clang=${CLANG:-clang-19}
strip=${STRIP:-llvm-strip-19}

for tool in "$clang" "$strip"; do
    command -v "$tool" >/dev/null || { echo "build: $tool is missing" >&2; exit 2; }
done

# asm/types.h lies in a folder named after the machine.
includes=()
for folder in /usr/include/"$(uname -m)"-linux-gnu*; do
    [ -d "$folder/asm" ] && includes+=(-idirafter "$folder")
done

case ${1:-} in
'') target=. ;;
--check)
    target=$(mktemp -d)
    trap 'rm -rf "$target"' EXIT
    ;;
*)
    sed -n 's/^# \{0,1\}//; 3,12p' "$0" >&2
    exit 2
    ;;
esac

# Relative names and a made-up directory: the same bytes wherever this stands.
build() { # SOURCE OBJECT
    local options strip_options=(-g)
    read -ra options <<<"$(sed -n 's|^// build: ||p' "$1")"
    if [ "${options[*]}" = no-btf ]; then
        options=()
        strip_options+=(-R .BTF -R .BTF.ext -R .rel.BTF -R .rel.BTF.ext)
    fi
    "$clang" -g -O2 -target bpf -mcpu=v3 -Wall -Werror -fdebug-compilation-dir=. \
        "${includes[@]}" "${options[@]}" -c "$1" -o "$2"
    "$strip" "${strip_options[@]}" "$2"
}

status=0
count=0
while read -r source; do
    object=${source%.c}.o
    mkdir -p "$target/$(dirname "$object")"
    build "$source" "$target/$object"
    count=$((count + 1))
    if [ "$target" != . ] && ! cmp -s "$object" "$target/$object"; then
        echo "build: $object is not what $source gives" >&2
        status=1
    fi
done < <(find examples testdata -name '*.bpf.c' | LC_ALL=C sort)

if [ "$target" = . ]; then
    echo "build: $count objects built"
elif [ $status = 0 ]; then
    echo "build: $count objects are what their sources give"
fi
exit $status
