#!/usr/bin/env bash
# cync-core links without the standard library and without an allocator, and nothing that a peer's bytes reach can panic.
#
# A static library is linked into two programs that have one root each; the linker throws away what a root does not reach, and
# what is left is looked at. Nothing but the five memory functions of link.c is there to link with, so that a program that needs
# anything else does not link at all. Both are built for speed, as the project itself is, and for size, as firmware is.
set -euo pipefail
target=$(realpath -m "${CARGO_TARGET_DIR:-$(dirname "$0")/../../target}/no_std")
cd "$(dirname "$0")"

for tool in cc nm size objdump addr2line; do
    if ! command -v "$tool" >/dev/null 2>&1; then
        printf 'SKIP: there is no %s: that core needs no allocator and cannot panic was NOT checked\n' "$tool"
        exit 0
    fi
done
if ! rustc -vV | grep '^host: .*-linux-' >/dev/null; then
    printf 'SKIP: this is not Linux: that core needs no allocator and cannot panic was NOT checked\n'
    exit 0
fi

repository=$(cd ../.. && pwd)
library=libcync_no_std.a
mkdir -p "$target"
cc -c -O1 -ffreestanding -fno-builtin -ffunction-sections -fno-tree-loop-distribute-patterns link.c -o "$target/link.o"

# build FOLDER PROFILE: the static library of the workspace in FOLDER.
build() {
    CARGO_TARGET_DIR=$target cargo build --quiet --locked --profile "$2" --manifest-path "$1/Cargo.toml"
}

# link PROFILE ROOT PROGRAM: a program of what ROOT reaches.
link() {
    cc -nostdlib -static -no-pie -Wl,--gc-sections -Wl,-e,"$2" -Wl,-u,"$2" \
        "$target/link.o" "$target/$1/$library" -o "$3"
    nm "$3" | grep " $2\$" >/dev/null || { printf 'FAIL: %s is not in its program\n' "$2"; exit 1; }
}

# panics PROGRAM: the symbols of panics in it.
panics() {
    nm "$1" | grep -E 'cync_panicked|rust_begin_unwind|panicking' || true
}

# callers PROGRAM: where it panics, with everything that was inlined there, innermost first.
callers() {
    objdump -d --no-show-raw-insn "$1" |
        awk '/^[0-9a-f]+ <.*>:$/ { inside = $2 }
             /<.*(panic|_fail|unwrap_failed|expect_failed|rust_begin_unwind).*>/ && inside !~ /panic|_fail|unwind/ {
                 sub(":", "", $1); print $1 }' |
        addr2line -e "$1" -a -i -f -C -p | sed "s#$repository/##; s#/[^ ]*/registry/src/[^/]*/##"
}

# size_of PROGRAM: its code in bytes.
size_of() {
    size -A "$1" | awk '$1 == ".text" { print $2 }'
}

for profile in release small; do
    build . "$profile"
    link "$profile" CYNC_WIRE "$target/wire-$profile"
    found=$(panics "$target/wire-$profile")
    if [ -n "$found" ]; then
        printf 'FAIL: a panic can be reached from the wire (profile %s):\n%s\nfrom:\n' "$profile" "$found"
        callers "$target/wire-$profile"
        exit 1
    fi
    printf 'wire path, profile %s: no panic in %d bytes of code\n' "$profile" "$(size_of "$target/wire-$profile")"

    link "$profile" CYNC_API "$target/api-$profile"
    found=$(nm -C "$target/api-$profile" |
        grep -E '__rust_(no_)?alloc|__rust_(de|re)alloc|__r(g|dl)_|(^|[ <&])alloc::| (malloc|calloc|realloc|free|aligned_alloc|posix_memalign|mmap|brk|sbrk)$' || true)
    if [ -n "$found" ]; then
        printf 'FAIL: an allocator can be reached (profile %s):\n%s\n' "$profile" "$found"
        exit 1
    fi
    printf 'whole interface, profile %s: no allocator in %d bytes of code\n' "$profile" "$(size_of "$target/api-$profile")"
done

# A check that finds nothing proves something only if it finds what is there: core with one slot looked up by `slots[i]`.
sound='self\.slots\.get(usize::from(at))\.map(|place| &place\.slot)'
planted='Some(\&self.slots[usize::from(at)].slot)'
copy=$target/planted
rm -rf "$copy"
mkdir -p "$copy/tests"
cp -r "$repository/Cargo.toml" "$repository/core" "$copy"
cp -r . "$copy/tests/no_std"
where=$(grep -rl "$sound" "$copy/core/src" || true)
if [ -z "$where" ]; then
    printf 'FAIL: core has no %s to plant a panic at: choose another place in %s\n' "$sound" "$0"
    exit 1
fi
sed -i "s/$sound/$planted/" $where
build "$copy/tests/no_std" release
link release CYNC_WIRE "$target/wire-planted"
if [ -z "$(panics "$target/wire-planted")" ]; then
    printf 'FAIL: with %s in core no panic was found\n' "$planted"
    exit 1
fi
printf 'with %s planted in core: the panic is found\n' "$planted"
