"""A port that belongs to one test until it is released."""

import socket


class HeldPort:
    """A free TCP port of 127.0.0.1, kept for a server that sets SO_REUSEADDR (nginx, Redis).

    The socket is bound without SO_REUSEADDR, so that no other HeldPort can be given the same
    port, and gets the option afterwards: then the server may bind and listen beside it, also
    again after a restart. The kernel does not choose a bound port for outgoing connections.
    """

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.number = self._socket.getsockname()[1]

    def __str__(self):
        return str(self.number)

    def release(self):
        self._socket.close()
