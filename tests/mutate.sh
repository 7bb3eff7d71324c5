#!/usr/bin/env bash
# Plants every defect of tests/mutations.txt in a copy of the project, one at a time, and expects the test that it names to fail.
#
#   tests/mutate.sh            all of them
#   tests/mutate.sh S11        those of one invariant
#   tests/mutate.sh 'heap'     those with this in their name
#
# Fails if a defect is survived, does not compile, cannot be planted, or is not named in tests/README.md. The copy is kept for the
# next run, with what was built of it, in target/mutate or in MUTATE_DIR.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
only=${1:-}
mutations=$root/tests/mutations.txt
work=${MUTATE_DIR:-$root/target/mutate}
copy=$work/copy
log=$work/log

# Properties are drawn from one seed: what passes as it is, and fails with a defect, fails for the defect.
export PROPTEST_RNG_SEED=1 PROPTEST_CASES=1500 PROPTEST_MAX_SHRINK_ITERS=0
# What is built once and run once is built quickly.
export CARGO_TARGET_DIR=$work/build CARGO_INCREMENTAL=1 CARGO_PROFILE_DEV_DEBUG=0 CARGO_TERM_COLOR=never
export RUST_BACKTRACE=0
seconds=120

fail() { printf '%s\n' "$*" >&2; exit 1; }

# limited COMMAND...: for at most so many seconds, and with so much memory: a defect may well be an endless loop.
limited() {
    (
        ulimit -v 8000000 2>/dev/null || true
        if command -v timeout >/dev/null 2>&1; then exec timeout "$seconds" "$@"; else exec "$@"; fi
    )
}

# replaced TEXT AFTER OLD NEW: the text with OLD replaced by NEW, in `result`; false if it is not clear where.
replaced() {
    local text=$1 after=$2 old=$3 new=$4 front=
    if [ -n "$after" ]; then
        case $text in *"$after"*"$after"*) return 1 ;; *"$after"*) ;; *) return 1 ;; esac
        front=${text%%"$after"*}$after
        text=${text#*"$after"}
    else
        case $text in *"$old"*"$old"*) return 1 ;; esac
    fi
    case $text in *"$old"*) ;; *) return 1 ;; esac
    result=$front${text%%"$old"*}$new${text#*"$old"}
}

# With the time of now, so that nothing built with a defect of the last run passes for what it is built of.
rm -rf "$copy"
mkdir -p "$copy"
for entry in *; do
    case $entry in target | fuzz) ;; *) cp -R "$entry" "$copy" ;; esac
done
cd "$copy"

started=$SECONDS
targets=$(awk '$1 == "test" { print $2 }' "$mutations" | sort -u)
for target in $targets; do
    set -- --locked --quiet -p cync-tests --test "$target"
    cargo test "$@" --no-run >"$log" 2>&1 || { cat "$log"; fail "the project does not compile"; }
    limited cargo test "$@" >"$log" 2>&1 || { cat "$log"; fail "$target fails as it is"; }
done
printf 'without a defect %s pass, %d s\n' "$(tr '\n' ' ' <<<"$targets" | sed 's/ $//; s/ /, /g')" $((SECONDS - started))

planted=0 bad=0
invariant='' name='' file='' after='' old='' new=''

# try TARGET TEST: plants the defect that was read last.
try() {
    local target=$1 test=$2 text verdict=killed code=0 began=$SECONDS
    case "$invariant $name" in "$only "* | *"$only"*) ;; *) return 0 ;; esac
    if [[ $only =~ ^[SCL][0-9]+$ ]] && [ "$only" != "$invariant" ]; then return 0; fi
    planted=$((planted + 1))
    text=$(cat "$root/$file" && printf .)
    text=${text%.}
    set -- --locked --quiet -p cync-tests --test "$target"
    if ! grep -F -e "$name" "$root/tests/README.md" >/dev/null; then
        verdict='NOT IN tests/README.md'
    elif ! replaced "$text" "$after" "$old" "$new"; then
        verdict='NOT PLANTED: its old line is not in the file exactly once'
    else
        printf '%s' "$result" >"$copy/$file"
        if ! cargo test "$@" --no-run >"$log" 2>&1; then
            verdict='DOES NOT COMPILE'
            grep -m 3 -E '^error' "$log" || true
        else
            # Without `--quiet` the tests are counted.
            limited cargo test --locked -p cync-tests --test "$target" -- "$test" >"$log" 2>&1 || code=$?
            if grep -E '^running 0 tests' "$log" >/dev/null; then
                verdict="NO SUCH TEST: $target $test"
            elif [ "$code" -eq 0 ]; then
                verdict="SURVIVED by $target $test"
            elif [ "$code" -eq 124 ]; then
                verdict="killed, after $seconds s without an end"
            fi
        fi
        printf '%s' "$text" >"$copy/$file"
    fi
    case $verdict in killed*) ;; *) bad=$((bad + 1)) ;; esac
    printf '%-4s %s (%s, %d s)\n' "$invariant" "$name" "$verdict" $((SECONDS - began))
}

while IFS= read -r line <&3 || [ -n "$line" ]; do
    value=${line#* }
    case $line in
        '' | '#'*) ;;
        '== '*) invariant=${value%% *} name=${value#* } file='' after='' old='' new='' ;;
        'file '*) file=$value ;;
        'after '*) after=$value ;;
        'old '*) old=$value ;;
        'new') new='' ;;
        'new '*) new=$value ;;
        'test '*) try "${value%% *}" "${value#* }" ;;
        *) fail "$mutations: $line" ;;
    esac
done 3<"$mutations"

[ "$planted" -gt 0 ] || fail "there is no defect like $only"
printf '%d of %d defects were noticed, %d s\n' $((planted - bad)) "$planted" $((SECONDS - started))
[ "$bad" -eq 0 ]
