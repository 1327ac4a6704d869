"""A DNS server for nginx's resolver: a few A records that a test may change."""

import socket
import struct
import threading

HEADER = struct.Struct("!6H")
TYPE_A = 1
NO_SUCH_NAME = 3


class DnsServer:
    """Answers A queries from `records` (name → address); other names do not exist."""

    def __init__(self, records):
        self.records = dict(records)
        self.asked = []  # names, in the order of the queries
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self):
        # An empty datagram ends the thread; closing the socket would not wake it.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(512)
            if not query:
                return
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query):
        identity, _, _, _, _, _ = HEADER.unpack_from(query)
        name, end = self._name(query)
        (record_type,) = struct.unpack_from("!H", query, end)
        question = query[HEADER.size : end + 4]
        self.asked.append(name)
        address = self.records.get(name)
        answer = b""
        if address and record_type == TYPE_A:
            # A pointer to the question's name, class IN, a TTL of one second.
            answer = struct.pack("!HHHIH", 0xC00C, TYPE_A, 1, 1, 4) + socket.inet_aton(address)
        code = 0 if address else NO_SUCH_NAME
        flags = 0x8180 | code  # a response, recursion desired and available
        return HEADER.pack(identity, flags, 1, 1 if answer else 0, 0, 0) + question + answer

    @staticmethod
    def _name(query):
        labels = []
        position = HEADER.size
        while query[position]:
            length = query[position]
            labels.append(query[position + 1 : position + 1 + length].decode())
            position += 1 + length
        return ".".join(labels), position + 1
