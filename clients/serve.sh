#!/bin/sh
# serve.sh - sourced by what needs a server of its own.
#   start_server BINARY MODEL OPTION...   one on a free port of 127.0.0.1; sets server (its process), address and log
#   end_server                            ends it; the status is the server's

log=$(mktemp)
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; rm -f "$log" "$log".*' EXIT

start_server() {
    binary=$1 model=$2
    shift 2
    "$binary" serve --model "$model" --port 0 --precision f32 "$@" 2>"$log" &
    server=$!
    tries=0
    until address=$(sed -n 's|.*listening on \(http://127.0.0.1:[0-9]*\)$|\1|p' "$log") && [ -n "$address" ]; do
        tries=$((tries + 1))
        if [ $tries -gt 600 ] || ! kill -0 "$server" 2>/dev/null; then cat "$log"; exit 1; fi
        sleep 0.1
    done
}

end_server() {
    kill "$server"
    wait "$server" || { cat "$log"; return 1; }
}
