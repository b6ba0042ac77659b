#!/usr/bin/env python3
"""Clients that only listen: opens connections, says nothing, and tells when one of them ends.

idle_clients.py PORT VIP FIRST_SOURCE COUNT: from COUNT addresses that follow FIRST_SOURCE. The first line of the output
says which node answered each; every later line is the monotonic time, the number of the connection and how it ended.
Ends with standard input.
"""

import ipaddress
import json
import select
import socket
import sys
import time


def open_all(port, vip, first, count):
    connections = []
    for number in range(count):
        source = str(ipaddress.ip_address(first) + number)
        connection = socket.create_connection((vip, port), timeout=8, source_address=(source, 0))
        name = b""
        while not name.endswith(b"\n"):
            name += connection.recv(64)
        connections.append((connection, name.decode().split()[-1]))
    return connections


def end_of(connection):
    """How it has ended, or None."""
    try:
        return None if connection.recv(4096) else "closed"
    except ConnectionResetError:
        return "reset"
    except OSError as error:
        return str(error)


def main():
    port, vip, first, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
    connections = open_all(port, vip, first, count)
    print(json.dumps([name for _, name in connections]), flush=True)
    waiting = {connection: number for number, (connection, _) in enumerate(connections)}
    while True:
        readable, _, _ = select.select([sys.stdin, *waiting], [], [])
        if sys.stdin in readable:
            return
        for connection in readable:
            how = end_of(connection)
            if how:
                print(json.dumps([time.monotonic(), waiting.pop(connection), how]), flush=True)


if __name__ == "__main__":
    main()
