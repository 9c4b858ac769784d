"""A small HTTP server for scenarios: says who it is and who asked, and counts what it got.

  whoami.py PORT NAME

GET  any path       JSON {"server", "peer", "port", "path", "canary"}; /slow answers after two seconds
POST any path       the same with "body_bytes"
"""
# SPDX-License-Identifier: Apache-2.0
import http.server
import json
import socket
import sys
import time


class Whoami(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(0)

    def do_POST(self):
        self.answer(len(self.rfile.read(int(self.headers.get("Content-Length", 0)))))

    def answer(self, body_bytes):
        if self.path == "/slow":
            time.sleep(2)
        host = self.client_address[0]
        text = json.dumps({
            "server": sys.argv[2],
            "peer": host.removeprefix("::ffff:"),
            "port": self.client_address[1],
            "path": self.path,
            "canary": self.headers.get("X-Canary", ""),
            "body_bytes": body_bytes,
        }).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, form, *words):
        print(self.client_address[0], form % words, flush=True)


class DualStack(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 512


DualStack(("::", int(sys.argv[1])), Whoami).serve_forever()
