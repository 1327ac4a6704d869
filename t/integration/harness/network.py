"""Networks between a server and its clients: the loopback, and one whose link can fail."""

import os
import re
import socket
import subprocess
import sys

from .waiting import DEFAULT_TIMEOUT


class Loopback:
    """The network that everybody is on."""

    address = "127.0.0.1"  # of servers
    server_command = ()  # what a server's command begins with

    @staticmethod
    def make_socket():
        """A client's TCP socket, not connected."""
        return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


LOOPBACK = Loopback()

# Runs on the client's side: a socket belongs to the network that it was made in.
SOCKET_MAKER = """
import socket, sys
channel = socket.socket(fileno=int(sys.argv[1]))
while channel.recv(1):
    with socket.socket() as made:
        socket.send_fds(channel, [b"."], [made.fileno()])
"""


class FailingNetwork:
    """Two network namespaces with a cable between them: one for servers, one for clients.

    An ordinary user may have them too, in a user namespace, where the kernel allows that.
    """

    address = "10.0.0.1"
    client_address = "10.0.0.2"

    def __init__(self):
        is_root = os.geteuid() == 0
        user = [] if is_root else ["--user", "--map-current-user", "--keep-caps"]
        self._channel, channel = socket.socketpair()
        self._channel.settimeout(DEFAULT_TIMEOUT)
        # A shell that runs in the server's namespace what it is told.
        self._shell = subprocess.Popen(
            ["unshare", *user, "--net", "sh"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            pass_fds=[channel.fileno()],
        )
        self.server_command = ("nsenter", "--net", f"--target={self._shell.pid}")
        if not is_root:
            self.server_command += ("--user", "--preserve-credentials")
        maker = f"{sys.executable} -c '{SOCKET_MAKER}' {channel.fileno()}"
        self._run(f"unshare --net {maker} & client=$!")
        channel.close()
        self.make_socket().close()  # now the client's namespace is there
        self._run(
            "ip link set lo up",
            "ip link add server type veth peer name client netns $client",
            f"ip address add {self.address}/24 dev server",
            "ip link set server up",
        )
        self._run_as_client(
            f"ip address add {self.client_address}/24 dev client", "ip link set client up"
        )

    def make_socket(self):
        self._channel.sendall(b".")
        _, fds, _, _ = socket.recv_fds(self._channel, 1, 1)
        return socket.socket(fileno=fds[0])

    def fail(self):
        """From here on nothing that the clients send arrives, and no end is told of it."""
        self._run_as_client(f"ip route add blackhole {self.address}")

    def close(self):
        self._channel.close()
        self._shell.stdin.close()
        self._shell.wait()
        self._shell.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, *commands):
        for command in commands:
            print(f"{command}\necho = $?", file=self._shell.stdin, flush=True)
            said = ""
            while not re.search(r"^= \d+\n", said, re.MULTILINE):
                line = self._shell.stdout.readline()
                assert line, f"{command}: the shell ended: {said}"
                said += line
            assert said.endswith("= 0\n"), f"{command}: {said}"

    def _run_as_client(self, *commands):
        self._run(*(f"nsenter --net --target=$client {command}" for command in commands))
