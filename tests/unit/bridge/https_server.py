"""A credentials endpoint that demands a client certificate and behaves as its path says.

usage: https_server.py PORT CA CERT KEY
"""
import http.server
import ssl
import sys
import time


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunks(self, count):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for _ in range(count):
            self.wfile.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def do_GET(self):
        path = self.path
        if path == "/secret":
            # spelt so that the client's memory has it from the wire alone
            self.answer(200, b"password=" + b"".join(b"%c" % c for c in b"S3cr3t-Of-The-Wire"))
        elif path == "/echo-token":
            self.answer(200, self.headers.get("Authorization", "").encode())
        elif path == "/redirect":
            self.answer(302, b"", [("Location", "https://127.0.0.1:1/")])
        elif path.startswith("/status/"):
            self.answer(int(path.split("/")[2]), b"no")
        elif path.startswith("/chunks/"):
            self.chunks(int(path.split("/")[2]))
        elif path == "/huge":
            self.answer(200, b"x" * 1000000)
        elif path == "/slow":
            time.sleep(30)
        elif path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            for _ in range(1000):
                self.wfile.write(b"x")
                time.sleep(0.1)
        elif path == "/garbage":
            self.wfile.write(b"\x00\x01garbage\r\n\r\n")
            self.close_connection = True
        elif path == "/cut":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"half")
            self.close_connection = True
        else:
            time.sleep(0.05)
            self.answer(200, b"{\"ok\":true}")


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def get_request(self):
        sock, address = super().get_request()
        sock.settimeout(10)
        return self.context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request, client_address):
        pass


def main():
    port, ca, cert, key = sys.argv[1:]
    server = Server(("127.0.0.1", int(port)), Handler)
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(cert, key)
    server.context.load_verify_locations(ca)
    server.context.verify_mode = ssl.CERT_REQUIRED
    server.serve_forever()


main()
