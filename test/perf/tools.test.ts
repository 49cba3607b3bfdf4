// Reports of the load generators as numbers.

import test from 'ava';
import {parseHttperf} from '../../perf/tools/httperf.ts';
import {parseWrk} from '../../perf/tools/wrk.ts';

const report = `Running 1s test @ http://10.77.0.100:80/16384
  1 threads and 1 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   175.41us   74.15us   3.10ms   98.41%
    Req/Sec     5.75k   273.48     6.05k    72.73%
  Latency Distribution
     50%  168.00us
     75%  179.00us
     90%  198.00us
     99%    1.25ms
  6292 requests in 1.10s, 99.86MB read
Requests/sec:   5721.12
Transfer/sec:     90.80MB
p99.9 2210
`;

test('a report of wrk: requests per second, median and p99 in microseconds', (t) => {
  t.deepEqual(parseWrk(report), {
    requests: 6292,
    requestsPerSecond: 5721.12,
    median: 168,
    p99: 1250,
    p999: 2210,
  });
});

test('a run with errors measures nothing', (t) => {
  const errors = `${report}  Socket errors: connect 0, read 3, write 0, timeout 0\n`;
  t.throws(() => parseWrk(errors), {message: /Socket errors: connect 0, read 3/});
  t.throws(() => parseWrk(`${report}  Non-2xx or 3xx responses: 6292\n`), {message: /Non-2xx/});
  t.throws(() => parseWrk('wrk: unable to connect'), {message: /Requests|wrk said/});
});

const httperf = `httperf --hog --timeout=2 --client=0/1 --server=10.77.0.11 --port=80 --uri=/10240 --rate=50
Maximum connect burst length: 1

Total: connections 100 requests 99 replies 98 test-duration 2.000 s

Connection rate: 50.0 conn/s (20.0 ms/conn, <=1 concurrent connections)
Connection time [ms]: min 1.0 avg 1.6 max 8.1 median 1.5 stddev 1.6

Reply rate [replies/s]: min 0.0 avg 0.0 max 0.0 stddev 0.0 (0 samples)
Reply size [B]: header 203.0 content 16384.0 footer 0.0 (total 16587.0)
Reply status: 1xx=0 2xx=97 3xx=0 4xx=1 5xx=0

Errors: total 2 client-timo 1 socket-timo 0 connrefused 0 connreset 1
Errors: fd-unavail 0 addrunavail 0 ftab-full 0 other 0
`;

test('a report of httperf: what failed is counted, wrong answers too', (t) => {
  t.deepEqual(parseHttperf(httperf), {
    connections: 100,
    replies: 98,
    failedShare: 0.03,
    repliesPerSecond: 49,
    seconds: 2,
    connectionMs: 1.6,
  });
  t.throws(() => parseHttperf('httperf: connection failed'), {message: /httperf said/});
});
