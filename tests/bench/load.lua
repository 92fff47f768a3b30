-- load.lua - what wrk sends, and what it says at the end: wrk ... -s load.lua URL -- BODIES
-- BODIES is a file with one JSON body a line; requests take them in turn. The last line of the output is JSON.
local requests, sent = {}, 0

function init(args)
    wrk.headers["Content-Type"] = "application/json"
    for body in io.lines(args[1]) do
        requests[#requests + 1] = wrk.format("POST", nil, nil, body)
    end
end

function request()
    sent = sent + 1
    return requests[sent % #requests + 1]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests": %d, "seconds": %.6f, "failed": %d, "p50_ms": %.4f, "p99_ms": %.4f, "max_ms": %.4f}\n',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.status + errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
