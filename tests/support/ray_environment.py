"""What Ray is told in tests: a token that nobody else has, and no reports of its use.

Imported before Ray, which reads it once a process, at its first use.
"""

import os
import secrets

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
