#!/bin/sh
# Says what is missing if the Node.js that `npm ci` brings along is not there; an older one would fail at the first file.
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
[ "${major:-0}" -ge 24 ] && exit 0
echo "execd needs Node.js 24; found: $(node --version 2>/dev/null || echo none). Run npm ci to its end first: it installs Node.js 24 in node_modules." >&2
exit 1
