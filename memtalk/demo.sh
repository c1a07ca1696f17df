#!/bin/sh
# Shows the main job: two processes exchange two streams through one page.
# usage: demo.sh MEMTALK
set -eu

memtalk=$1
name=/memtalk-demo-$$
dir=$(mktemp -d)
trap 'rm -rf "$dir" "/dev/shm$name"' EXIT

# The word list of the example, where the machine has one.
words=/usr/share/dict/words
if [ ! -r "$words" ]; then
    words=$dir/words
    seq 1 200000 >"$words"
fi
find /usr -xdev >"$dir/files" 2>/dev/null || true

run() {
    echo "\$ cat $1 | memtalk -f $name"
    cat "$1" | "$memtalk" -f "$name" >"$2"
}

echo "In one terminal and in another, in any order:"
run "$words" "$dir/received-files" &
one=$!
run "$dir/files" "$dir/received-words"
wait "$one"

cmp "$words" "$dir/received-words"
cmp "$dir/files" "$dir/received-files"
if [ -e "/dev/shm$name" ]; then
    echo "the object is left behind" >&2
    exit 1
fi
echo
echo "Both exited with 0, the object is gone, and each has the other's stream:"
wc -c "$dir/received-words" "$dir/received-files" | sed "s|$dir/||"
