"""Reads answers with OpenAI's own client, which gets them in place of a server's.

usage: openai_client.py WHOLE STREAMED

Prints what the client understood of each.
"""

import json
import pathlib
import sys

import httpx2
from openai import OpenAI


def client(body, content_type):
    answer = httpx2.Response(200, content=body, headers={"content-type": content_type})
    transport = httpx2.MockTransport(lambda request: answer)
    return OpenAI(api_key="sk-none", base_url="http://relayed/v1", http_client=httpx2.Client(transport=transport))


def main(whole, streamed):
    messages = [{"role": "user", "content": "hi"}]
    completions = client(pathlib.Path(whole).read_bytes(), "application/json").chat.completions
    answer = completions.create(model="m", messages=messages)
    completions = client(pathlib.Path(streamed).read_bytes(), "text/event-stream").chat.completions
    chunks = list(completions.create(model="m", messages=messages, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    print(
        json.dumps(
            {
                "whole": {
                    "content": answer.choices[0].message.content,
                    "total_tokens": answer.usage.total_tokens,
                },
                "streamed": {"content": text, "total_tokens": chunks[-1].usage.total_tokens},
            }
        )
    )


main(*sys.argv[1:])
