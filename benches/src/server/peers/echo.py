"""The echo server on asyncio's own loop or on uvloop, as a protocol: the quickest way there is on either."""

import asyncio
import os
import socket
import sys
import threading


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.transport.write(data)


def end_with_stdin():
    while os.read(0, 64):
        pass
    os._exit(0)


async def main():
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    threading.Thread(target=end_with_stdin, daemon=True).start()
    await server.serve_forever()


if sys.argv[1] == "uvloop":
    import uvloop

    uvloop.run(main()) if hasattr(uvloop, "run") else (uvloop.install(), asyncio.run(main()))
else:
    asyncio.run(main())
