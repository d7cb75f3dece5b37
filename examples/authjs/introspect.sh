#!/bin/sh
# Says what an access token is worth that comes on standard input, from any backend that has curl:
#   POSTERN_ISSUER=… POSTERN_CLIENT_ID=… POSTERN_CLIENT_SECRET=… sh introspect.sh < token
# Secret and token go to curl by its standard input, because everybody on a machine may read the arguments of a command.
set -eu
printf 'user = "%s:%s"\ndata-urlencode = "token=%s"\n' "$POSTERN_CLIENT_ID" "$POSTERN_CLIENT_SECRET" "$(cat)" |
    curl --silent --show-error --fail-with-body --config - "$POSTERN_ISSUER/api/oauth/introspect"
