"""Answers for agents: a server of the Model Context Protocol on stdin and stdout (extra `mcp`).

`inputs` says what a tool takes, `tools` what it answers; `server` speaks the protocol by the official SDK.
"""
