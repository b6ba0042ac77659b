"""Asks a node's relaisd through its control socket, from outside of the node's namespaces."""

import http.client
import json
import socket

from .shell import LabError

SOCKET_IN_NODE = "/run/relais/relaisd.sock"


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path, timeout_s):
        super().__init__("localhost", timeout=timeout_s)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def request(init, method, path, body=None, timeout_s=5):
    """The decoded answer of the relaisd in the node whose process 1 is `init`. LabError if there is none or it
    refuses."""
    connection = UnixConnection(f"/proc/{init.pid}/root{SOCKET_IN_NODE}", timeout_s)
    try:
        text = None if body is None else json.dumps(body)
        connection.request(method, path, body=text, headers={"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LabError(f"relaisd does not answer {path}: {error}") from error
    finally:
        connection.close()
    if response.status >= 400:
        answer = answer or {}
        raise LabError(f"relaisd refuses {path}: {answer.get('error', response.status)}", answer.get("way_out", ""))
    return answer


def status(init, timeout_s=5):
    return request(init, "GET", "/v1/status", timeout_s=timeout_s)


def receipts(init):
    return request(init, "GET", "/v1/receipts")["receipts"]


def receipts_of_all(state):
    """{node: its receipts}; of a running node that does not answer, none."""
    found = {}
    for node in state.running():
        try:
            found[node] = receipts(state.nodes[node])
        except LabError:
            found[node] = []
    return found


def status_or_none(init, timeout_s=2):
    try:
        return status(init, timeout_s)
    except LabError:
        return None
