#!/bin/sh
# The demo: two processes exchange two streams through one page, and both are compared.
# usage: demo.sh MEMTALK
set -eu

memtalk=$1
name=/memtalk-demo-$$
dir=$(mktemp -d)
trap 'rm -rf "$dir" "/dev/shm$name"' EXIT

# A word list; or numbers, if this machine has none.
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

echo "Two processes, started in either order:"
run "$words" "$dir/received-files" &
one=$!
run "$dir/files" "$dir/received-words"
wait "$one"

cmp "$words" "$dir/received-words"
cmp "$dir/files" "$dir/received-files"
if [ -e "/dev/shm$name" ]; then
    echo "the object $name was left behind in /dev/shm" >&2
    exit 1
fi
echo
echo "Both ended with status 0. Each received the other's stream, byte for byte, and the"
echo "object is gone. Bytes received:"
wc -c "$dir/received-words" "$dir/received-files" | sed "s|$dir/||"
