"""FreeIPA's JSON-RPC interface over HTTPS: a session, the answers to its calls, and errors by their code."""
