-- For wrk -s: says the percentile that its report leaves out, in microseconds.
done = function(summary, latency)
  io.write(string.format("p99.9 %d\n", latency:percentile(99.9)))
end
