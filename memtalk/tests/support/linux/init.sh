#!/bin/busybox sh
# The first process in the machine: a shell that reads the test's commands from the serial
# line.
/bin/busybox mkdir -p /proc /sys /dev /tmp
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/shm
mount -t tmpfs shm /dev/shm
cd /tmp
# What never ends if it is opened with `<>`.
mkfifo open
# A pipeline fails if the first command does.
set -o pipefail
# Line by line: where a child ends while `read` waits for the rest of a line, it forgets the
# beginning.
stty -echo -onlcr

# The shared memory, as a file.
for device in /sys/bus/pci/devices/*; do
    case $(cat $device/vendor $device/device) in
    *1af4*1110) export PAGE=$device/resource2 ;;
    esac
done

# Kills memtalk, and nothing that it left behind to speak for it.
kill_talk() {
    kill "$1" "$(cat /tmp/talk.pid)"
}

# Runs a command in the background: its number, the command.
start() {
    rm -f /tmp/talk.pid
    (
        eval "$2" >"/tmp/$1.out" 2>"/tmp/$1.err"
        echo $? >"/tmp/$1.new"
        mv "/tmp/$1.new" "/tmp/$1.status"
    ) </dev/null &
}
# Waits until it has ended: its number.
ended() {
    until [ -e "/tmp/$1.status" ]; do usleep 2000; done
}
# Waits until memtalk has mapped the memory: the number of its command, which must not end.
came() {
    until grep -q resource2 "/proc/$(cat /tmp/talk.pid)/maps"; do
        if [ -e "/tmp/$1.status" ]; then return 1; fi
        usleep 2000
    done 2>/dev/null
}

echo "the shell is up"
while read -r line; do eval "$line"; done
