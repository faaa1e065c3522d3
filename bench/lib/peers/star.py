"""A star of slow links between network namespaces, for bench/peers.ts (Linux, root).

One namespace for the hub and one for each site, joined by this process: every site has a line up
and a line down of a given rate; a packet waits for the sender's line up and the receiver's line
down, and arrives the one-way delay later. The hub's own line has no limit. So site to hub and site
to site have the same delay, which is kind to methods that talk peer to peer.

    star.py PREFIX SITES ONE_WAY_DELAY_MS MBIT_PER_S

Namespaces PREFIX0 (hub, 10.88.0.1) to PREFIXn (site n, 10.88.0.n+1). Prints "up" when they are
there and ends, removing them, when its standard input does.
"""
import collections
import ctypes
import fcntl
import os
import select
import struct
import subprocess
import sys
import time

MTU = 9000
"""Large packets, so that carrying them costs little of the machine that the sites compute on."""
QUEUE_S = 0.1
"""A packet that would wait longer for a line is dropped: the queue of a home router."""
TUNSETIFF = 0x400454CA
IFF_TUN_NO_PI = 0x1001
CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def enter(fd):
    if LIBC.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def run(*command):
    subprocess.check_call(command)


def open_namespace(name, address, home):
    run("ip", "netns", "add", name)
    there = os.open("/run/netns/" + name, os.O_RDONLY)
    enter(there)
    tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22s", b"wan0", IFF_TUN_NO_PI, b""))
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", address + "/24", "dev", "wan0")
    run("ip", "link", "set", "wan0", "up", "mtu", str(MTU))
    enter(home)
    os.close(there)
    return tun


class Line:
    """Who sends at `bytes_per_s`, one packet after another; 0 means no limit."""

    def __init__(self, bytes_per_s):
        self.bytes_per_s = bytes_per_s
        self.free_at = 0.0

    def carry(self, start, length):
        """When a packet that comes at `start` has left, or None when the queue is full."""
        if self.bytes_per_s == 0:
            return start
        begin = max(start, self.free_at)
        if begin - start > QUEUE_S:
            return None
        self.free_at = begin + length / self.bytes_per_s
        return self.free_at


def route(tuns, up, down, delay_s):
    """Carries packets until standard input ends."""
    waiting = [collections.deque() for _ in tuns]
    while True:
        wait = 1.0
        for place, packets in enumerate(waiting):
            now = time.monotonic()
            while packets and packets[0][0] <= now:
                try:
                    os.write(tuns[place], packets.popleft()[1])
                except OSError:
                    pass  # Nobody listens there any more, as on a real network.
            if packets:
                wait = min(wait, packets[0][0] - now)
        ready = select.select([sys.stdin, *tuns], [], [], max(0.0, wait))[0]
        for one in ready:
            if one is sys.stdin:
                if not os.read(0, 4096):
                    return
                continue
            source = tuns.index(one)
            for _ in range(32):
                try:
                    packet = os.read(one, MTU + 64)
                except BlockingIOError:
                    break
                target = packet[19] - 1 if len(packet) >= 20 and packet[0] >> 4 == 4 else -1
                if not 0 <= target < len(tuns):
                    continue
                left = up[source].carry(time.monotonic(), len(packet))
                arrived = None if left is None else down[target].carry(left, len(packet))
                if arrived is not None:
                    waiting[target].append((arrived + delay_s, packet))


def main():
    prefix, sites, delay_ms, mbit = sys.argv[1], int(sys.argv[2]), *map(float, sys.argv[3:5])
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    names = [prefix + str(place) for place in range(sites + 1)]
    try:
        tuns = [open_namespace(n, "10.88.0.%d" % (i + 1), home) for i, n in enumerate(names)]
        rate = mbit * 1e6 / 8
        print("up", flush=True)
        lines = [[Line(0 if i == 0 else rate) for i in range(len(names))] for _ in range(2)]
        route(tuns, lines[0], lines[1], delay_ms / 1e3)
    finally:
        for name in names:
            subprocess.call(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
