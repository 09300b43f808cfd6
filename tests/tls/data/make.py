#!/usr/bin/env python3
"""Makes the TLS sessions and key files in this folder with gnutls-serv, gnutls-cli and openssl, on loopback.

Run it in this folder; needs Debian's gnutls-bin and openssl. A session is a text file: `N` begins a connection,
`C` and `S` carry what its client and server sent, in hexadecimal, `K` is a line of the client's key log.
"""
import os, socket, subprocess, sys, tempfile, threading, time

TEXT = b"".join(b"OPTIONS sip:user%d@example.test SIP/2.0\r\nCall-ID: %d\r\nContent-Length: 0\r\n\r\n" % (n, n) for n in range(12))
HALF = TEXT.index(b"OPTIONS sip:user3@")
PASSWORD = "correct horse"


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, **more)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Recorder(threading.Thread):
    """Stands between client and server and writes down what passes."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.server, self.connections, self.lock = port, [], threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server))
            with self.lock:
                # Two connections may overlap: each has its own lines.
                lines = ["N"]
                self.connections.append(lines)
            for mark, one, other in (("C", client, server), ("S", server, client)):
                threading.Thread(target=self.carry, args=(lines, mark, one, other), daemon=True).start()

    def carry(self, lines, mark, one, other):
        try:
            while data := one.recv(65536):
                with self.lock:
                    lines.append(f"{mark} {data.hex()}")
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def record(name, priority, server_priority=None, server=(), client=(), pieces=None):
    port, log = free_port(), os.path.join(tempfile.gettempdir(), f"{name}.keys")
    if os.path.exists(log):
        os.remove(log)
    environment = {k: v for k, v in os.environ.items() if k != "SSLKEYLOGFILE"}
    serving = subprocess.Popen(
        ["gnutls-serv", "--echo", "--quiet", "-p", str(port), "--x509certfile", "server.crt", "--x509keyfile", "server.key",
         "--x509cafile", "client.crt", "--priority", server_priority or priority, *server],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    recorder = Recorder(port)
    recorder.start()
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.05)
    process = subprocess.Popen(
        ["gnutls-cli", "--insecure", "-p", str(recorder.port), "--priority", priority, *client, "localhost"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**environment, "SSLKEYLOGFILE": log})
    time.sleep(0.6)
    for piece in pieces or [TEXT[:HALF], TEXT[HALF:]]:
        process.stdin.write(piece)
        process.stdin.flush()
        time.sleep(0.4)
    process.stdin.close()
    out = process.stdout.read().decode(errors="replace")
    process.wait()
    serving.kill()
    serving.wait()
    keys = open(log).read().split("\n") if os.path.exists(log) else []
    keys = [f"K {line}" for line in keys if line and not line.startswith("#")]
    if "Handshake was completed" not in out:
        sys.exit(f"{name}: {out}")
    with open(f"{name}.session", "w") as file:
        file.write("\n".join(keys + sum(recorder.connections, [])) + "\n")
    print(name, [line for line in out.split("\n") if "Description" in line])


def priority(version, exchange, cipher, mac, more=""):
    return f"NORMAL:-VERS-ALL:+VERS-TLS{version}:-KX-ALL:+{exchange}:-CIPHER-ALL:+{cipher}:-MAC-ALL:+{mac}{more}"


def keys():
    subject = "/O=Example/CN=sip.example.test"
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.crt",
        "-days", "7300", "-subj", subject, "-addext", "subjectAltName=DNS:sip.example.test,IP:192.0.2.5")
    run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "client.key", "-out", "client.crt",
        "-days", "7300", "-subj", "/O=Example/CN=edge.example.test")
    word = f"pass:{PASSWORD}"
    run("openssl", "rsa", "-in", "server.key", "-traditional", "-out", "pkcs1.pem")
    for cipher in ("aes128", "aes192", "aes256", "des3"):
        run("openssl", "rsa", "-in", "server.key", "-traditional", f"-{cipher}", "-passout", word, "-out", f"old-{cipher}.pem")
    run("openssl", "pkcs8", "-topk8", "-in", "server.key", "-passout", word, "-out", "pkcs8-aes.pem")
    run("openssl", "pkcs8", "-topk8", "-v2", "des3", "-in", "server.key", "-passout", word, "-out", "pkcs8-3des.pem")
    run("openssl", "pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES", "-in", "server.key", "-passout", word, "-out", "pkcs8-pbes1.pem")
    run("openssl", "pkcs8", "-topk8", "-v2", "aes128", "-v2prf", "hmacWithSHA1", "-in", "server.key", "-passout", word, "-out", "pkcs8-sha1.pem")
    old = ("-provider", "legacy", "-provider", "default", "-in", "server.key", "-passout", word)
    run("openssl", "rsa", "-traditional", "-des", *old, "-out", "old-des.pem")
    run("openssl", "pkcs8", "-topk8", "-v1", "PBE-MD5-DES", *old, "-out", "pkcs8-md5-des.pem")
    run("openssl", "pkcs8", "-topk8", "-v1", "PBE-MD5-DES", *old, "-outform", "DER", "-out", "pkcs8-md5-des.der")
    run("openssl", "pkcs8", "-topk8", "-v2", "des", "-v2prf", "hmacWithSHA1", *old, "-out", "pkcs8-v2-des.pem")
    run("openssl", "rsa", "-in", "server.key", "-outform", "DER", "-out", "pkcs1.der", "-traditional")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "server.key", "-outform", "DER", "-out", "pkcs8.der")
    run("openssl", "pkcs12", "-export", "-inkey", "server.key", "-in", "server.crt", "-passout", word, "-out", "new.pfx")
    run("openssl", "pkcs12", "-export", "-legacy", "-inkey", "server.key", "-in", "server.crt", "-passout", word, "-out", "windows.pfx")
    run("openssl", "pkcs12", "-export", "-inkey", "server.key", "-in", "server.crt", "-passout", "pass:", "-out", "empty-password.pfx")
    run("openssl", "pkcs12", "-export", "-nokeys", "-in", "server.crt", "-passout", word, "-out", "no-key.pfx")
    run("openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ec.pem")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", "ec.pem", "-out", "ec-pkcs8.pem")
    with open("several.pem", "w") as file:
        for part in ("client.crt", "client.key", "server.crt", "pkcs1.pem"):
            file.write(open(part).read())


def sessions(names):
    def session(name, *words, **more):
        if not names or name in names:
            record(name, *words, **more)

    plain = ":%NO_ETM:%NO_SESSION_HASH:%NO_TICKETS"
    session("tls10-rsa-aes128-sha", priority("1.0", "RSA", "AES-128-CBC", "SHA1", plain))
    session("tls10-dhe-aes256-sha", priority("1.0", "DHE-RSA", "AES-256-CBC", "SHA1", plain))
    session("tls10-rsa-3des-sha-ems", priority("1.0", "RSA", "3DES-CBC", "SHA1", ":%NO_ETM"))
    session("tls10-rsa-rc4-md5", priority("1.0", "RSA", "ARCFOUR-128", "MD5", plain))
    session("tls11-rsa-rc4-sha", priority("1.1", "RSA", "ARCFOUR-128", "SHA1", plain))
    session("tls11-ecdhe-3des-sha", priority("1.1", "ECDHE-RSA", "3DES-CBC", "SHA1", plain))
    session("tls11-rsa-aes256-sha-ems-etm", priority("1.1", "RSA", "AES-256-CBC", "SHA1"))
    session("tls10-rsa-aes256-sha-etm", priority("1.0", "RSA", "AES-256-CBC", "SHA1"))
    session("tls12-rsa-null-sha", priority("1.2", "RSA", "NULL", "SHA1", plain))
    session("tls12-rsa-aes256-sha256", priority("1.2", "RSA", "AES-256-CBC", "SHA256", plain))
    session("tls12-rsa-aes128-sha256-ems-etm", priority("1.2", "RSA", "AES-128-CBC", "SHA256"))
    session("tls12-ecdhe-aes256-sha384", priority("1.2", "ECDHE-RSA", "AES-256-CBC", "SHA384", ":%NO_ETM"))
    session("tls12-rsa-gcm256-ems", priority("1.2", "RSA", "AES-256-GCM", "AEAD"))
    session("tls12-dhe-gcm128", priority("1.2", "DHE-RSA", "AES-128-GCM", "AEAD"))
    session("tls12-rsa-ccm128", priority("1.2", "RSA", "AES-128-CCM", "AEAD"))
    session("tls12-dhe-ccm256-8", priority("1.2", "DHE-RSA", "AES-256-CCM-8", "AEAD"))
    session("tls12-ecdhe-chacha", priority("1.2", "ECDHE-RSA", "CHACHA20-POLY1305", "AEAD"))
    gcm12 = priority("1.2", "RSA", "AES-128-GCM", "AEAD")
    session("tls12-resumed-by-id", gcm12 + ":%NO_TICKETS", client=["--resume"])
    session("tls12-resumed-by-ticket", gcm12, client=["--resume"])
    session("tls12-mutual", gcm12, server=["--require-client-cert"], client=["--x509certfile", "client.crt", "--x509keyfile", "client.key"])
    cbc12 = priority("1.2", "RSA", "AES-256-CBC", "SHA256", ":%NO_ETM")
    session("tls12-renegotiated", cbc12, client=["--inline-commands"], pieces=[TEXT[:HALF], b"^renegotiate^\n", TEXT[HALF:]])
    for name, cipher in (("gcm128", "AES-128-GCM"), ("gcm256", "AES-256-GCM"), ("ccm", "AES-128-CCM"), ("ccm8", "AES-128-CCM-8"), ("chacha", "CHACHA20-POLY1305")):
        session(f"tls13-{name}", priority("1.3", "ECDHE-RSA", cipher, "AEAD"))
    gcm13 = priority("1.3", "ECDHE-RSA", "AES-256-GCM", "AEAD", ":-GROUP-ALL:+GROUP-X25519:+GROUP-SECP256R1")
    session("tls13-retry", gcm13, priority("1.3", "ECDHE-RSA", "AES-256-GCM", "AEAD", ":-GROUP-ALL:+GROUP-SECP256R1"), client=["--single-key-share"])
    session("tls13-key-update", gcm13, client=["--inline-commands"], pieces=[TEXT[:HALF], b"^rekey^\n", TEXT[HALF:]])
    session("tls13-resumed", gcm13, client=["--resume", "--waitresumption"])
    session("tls13-mutual", gcm13, server=["--require-client-cert"], client=["--x509certfile", "client.crt", "--x509keyfile", "client.key"])


if __name__ == "__main__":
    if not os.path.exists("server.key"):
        keys()
    sessions(sys.argv[1:])
