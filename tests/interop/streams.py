"""Many connections to an echo server, every byte of theirs compared.

  streams.py exchange ADDRESS PORT STREAMS BYTES   all open at once; BYTES random ones each, there and back
  streams.py churn ADDRESS PORT SECONDS PARALLEL   new connections without end, each with a random exchange

The echo server is culvert-load's: it wants an E first. Prints one JSON object; exit code 3 when a byte was lost.
"""
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import random
import socket
import sys
import threading
import time

PATIENCE_SECONDS = 30
ADDRESS, PORT = sys.argv[2], int(sys.argv[3])


def converse(connection, payload):
    """Sends and receives at the same time, closes its half when all is sent, and reads to the end."""
    def send():
        try:
            connection.sendall(payload)
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the receiver tells what is missing, and why

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    digest, total = hashlib.sha256(), 0
    while got := connection.recv(65536):
        digest.update(got)
        total += len(got)
    sender.join()
    if total != len(payload) or digest.digest() != hashlib.sha256(payload).digest():
        raise OSError(f"{total} of {len(payload)} bytes came back, or others than were sent")


class Tally:
    def __init__(self):
        self.right, self.failed, self.first, self.lock = 0, 0, "", threading.Lock()

    def add(self, error):
        with self.lock:
            if error is None:
                self.right += 1
            else:
                self.failed += 1
                self.first = self.first or f"at {time.time():.3f}: {error}"

    def end(self):
        print(json.dumps({"right": self.right, "failed": self.failed, "first": self.first}), flush=True)
        sys.exit(3 if self.failed else 0)


def attempt(tally, work, *arguments):
    try:
        with socket.create_connection((ADDRESS, PORT), timeout=PATIENCE_SECONDS) as connection:
            work(connection, *arguments)
        tally.add(None)
    except (OSError, threading.BrokenBarrierError) as error:
        tally.add(repr(error))


def exchange(streams, size):
    tally, all_open = Tally(), threading.Barrier(streams, timeout=PATIENCE_SECONDS)

    def one(connection, payload):
        connection.sendall(b"Eh")
        if connection.recv(1) != b"h":
            raise OSError("the first byte did not come back")
        all_open.wait()
        converse(connection, payload)

    threads = [threading.Thread(target=attempt, args=(tally, one, random.randbytes(size))) for _ in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.end()


def churn(seconds, parallel):
    tally, end = Tally(), time.monotonic() + seconds

    def one(connection, payload):
        connection.sendall(b"E")
        converse(connection, payload)

    def work():
        while time.monotonic() < end:
            attempt(tally, one, random.randbytes(random.choice((1, 1000, 20_000, 200_000))))

    threads = [threading.Thread(target=work) for _ in range(parallel)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tally.end()


if sys.argv[1] == "exchange":
    exchange(int(sys.argv[4]), int(sys.argv[5]))
else:
    churn(int(sys.argv[4]), int(sys.argv[5]))
