"""How connections end, from both sides: half-closes and resets, for scenarios about close fidelity.

  ends.py serve PORT                the first byte of a connection says how it is to end; prints what happened
  ends.py server-closes ADDRESS PORT   server half-closes first, client goes on sending
  ends.py client-closes ADDRESS PORT   client half-closes first, server answers after two seconds
  ends.py server-resets ADDRESS PORT
  ends.py client-resets ADDRESS PORT
"""
# SPDX-License-Identifier: Apache-2.0
import socket
import struct
import sys
import threading
import time


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def drain(connection):
    """Bytes until the end, and how it ended."""
    total = 0
    try:
        while got := connection.recv(65536):
            total += len(got)
    except ConnectionResetError:
        return total, "reset"
    return total, "end"


def serve_one(connection):
    wish = connection.recv(1)
    if wish == b"S":  # the server closes its half first
        connection.sendall(b"bye")
        connection.shutdown(socket.SHUT_WR)
        print("server-closes", *drain(connection), flush=True)
    elif wish == b"C":  # the client closes its half first
        total, how = drain(connection)
        time.sleep(2)
        connection.sendall(b"%d %s" % (total, how.encode()))
        connection.close()
    elif wish == b"R":
        connection.sendall(b"hello")
        time.sleep(0.3)
        reset(connection)
    elif wish == b"W":
        print("client-resets", *drain(connection), flush=True)


def serve(port):
    listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=128)
    while True:
        threading.Thread(target=serve_one, args=(listener.accept()[0],), daemon=True).start()


def ask(how, address, port):
    connection = socket.create_connection((address, port), timeout=10)
    if how == "server-closes":
        connection.sendall(b"S")
        print(*drain(connection), flush=True)
        time.sleep(0.5)
        connection.sendall(b"x" * 1000)
        connection.close()
    elif how == "client-closes":
        connection.sendall(b"C" + b"x" * 1000)
        connection.shutdown(socket.SHUT_WR)
        print(connection.recv(100).decode(), flush=True)
    elif how == "server-resets":
        connection.sendall(b"R")
        print(*drain(connection), flush=True)
    elif how == "client-resets":
        connection.sendall(b"W" + b"x" * 1000)
        time.sleep(0.5)
        reset(connection)


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    ask(sys.argv[1], sys.argv[2], int(sys.argv[3]))
