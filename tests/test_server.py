"""The server refuses a port that somebody listens on, whoever that is."""

from __future__ import annotations

import socket

import pytest

from edu_pilot import server
from edu_pilot.config import Misconfigured


def test_a_port_in_use_is_refused_with_its_name() -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"127.0.0.1:{port} cannot be used"):
            server._require_free("127.0.0.1", port)
    server._require_free("127.0.0.1", port)
