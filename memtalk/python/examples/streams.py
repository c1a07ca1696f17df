"""Two tasks of asyncio: one talks in capitals, the other one listens."""

import asyncio
import sys

import memtalk


async def shout(name: str) -> None:
    async with await memtalk.open_async(name, timeout=10) as talk:
        async for line in talk.reader:  # Until the end of the stream.
            talk.writer.write(line.upper())
            await talk.writer.drain()


async def ask(name: str) -> None:
    async with await memtalk.open_async(name, timeout=10) as talk:
        for word in ["hello", "goodbye"]:
            talk.writer.write(f"{word}\n".encode())
            print(word, (await talk.reader.readline()).decode().strip())


async def main(name: str) -> None:
    await asyncio.gather(shout(name), ask(name))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
