"""Real nginx, real redis-server, and clients that notice every wrong byte."""

from . import http2_frames, processes
from .block_reader import StreamEnded
from .bystander import Bystander
from .certificate import make_certificate
from .crowd import Crowd
from .dns_server import DnsServer
from .event_stream import Block, EventStreamError, EventStreamParser
from .http2_client import Http2Connection
from .http2_frames import RawHttp2
from .http_client import HttpConnection, Response, http_request
from .http_wire import ChunkedDecoder, ResponseHead, WireError
from .network import FailingNetwork
from .nginx_server import Nginx
from .ports import HeldPort
from .publisher import Publisher
from .redis_server import Redis
from .sse_client import SseClient
from .stream_pool import StreamPool
from .waiting import WaitTimeout, wait_until

__all__ = [
    "Block",
    "Bystander",
    "ChunkedDecoder",
    "Crowd",
    "DnsServer",
    "EventStreamError",
    "EventStreamParser",
    "FailingNetwork",
    "HeldPort",
    "Http2Connection",
    "HttpConnection",
    "Nginx",
    "Publisher",
    "RawHttp2",
    "Redis",
    "Response",
    "ResponseHead",
    "SseClient",
    "StreamEnded",
    "StreamPool",
    "WaitTimeout",
    "WireError",
    "http2_frames",
    "http_request",
    "make_certificate",
    "processes",
    "wait_until",
]
