"""Tries to get around the capture with what CAP_NET_RAW allows: marks, IP_TRANSPARENT, SO_BINDTODEVICE.

  bypass.py ADDRESS PORT      one HTTP request per trick; prints "TRICK served", "TRICK failed: why"
"""
# SPDX-License-Identifier: Apache-2.0
import socket
import sys

IP_TRANSPARENT = 19
IPV6_TRANSPARENT = 75
MARKS = [0x1, 0x10000000, 0x20000000, 0x30000000, 0x539, 0x111, 0xFFFFFFFF]


def with_mark(mark):
    return lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark - (1 << 32) if mark >> 31 else mark)


def with_device(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"eth0\0")


def transparent(s):
    if s.family == socket.AF_INET:
        s.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
    else:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)


def everything(s):
    transparent(s)
    with_mark(0x30000000)(s)
    with_device(s)


TRICKS = {f"mark {mark:#x}": with_mark(mark) for mark in MARKS}
TRICKS |= {"device": with_device, "transparent": transparent, "everything": everything}


def attempt(address, port, trick):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(3)
        trick(s)
        s.connect((address, port))
        s.sendall(b"GET /bypass-canary HTTP/1.0\r\nX-Canary: bypass-canary\r\n\r\n")
        return s.recv(4096).startswith(b"HTTP/")


for name, trick in TRICKS.items():
    try:
        print(name, "served" if attempt(sys.argv[1], int(sys.argv[2]), trick) else "failed: no answer", flush=True)
    except OSError as error:
        print(name, f"failed: {error}", flush=True)
