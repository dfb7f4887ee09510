"""deny.sh, both ways: its vault API for its clients (`api`), and a deny.sh server as the source of tools' credentials
(`remote`). The SDK `deny-sh` and its `client.py` are the authority for every shape here.
"""
