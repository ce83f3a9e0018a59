-- For wrk: one request after another from a file of JSON lines, and how many were refused.
-- A line is {"token": "…" or null, "body": "…"}, written by bench/load.py as "token\tbody".
local requests, at, threads = {}, 0, {}
refused = 0

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for line in io.lines(args[1]) do
    local token, body = line:match("^([^\t]*)\t(.*)$")
    local headers = { ["Content-Type"] = "application/json" }
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    table.insert(requests, wrk.format("POST", "/graphql", headers, body))
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status, headers, body)
  if status ~= 200 or body:find('"errors"', 1, true) then refused = refused + 1 end
end

function done(summary, latency, _)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("refused") end
  io.write(string.format(
    'RESULT {"requests": %d, "seconds": %.6f, "refused": %d, "p50": %.3f, "p99": %.3f}\n',
    summary.requests, summary.duration / 1e6, wrong,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
