#!/bin/sh
# memtalk on the shared memory. Its process id goes to a file.
echo $$ >/tmp/talk.pid
exec memtalk --device "$PAGE" "$@"
